"""Synthetic ground truths and predictions, and their figures by pycocotools."""

from __future__ import annotations

import contextlib
import copy
import io
from typing import Any, Literal

import numpy as np
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from cuts3d.evaluate import Evaluation
from cuts3d.evaluate.figures import Figures
from cuts3d.io.coco import encode_rle

SIZE = (40, 60)  # h, w
Doc = dict[str, Any]


def rectangle(x: int, y: int, w: int, h: int, *, size: tuple[int, int] = SIZE) -> np.ndarray:
    mask = np.zeros(size, dtype=bool)
    mask[y : y + h, x : x + w] = True
    return mask


def blob(rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    """A random ellipse of any size down to a few pixels."""
    h, w = size
    y, x = np.ogrid[:h, :w]
    radii = rng.uniform(0.03, 0.5, 2) * (h, w) + 1
    return ((y - rng.uniform(0, h)) / radii[0]) ** 2 + ((x - rng.uniform(0, w)) / radii[1]) ** 2 <= 1


def polygon(x: float, y: float, w: float, h: float) -> list[float]:
    return [x, y, x + w, y, x + w, y + h, x, y + h]


def truth_of(masks: dict[int, list[Any]], *, size: tuple[int, int] = SIZE, **more: Any) -> Doc:
    """A ground truth with one annotation per mask, numbered from 1, on images `1.jpg`, `2.jpg`, …"""
    images = [{"id": i, "file_name": f"{i}.jpg", "height": size[0], "width": size[1]} for i in masks]
    annotations = []
    for image, group in masks.items():
        for mask in group:
            rle = encode_rle(mask)
            annotation = {
                "id": len(annotations) + 1,
                "image_id": image,
                "category_id": 1,
                "segmentation": rle,
                "bbox": coco_mask.toBbox(rle).tolist(),  # pyright: ignore
                "area": int(mask.sum()),
                "iscrowd": 0,
            }
            annotations.append({**annotation, **more})
    return {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "object"}]}


def results_of(masks: dict[int, list[Any]]) -> list[Doc]:
    """COCO's list of results; the first mask of an image has the best score."""
    return [
        {"image_id": image, "category_id": 1, "segmentation": encode_rle(mask), "score": 1 - 0.01 * rank}
        for image, group in masks.items()
        for rank, mask in enumerate(group)
    ]


def boxes_only(entries: list[Doc]) -> list[Doc]:
    return [
        {key: value for key, value in entry.items() if key not in ("segmentation", "bbox")}
        | {"bbox": coco_mask.toBbox(entry["segmentation"]).tolist()}  # pyright: ignore
        for entry in entries
    ]


def synthetic(seed: int, *, size: tuple[int, int], n_images: int = 6, most: int = 12) -> tuple[Doc, list[Doc]]:
    """A random ground truth with crowds, nested and duplicate masks in several categories, and random predictions."""
    rng = np.random.default_rng(seed)
    masks: dict[int, list[np.ndarray]] = {}
    for image in range(3, 3 + n_images):
        group = [blob(rng, size) for _ in range(rng.integers(0, most))]
        group += [mask & blob(rng, size) for mask in group[:3]]  # nested
        group += group[:2]  # duplicates
        masks[image] = [mask for mask in group if mask.any()]
    truth = truth_of(masks, size=size)
    truth["categories"] = [{"id": i, "name": str(i)} for i in (1, 2, 3)]
    for entry in truth["annotations"]:
        entry["category_id"] = int(rng.integers(1, 4))
        entry["iscrowd"] = int(rng.random() < 0.15)
    results = []
    for image, group in masks.items():
        guesses = [np.roll(mask, rng.integers(-4, 5, 2), (0, 1)) for mask in group for _ in range(rng.integers(0, 3))]
        guesses += [blob(rng, size) for _ in range(rng.integers(0, 4))]
        results += results_of({image: guesses})
    for entry in results:
        entry["score"] = round(float(rng.random()), 1)  # ties
    return truth, results


def reference(
    truth: Doc, results: list[Doc], kind: Literal["segm", "bbox"], image_ids: list[int] | None = None
) -> Figures:
    """pycocotools called directly, as its documentation does."""
    with contextlib.redirect_stdout(io.StringIO()):
        coco: Any = COCO()
        coco.dataset = copy.deepcopy(truth)
        coco.createIndex()
        measured: Any = COCOeval(coco, coco.loadRes(copy.deepcopy(results)), kind)
        measured.params.useCats = 0
        measured.params.imgIds = image_ids or measured.params.imgIds
        measured.evaluate()
        measured.accumulate()
        measured.summarize()
    return Figures(*(None if value == -1 else float(value) for value in measured.stats[:9]))  # pyright: ignore


def assert_as_pycocotools(
    truth: Doc, results: list[Doc], found: Evaluation, image_ids: list[int] | None = None
) -> None:
    assert found.mask == reference(truth, results, "segm", image_ids)
    assert found.box == reference(truth, boxes_only(results), "bbox", image_ids)


def named(results: list[Doc], names: dict[int, str]) -> Doc:
    """The results as a document with its own images, whose ids differ from those of the ground truth."""
    ids = {image: 1000 + place for place, image in enumerate(sorted(names, reverse=True))}
    return {
        "images": [{"id": ids[image], "file_name": name} for image, name in names.items()],
        "annotations": [{**entry, "id": n, "image_id": ids[entry["image_id"]]} for n, entry in enumerate(results)],
    }


# --- the figures of COCO


LEFT, RIGHT = rectangle(0, 0, 10, 20), rectangle(10, 0, 10, 20)
