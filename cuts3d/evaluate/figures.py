"""The figures one by one: COCO's by pycocotools, CorLoc, mean best IoU, separated pairs."""

from __future__ import annotations

import contextlib
import io
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from cuts3d.arrays import FloatArray
from cuts3d.errors import InputError
from cuts3d.evaluate.items import Item
from cuts3d.io.coco import ImageId, box_iou, rle_area, rle_iou

FOUND_IOU = 0.5  # least IoU with which an object counts as found, for CorLoc and pairs
Kind = Literal["mask", "box"]
ByImage = Mapping[ImageId, Sequence[Item]]


@dataclass(frozen=True, slots=True)
class Figures:
    """COCO's figures, each in [0, 1], or None where the ground truth has no object to measure it on.

    Attributes:
        ap: Average precision, mean over IoU 0.50, 0.55, … 0.95.
        ap50: At IoU 0.5.
        ap75: At IoU 0.75.
        ap_small: AP of objects under 32² pixels.
        ap_medium: AP of objects from 32² to 96² pixels.
        ap_large: AP of objects over 96² pixels.
        ar1: Average recall, mean over the same IoUs, with the best prediction of each image.
        ar10: With the ten best.
        ar100: With the hundred best.
    """

    ap: float | None
    ap50: float | None
    ap75: float | None
    ap_small: float | None
    ap_medium: float | None
    ap_large: float | None
    ar1: float | None
    ar10: float | None
    ar100: float | None


def coco_figures(images: Sequence[ImageId], truth: Sequence[Item], predictions: Sequence[Item], kind: Kind) -> Figures:
    """COCO's figures by COCOeval, with all categories as one and without its printed output.

    Args:
        images: Ids of the images; their order breaks ties of scores.
        truth: Objects of the ground truth on them.
        predictions: Predictions on them.
        kind: What to compare; `mask` uses only the items that have one.
    """
    numbers = {image: number for number, image in enumerate(images)}
    with contextlib.redirect_stdout(io.StringIO()):
        answer, guess = _indexed(numbers, truth, kind), _indexed(numbers, predictions, kind)
        measured: Any = COCOeval(answer, guess, "segm" if kind == "mask" else "bbox")
        measured.params.useCats = 0
        measured.evaluate()
        measured.accumulate()
        measured.summarize()
    values: list[Any] = [None if value < 0 else float(value) for value in measured.stats]
    return Figures(*values[: len(fields(Figures))])


def _indexed(numbers: Mapping[ImageId, int], items: Sequence[Item], kind: Kind) -> COCO:
    """A COCO index of items, numbered from 1, because COCOeval takes an id of 0 for "no match"."""
    document: Any = COCO()
    document.dataset = {
        "images": [{"id": number, "height": None, "width": None} for number in numbers.values()],
        "categories": [{"id": 1}],
        "annotations": [
            {
                "id": key,
                "image_id": numbers[item.image],
                "category_id": 1,
                "segmentation": item.mask,
                "bbox": list(item.box),
                "area": _area(item, kind),
                "iscrowd": int(item.crowd),
                "score": item.score,
            }
            for key, item in enumerate(items, start=1)
            if kind == "box" or item.mask is not None
        ],
    }
    document.createIndex()
    return document


def _area(item: Item, kind: Kind) -> float:
    if item.area is not None:
        return item.area
    return rle_area(item.mask) if kind == "mask" and item.mask else item.box[2] * item.box[3]


def by_image(items: Iterable[Item]) -> ByImage:
    """Items of every image that has one, in their order."""
    found: dict[ImageId, list[Item]] = defaultdict(list)
    for item in items:
        found[item.image].append(item)
    return dict(found)


def ious_of(predictions: Sequence[Item], truth: Sequence[Item], kind: Kind) -> FloatArray:
    """IoU of the predictions with the objects of one image, 0 where a mask is missing; float64 [n, m]."""
    if kind == "box":
        return box_iou([item.box for item in predictions], [item.box for item in truth])
    found = np.zeros((len(predictions), len(truth)))
    rows, columns = ([i for i, item in enumerate(part) if item.mask] for part in (predictions, truth))
    ious = rle_iou([predictions[i].mask for i in rows], [truth[i].mask for i in columns])  # pyright: ignore
    found[np.ix_(rows, columns)] = ious
    return found


def corloc(truth: ByImage, predictions: ByImage) -> float | None:
    """Fraction of the images with an object on which the best box has IoU ≥ 0.5 with the box of some object.

    The best box is that of the highest score, of equal scores the first. An image without predictions counts as a miss.
    None where there is no object.
    """
    hits = []
    for image, objects in truth.items():
        found = predictions.get(image)
        best = [max(found, key=lambda item: item.score)] if found else []
        hits.append(ious_of(best, objects, "box").max(initial=0) >= FOUND_IOU)
    return float(np.mean(hits)) if hits else None


def mean_best_iou(truth: ByImage, predictions: ByImage, kind: Kind) -> float | None:
    """Mean over the objects of the best IoU with any prediction of their image; None where there is no object."""
    best: list[float] = []
    for image, objects in truth.items():
        measured = [item for item in objects if kind == "box" or item.mask]
        best += ious_of(predictions.get(image, ()), measured, kind).max(axis=0, initial=0).tolist()
    return float(np.mean(best)) if best else None


def pairs_separated(pairs: Sequence[tuple[Item, Item]], predictions: ByImage) -> float | None:
    """Fraction of the pairs whose members are found, at mask IoU ≥ 0.5, by two different masks; None without pairs."""
    if any(item.mask is None for pair in pairs for item in pair):
        raise InputError("Pairs: a member has no segmentation in the ground truth.")
    separated = [_separated(ious_of(predictions.get(pair[0].image, ()), pair, "mask")) for pair in pairs]
    return float(np.mean(separated)) if separated else None


def _separated(ious: FloatArray) -> bool:
    """Whether one row finds column 0 and another row column 1; `ious` is [n, 2]."""
    found = ious >= FOUND_IOU
    return bool(found.any(axis=0).all() and found.any(axis=1).sum() >= 2)
