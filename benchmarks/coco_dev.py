"""Masks on COCO dev (315 images): MaskCut on the same features, then our method step by step. CRF on, N = 3.

Not part of `make bench`: it needs the development data, named by `$CUTS3D_COCO_DEV`, and takes about 20 minutes.
Run `CUTS3D_COCO_DEV=FOLDER python -m benchmarks coco_dev`.
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
from cuts3d.config import CutS3DConfig
from cuts3d.explorer import Explorer
from cuts3d.export import encode_rle
from cuts3d.grids import iou, resize_image, resize_mask
from cuts3d.refine import refine_mask
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


def ours(**params: Any) -> Method:
    """Our method with some parameters changed."""

    def segment(explorer: Explorer) -> Masks:
        explorer.config = CutS3DConfig()
        return [(i.mask, i.score) for i in explorer.update(**params).instances]

    return segment


def peer(explorer: Explorer) -> Masks:
    """MaskCut on the same, centred features, with the same CRF."""
    explorer.config = CutS3DConfig()
    features = next(s.value for s in explorer.stages() if s.stage == "features")
    vectors = features.vectors - features.vectors.mean(axis=0) if features.center else features.vectors
    small = resize_image(explorer.image, (476, 476))
    found: Masks = []
    for mask in maskcut(vectors.T, grid_shape=features.grid_shape):
        if not mask.any():
            continue
        refined, reason = refine_mask(small, resize_mask(mask, (476, 476)), CutS3DConfig().refine)
        if not reason:
            found.append((resize_mask(refined, explorer.image.shape[:2]), 1.0))
    return found


METHODS: dict[str, Method] = {
    "MaskCut": peer,
    "+ LocalCut": ours(sharpen=False),
    "+ importance (default)": ours(),
    "no depth": ours(depth="none"),
}


def run() -> list[str]:
    rows = evaluate(METHODS, Path(os.environ["CUTS3D_COCO_DEV"]))
    lines = [f"| {name}: AP, AP50, AR10, pairs | {_cells(row)} |" for name, row in rows.items()]
    return lines


def _cells(row: Row) -> str:
    return f"{100 * row.ap:.2f}, {100 * row.ap50:.2f}, {100 * row.ar10:.2f}, {100 * row.pairs:.1f} %"


def evaluate(methods: dict[str, Method], folder: Path, *, every: int = 1) -> dict[str, Row]:
    """Run methods over the images, one network pass an image.

    Args:
        methods: Name to method.
        folder: `images/`, `instances.json`, `touching_pairs.json`.
        every: Take each n-th image.

    Returns:
        Figures of each method.
    """
    truth = json.loads((folder / "instances.json").read_text())
    pairs = json.loads((folder / "touching_pairs.json").read_text())["pairs"]
    images = truth["images"][::every]
    found: dict[str, dict[int, Masks]] = {name: {} for name in methods}
    for image in tqdm(images, desc="COCO dev"):
        explorer = Explorer(folder / "images" / image["file_name"])
        for name, method in methods.items():
            found[name][image["id"]] = method(explorer)
    ids = {i["id"] for i in images}
    truth = {**truth, "images": images, "annotations": [a for a in truth["annotations"] if a["image_id"] in ids]}
    pairs = [p for p in pairs if p["image_id"] in ids]
    return {name: _figures(truth, pairs, masks) for name, masks in found.items()}


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


__all__ = ["METHODS", "evaluate", "ours", "run"]
