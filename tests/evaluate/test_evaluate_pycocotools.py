"""COCO's figures equal those of pycocotools bit for bit."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pycocotools import mask as coco_mask
from synthetic_evaluation import (
    assert_as_pycocotools,
    blob,
    polygon,
    rectangle,
    results_of,
    synthetic,
    truth_of,
)

from cuts3d.evaluate import evaluate
from cuts3d.io.coco import run_lengths, to_rle


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("size", [(33, 47), (240, 180)])
def test_figures_are_those_of_pycocotools(seed: int, size: tuple[int, int]) -> None:
    truth, results = synthetic(seed, size=size)
    found = evaluate(truth, results)
    assert_as_pycocotools(truth, results, found)
    assert found.mask is not None
    assert 0.05 < (found.mask.ap50 or 0) < 1  # the case has hits and misses
    assert found.counts.crowds > 0


def test_equal_overlaps_go_to_the_object_that_pycocotools_takes() -> None:
    rng = np.random.default_rng(0)
    size = (6, 6)

    def coarse() -> np.ndarray:
        x, y = rng.integers(0, 3, 2) * 2
        return rectangle(int(x), int(y), *(int(side) for side in rng.integers(1, 4, 2) * 2), size=size)

    groups = {image: [coarse() for _ in range(6)] for image in range(1, 41)}
    truth = truth_of(groups, size=size)
    truth["categories"] = [{"id": i, "name": str(i)} for i in (1, 2, 3)]
    for entry in truth["annotations"]:
        entry["category_id"] = int(rng.integers(1, 4))
    results = results_of({image: [coarse() for _ in range(6)] for image in groups})
    assert_as_pycocotools(truth, results, evaluate(truth, results))
    one_category = [{**entry, "category_id": 1} for entry in truth["annotations"]]
    assert evaluate({**truth, "annotations": one_category}, results) != evaluate(truth, results)  # ties matter here


def test_of_more_than_a_hundred_predictions_in_an_image_a_hundred_count() -> None:
    truth, results = synthetic(7, size=(120, 160), n_images=2, most=60)
    rng = np.random.default_rng(0)
    crowd = results_of({3: [blob(rng, (120, 160)) for _ in range(150)]})
    results = [*crowd, *results]
    found = evaluate(truth, results)
    assert_as_pycocotools(truth, results, found)
    assert found.counts.predictions == len(results)
    assert found.mask != evaluate(truth, results[100:]).mask  # those that were cut off would have changed it


@pytest.mark.parametrize("seed", [1, 2])
def test_a_subset_of_the_images_is_as_pycocotools_has_it(seed: int) -> None:
    truth, results = synthetic(seed, size=(60, 80))
    found = evaluate(truth, results, image_ids=[4, 6, 7])
    assert_as_pycocotools(truth, results, found, [4, 6, 7])
    assert found != evaluate(truth, results)
    assert found.counts.images == 3
    assert found.counts.unmatched_predictions == 0


def test_polygons_and_listed_run_lengths_are_as_pycocotools_has_them() -> None:
    truth, results = synthetic(3, size=(90, 120))
    whole = evaluate(truth, results)
    for n, entry in enumerate(truth["annotations"]):
        x, y, w, h = entry["bbox"]
        if entry["iscrowd"]:  # as official files have crowds
            entry["segmentation"]["counts"] = run_lengths(entry["segmentation"]["counts"].encode()).tolist()
        elif n % 2:
            entry["segmentation"] = [polygon(x, y, w / 2, h), polygon(x + w / 3, y + 0.5, w / 2, h / 2)]
    assert_as_pycocotools(truth, results, evaluate(truth, results))
    assert evaluate(truth, results) != whole


def test_a_ground_truth_with_the_annotation_id_0_loses_no_match() -> None:
    masks = {1: [rectangle(2, 2, 20, 20)]}
    truth = truth_of(masks)
    truth["annotations"][0]["id"] = 0
    found = evaluate(truth, results_of(masks))
    assert found.mask is not None
    assert found.mask.ap == pytest.approx(1)


def test_areas_of_predictions_are_of_what_is_compared() -> None:
    thin = np.eye(60, dtype=bool) | np.eye(60, k=1, dtype=bool)  # a small mask in a middle-sized box
    truth = truth_of(
        {1: [rectangle(0, 50, 9, 9, size=(60, 60)), rectangle(5, 5, 40, 40, size=(60, 60))]}, size=(60, 60)
    )
    results = results_of({1: [thin, rectangle(0, 50, 9, 9, size=(60, 60)), rectangle(5, 5, 40, 40, size=(60, 60))]})
    for entry in results:
        entry["bbox"] = coco_mask.toBbox(entry["segmentation"]).tolist()  # pyright: ignore
        entry["area"] = 1
    found = evaluate(truth, results)
    assert found.mask is not None
    assert (found.mask.ap_small, found.mask.ap_medium) == pytest.approx((0.5, 1))  # the thin one is a small mask …
    assert (found.box.ap_small, found.box.ap_medium) == pytest.approx((1, 0.5))  # … and a box of middle size


def test_a_ground_truth_without_areas_and_boxes_gets_them_from_its_masks() -> None:
    truth, results = synthetic(4, size=(60, 80))
    bare = copy.deepcopy(truth)
    for entry in bare["annotations"]:
        del entry["bbox"], entry["area"], entry["category_id"]
    del bare["categories"]
    assert evaluate(bare, results).mask == evaluate(truth, results).mask
    assert evaluate(bare, results).box.ap == evaluate(truth, results).box.ap


def test_coco_dev_is_as_pycocotools_has_it(shared_folder: Path) -> None:
    folder = shared_folder / "data" / "coco_dev"
    truth = json.loads((folder / "instances.json").read_text())
    part = [image["id"] for image in truth["images"][:40]]
    sizes = {image["id"]: (image["height"], image["width"]) for image in truth["images"]}
    rng = np.random.default_rng(0)
    results = []
    for entry in truth["annotations"]:
        if entry["image_id"] in part and rng.random() < 0.7:
            mask: Any = coco_mask.decode(to_rle(entry["segmentation"], sizes[entry["image_id"]]))  # pyright: ignore
            moved = np.roll(mask.astype(bool), rng.integers(-8, 9, 2), (0, 1))
            results += results_of({entry["image_id"]: [moved]})
            results[-1]["score"] = float(rng.random())
    found = evaluate(folder / "instances.json", results, pairs=folder / "touching_pairs.json", image_ids=part)
    assert_as_pycocotools(truth, results, found, part)
    assert found.counts.pairs > 10
    assert 0 < (found.pairs_separated or 0) < 1


# --- what there is to compare
