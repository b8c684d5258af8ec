"""The shipped detector on COCO dev, round by round, compared with the pseudo-labels it was trained on; its speed.

Run `python -m benchmarks detector` with the folder in `$CUTS3D_COCO_DEV`, and in `$CUTS3D_PSEUDO_LABELS` the file that
`python -m cuts3d extract --preset adaptive` made from its `images/`. Results, in percent, are in
`benchmarks/detector.md`.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.timing import measure, spread
from cuts3d.detector.checkpoint import load_network
from cuts3d.detector.detect import detect
from cuts3d.detector.predict import predict
from cuts3d.evaluate import Evaluation, evaluate
from cuts3d.io.photos import read_image

WEIGHTS = Path(__file__).parents[1] / "cuts3d" / "data"
FINAL = WEIGHTS / "detector_light.safetensors"
HEAD = "mask AP / AP50 / AP75 / AR1 / AR10 / AR100 / box AP / pairs separated"


def run() -> Iterator[str]:
    folder = Path(os.environ["CUTS3D_COCO_DEV"])
    yield f"| on COCO dev, 315 images | {HEAD} |"
    labels = os.environ.get("CUTS3D_PSEUDO_LABELS")
    if labels:
        yield f"| pseudo-labels, adaptive N | {_line(_figures(folder, Path(labels)))} |"
    for weights in [*sorted(WEIGHTS.glob("detector_light_round*.safetensors")), FINAL]:
        with tempfile.TemporaryDirectory() as scratch:
            found = Path(scratch) / "found.json"
            predict(folder / "images", weights, found)
            yield f"| {weights.stem} | {_line(_figures(folder, found))} |"
    network, _ = load_network(FINAL)
    photo = read_image(sorted((folder / "images").iterdir())[0])
    yield f"| one photo, {photo.shape[1]}×{photo.shape[0]} | {spread(measure(lambda: detect(network, photo)))} |"


def _figures(folder: Path, found: Path) -> Evaluation:
    return evaluate(folder / "instances.json", found, pairs=folder / "touching_pairs.json")


def _line(found: Evaluation) -> str:
    assert found.mask is not None
    m = found.mask
    fractions = (m.ap, m.ap50, m.ap75, m.ar1, m.ar10, m.ar100, found.box.ap, found.pairs_separated)
    return " / ".join("–" if fraction is None else f"{100 * fraction:.2f}" for fraction in fractions)
