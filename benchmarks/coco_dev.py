"""Masks on COCO dev (315 images), without CRF: MaskCut on the same features, then our method step by step.

Parameters were chosen on the first half (every other image); the second half is to quote. Not part of `make bench`:
it needs the development data and takes about ten minutes on two cores. `python -m benchmarks coco_dev` with the folder
in `$CUTS3D_COCO_DEV`; its output is kept in `benchmarks/coco_dev.md`.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from tqdm import tqdm

from cuts3d.baselines import maskcut
from cuts3d.config import LITERAL, CutS3DConfig
from cuts3d.explorer import Explorer
from cuts3d.export import encode_rle
from cuts3d.grids import iou, resize_mask
from cuts3d.types import BoolArray

Masks = list[tuple[BoolArray, float]]  # masks at the photo's size, with scores
Method = Callable[[Explorer], Masks]


@dataclass(frozen=True, slots=True)
class Row:
    """One method's figures."""

    ap: float
    ap50: float
    ar10: float
    pairs: float


def ours(config: CutS3DConfig | None = None, **params: Any) -> Method:
    """Our method, from the defaults or another configuration, with some parameters changed."""
    chosen = (config or CutS3DConfig()).replace(crf=False, **params)

    def segment(explorer: Explorer) -> Masks:
        explorer.config = chosen
        return [(i.mask, i.score) for i in explorer.update().instances]

    return segment


def by_confidence(explorer: Explorer) -> Masks:
    """The default masks, ranked by mean spatial confidence alone."""
    explorer.config = CutS3DConfig().replace(crf=False)
    return [(i.mask, i.mean_confidence) for i in explorer.update().instances]


def peer(explorer: Explorer) -> Masks:
    """MaskCut on the same, centred features; every mask scores 1, as published."""
    explorer.config = CutS3DConfig()
    features = next(s.value for s in explorer.stages() if s.stage == "features")
    vectors = features.vectors - features.vectors.mean(axis=0) if features.center else features.vectors
    masks = maskcut(vectors.T, grid_shape=features.grid_shape)
    return [(resize_mask(mask, explorer.image.shape[:2]), 1.0) for mask in masks if mask.any()]


def peer_ranked(explorer: Explorer) -> Masks:
    """MaskCut ranked by the order of cutting, as ours is."""
    return [(mask, 1.0 / n) for n, (mask, _) in enumerate(peer(explorer), start=1)]


METHODS: dict[str, Method] = {
    "MaskCut, all scores 1": peer,
    "MaskCut, ranked by order": peer_ranked,
    "ours, literal": ours(LITERAL),
    "ours without importance": ours(sharpen=False),
    "ours (default)": ours(),
    "ours, ranked by confidence alone": by_confidence,
    "ours, depth scale 1": ours(depth_scale=1.0),
    "ours, N = 10": ours(max_instances=10),
}


def run() -> list[str]:
    rows = evaluate(METHODS, Path(os.environ["CUTS3D_COCO_DEV"]))
    return [
        f"| {half} half: {name}: AP, AP50, AR10, pairs separated | {_cells(row)} |"
        for half, figures in rows.items()
        for name, row in figures.items()
    ]


def _cells(row: Row) -> str:
    return f"{100 * row.ap:.2f}, {100 * row.ap50:.2f}, {100 * row.ar10:.2f}, {100 * row.pairs:.1f} %"


def evaluate(methods: dict[str, Method], folder: Path) -> dict[str, dict[str, Row]]:
    """Run methods over the images, one network pass an image.

    Args:
        methods: Name to method.
        folder: `images/`, `instances.json`, `touching_pairs.json`.

    Returns:
        Figures of each method on either half.
    """
    truth = json.loads((folder / "instances.json").read_text())
    pairs = json.loads((folder / "touching_pairs.json").read_text())["pairs"]
    found: dict[str, dict[int, Masks]] = {name: {} for name in methods}
    for image in tqdm(truth["images"], desc="COCO dev"):
        explorer = Explorer(folder / "images" / image["file_name"])
        for name, method in methods.items():
            found[name][image["id"]] = method(explorer)
    halves = {"first": truth["images"][::2], "second": truth["images"][1::2]}
    return {
        half: {name: _on(images, truth, pairs, masks) for name, masks in found.items()}
        for half, images in halves.items()
    }


def _on(
    images: list[dict[str, Any]], truth: dict[str, Any], pairs: list[dict[str, Any]], found: dict[int, Masks]
) -> Row:
    ids = {i["id"] for i in images}
    part = {**truth, "images": images, "annotations": [a for a in truth["annotations"] if a["image_id"] in ids]}
    return _figures(part, [p for p in pairs if p["image_id"] in ids], {i: m for i, m in found.items() if i in ids})


def _figures(truth: dict[str, Any], pairs: list[dict[str, Any]], found: dict[int, Masks]) -> Row:
    results = [
        {"image_id": i, "category_id": 1, "segmentation": encode_rle(mask), "score": score}
        for i, masks in found.items()
        for mask, score in masks
    ]
    coco: Any = COCO()
    with contextlib.redirect_stdout(io.StringIO()):
        coco.dataset = truth
        coco.createIndex()
        evaluation: Any = COCOeval(coco, coco.loadRes(results), "segm")
        evaluation.params.useCats = 0
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    separated = np.mean([_separated(coco, pair, found[pair["image_id"]]) for pair in pairs])
    stats = evaluation.stats
    return Row(ap=stats[0], ap50=stats[1], ar10=stats[7], pairs=float(separated))


def _separated(coco: Any, pair: dict[str, Any], masks: Masks) -> bool:
    """Both members matched at IoU ≥ 0.5 by different masks."""
    best = []
    for ann_id in pair["ann_ids"]:
        truth = coco.annToMask(coco.anns[ann_id]).astype(bool)
        overlaps = [iou(truth, mask) for mask, _ in masks] or [0.0]
        best.append(int(np.argmax(overlaps)) if max(overlaps) >= 0.5 else -1)
    return min(best) >= 0 and best[0] != best[1]
