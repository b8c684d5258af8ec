"""The paper's ablation and the baselines on COCO dev (315 images), all on the same features and the same CRF.

Parameters were chosen on the first half (every other image); the second half is to be quoted. Milliseconds are the
processor time of one thread after the networks. Not part of `make bench`: it needs the development data and takes about
half an hour on two cores. `python -m benchmarks ablation` with the folder in `$CUTS3D_COCO_DEV`; the results are in
`benchmarks/ablation.md`.
"""

from __future__ import annotations

from benchmarks.dev_set import HEAD, Masks, Method, lines, run_method
from cuts3d.arrays import ImageArray
from cuts3d.baselines import BASELINES
from cuts3d.config import ADAPTIVE, LITERAL, CutS3DConfig
from cuts3d.memo import Memo
from cuts3d.method.score import distinctness
from cuts3d.run.methods import find_masks
from cuts3d.run.scene import open_scene
from cuts3d.run.stages import returned

OURS = CutS3DConfig()
KEYS = OURS.replace(feature="key", tau_ncut=0.15)
ONCE = OURS.replace(region="once", sharpen=False)


def run() -> list[str]:
    return [f"| what | {HEAD} |", *lines("benchmarks.ablation")]


def methods() -> dict[str, Method]:
    """The rows. A row that begins with + adds one part to the row before it."""
    return {
        "MaskCut as published: keys, τ_ncut 0.15, CRF at 480 px": run_method(KEYS.replace(crf_size=480), "maskcut"),
        "MaskCut on our features: last tokens, τ_ncut 0.05": run_method(OURS, "maskcut"),
        "MaskCut on our features, with our score": maskcut_with_our_score,
        "+ LocalCut, all scores 1": equal_scores(run_method(ONCE)),
        "+ importance, all scores 1": equal_scores(run_method(ONCE.replace(sharpen=True))),
        "+ confidence as score": run_method(ONCE.replace(sharpen=True, score="confidence")),
        "+ every region until it is used up": run_method(OURS.replace(score="confidence")),
        "+ distinctness as score: ours, the default": run_method(OURS),
        "ours, least area 0.003": run_method(OURS.replace(min_area=0.003)),
        "ours without importance": run_method(OURS.replace(sharpen=False)),
        "ours without the CRF": run_method(OURS.replace(crf=False)),
        "ours on keys, τ_ncut 0.15": run_method(KEYS),
        "ours, N = 10": run_method(OURS.replace(max_instances=10)),
        "ours, adaptive N": run_method(ADAPTIVE),
        "ours, literal": run_method(LITERAL.replace(crf_size=OURS.refine.crf_size)),
        **{baseline.title: run_method(OURS, name) for name, baseline in BASELINES.items() if name != "maskcut"},
    }


def equal_scores(method: Method) -> Method:
    """The same masks, all with score 1, as in MaskCut."""
    return lambda image, memo: [(mask, 1.0) for mask, _ in method(image, memo)]


def maskcut_with_our_score(image: ImageArray, memo: Memo) -> Masks:
    """Masks of MaskCut, ranked by our score."""
    scene = returned(open_scene(image, OURS, memo))
    found = find_masks(image, OURS, method="maskcut", memo=memo)
    return [(m.mask, distinctness(m.coarse_mask, scene.affinity.value, scene.z.value)) for m in found]
