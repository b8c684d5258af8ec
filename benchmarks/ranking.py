"""Precision of masks by their score: the percentage with an IoU of at least 0.5 with an object of COCO dev.

`python -m benchmarks ranking` with the folder in `$CUTS3D_COCO_DEV`, and in `$CUTS3D_PSEUDO_LABELS` the labels that
`cuts3d extract` or `cuts3d detect` writes for its `images/`. The `detection_score_range` of the light recipes was read
from it.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Iterator, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from cuts3d.io.coco import ImageRecord, read_document, rle_iou, to_rle

EDGES = (0.0, 0.1, 0.2, 0.32, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.01)


def run() -> Iterator[str]:
    truth = json.loads((Path(os.environ["CUTS3D_COCO_DEV"]) / "instances.json").read_bytes())
    found = json.loads(Path(os.environ["CUTS3D_PSEUDO_LABELS"]).read_bytes())
    real, masks, scores = _by_name(truth), _by_name(found), _by_name(found, "score")
    best = np.concatenate([_best_iou(masks[name], real[name]) for name in masks])
    score = np.concatenate([np.array(scores[name]) for name in masks])
    for low, high in pairwise(EDGES):
        here = (score >= low) & (score < high)
        if here.any():
            right = 100 * (best[here] >= 0.5).mean()
            yield f"| score {low:g} to {min(high, 1):g}: {here.sum()} masks, right | {right:.0f} % |"


def _by_name(document: dict[str, Any], key: str = "segmentation") -> dict[str, list[Any]]:
    """Run-length encoded masks, or another field, by the photo's file name."""
    source = read_document(document, "Labels")
    photos = source.images()

    def read(entry: Mapping[str, Any], photo: ImageRecord) -> Any:
        return to_rle(entry[key], photo.size) if key == "segmentation" else entry[key]

    found = source.annotations_by_image(photos, read)
    return defaultdict(list, {photos[one].name or "": values for one, values in found.items()})


def _best_iou(masks: list[Any], real: list[Any]) -> np.ndarray:
    return rle_iou(masks, real).max(axis=1, initial=0.0)
