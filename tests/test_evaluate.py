"""Evaluation against a truth: figures as pycocotools has them, matching, hand-made cases, and every error."""

from __future__ import annotations

import contextlib
import copy
import io
import json
from dataclasses import astuple, fields
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from cuts3d.errors import InputError
from cuts3d.evaluate import Evaluation, evaluate
from cuts3d.evaluate.figures import Figures
from cuts3d.evaluate.input import read_ids
from cuts3d.evaluate.masks import run_lengths, to_rle
from cuts3d.evaluate.report import markdown, to_json
from cuts3d.export import encode_rle

SIZE = (40, 60)  # h, w
Doc = dict[str, Any]


def rectangle(x: int, y: int, w: int, h: int, *, size: tuple[int, int] = SIZE) -> np.ndarray:
    mask = np.zeros(size, dtype=bool)
    mask[y : y + h, x : x + w] = True
    return mask


def blob(rng: np.random.Generator, size: tuple[int, int]) -> np.ndarray:
    """An ellipse somewhere, of any size down to a few pixels."""
    h, w = size
    y, x = np.ogrid[:h, :w]
    radii = rng.uniform(0.03, 0.5, 2) * (h, w) + 1
    return ((y - rng.uniform(0, h)) / radii[0]) ** 2 + ((x - rng.uniform(0, w)) / radii[1]) ** 2 <= 1


def polygon(x: float, y: float, w: float, h: float) -> list[float]:
    return [x, y, x + w, y, x + w, y + h, x, y + h]


def truth_of(masks: dict[int, list[Any]], *, size: tuple[int, int] = SIZE, **more: Any) -> Doc:
    """A truth with one annotation a mask, numbered from 1 through all images `1.jpg`, `2.jpg`, …"""
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
    """COCO's results; of an image's masks the first scores best."""
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


def made(seed: int, *, size: tuple[int, int], n_images: int = 6, most: int = 12) -> tuple[Doc, list[Doc]]:
    """A random truth with crowds, nested and duplicate masks in several categories, and guesses of all qualities."""
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
    """The results as a document with images of its own, whose ids mean nothing to the truth."""
    ids = {image: 1000 + place for place, image in enumerate(sorted(names, reverse=True))}
    return {
        "images": [{"id": ids[image], "file_name": name} for image, name in names.items()],
        "annotations": [{**entry, "id": n, "image_id": ids[entry["image_id"]]} for n, entry in enumerate(results)],
    }


# --- the figures of COCO


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("size", [(33, 47), (240, 180)])
def test_figures_are_those_of_pycocotools(seed: int, size: tuple[int, int]) -> None:
    truth, results = made(seed, size=size)
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
    truth, results = made(7, size=(120, 160), n_images=2, most=60)
    rng = np.random.default_rng(0)
    crowd = results_of({3: [blob(rng, (120, 160)) for _ in range(150)]})
    results = [*crowd, *results]
    found = evaluate(truth, results)
    assert_as_pycocotools(truth, results, found)
    assert found.counts.predictions == len(results)
    assert found.mask != evaluate(truth, results[100:]).mask  # those that were cut off would have changed it


@pytest.mark.parametrize("seed", [1, 2])
def test_a_subset_of_the_images_is_as_pycocotools_has_it(seed: int) -> None:
    truth, results = made(seed, size=(60, 80))
    found = evaluate(truth, results, image_ids=[4, 6, 7])
    assert_as_pycocotools(truth, results, found, [4, 6, 7])
    assert found != evaluate(truth, results)
    assert found.counts.images == 3
    assert found.counts.unmatched_predictions == 0


def test_polygons_and_listed_run_lengths_are_as_pycocotools_has_them() -> None:
    truth, results = made(3, size=(90, 120))
    whole = evaluate(truth, results)
    for n, entry in enumerate(truth["annotations"]):
        x, y, w, h = entry["bbox"]
        if entry["iscrowd"]:  # as official files have crowds
            entry["segmentation"]["counts"] = run_lengths(entry["segmentation"]["counts"].encode()).tolist()
        elif n % 2:
            entry["segmentation"] = [polygon(x, y, w / 2, h), polygon(x + w / 3, y + 0.5, w / 2, h / 2)]
    assert_as_pycocotools(truth, results, evaluate(truth, results))
    assert evaluate(truth, results) != whole


def test_a_truth_with_the_annotation_id_0_loses_no_match() -> None:
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


def test_a_truth_without_areas_and_boxes_gets_them_from_its_masks() -> None:
    truth, results = made(4, size=(60, 80))
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


def test_empty_predictions_have_figures_of_zero() -> None:
    truth = truth_of({1: [rectangle(2, 2, 4, 4)], 2: []})
    truth["annotations"].append({**truth["annotations"][0], "id": 2})
    empty: list[Any] = [[], {"annotations": []}, {"images": [], "annotations": []}]
    for nothing in empty:
        found = evaluate(truth, nothing, pairs=[{"ann_ids": [1, 2]}])
        assert found.mask == found.box == Figures(0, 0, 0, 0, None, None, 0, 0, 0)
        assert (found.corloc, found.mean_best_iou, found.pairs_separated) == (0, 0, 0)
        assert found.counts.predictions_per_image == 0


def test_a_truth_without_objects_leaves_everything_undefined() -> None:
    found = evaluate(truth_of({1: []}), results_of({1: [rectangle(2, 2, 4, 4)]}), pairs=[])
    assert found.mask == found.box == Figures(*[None] * 9)
    assert (found.corloc, found.mean_best_iou, found.pairs_separated) == (None, None, None)


@pytest.mark.parametrize("side", ["truth", "predictions"])
@pytest.mark.parametrize("nothing", ["missing", None, []])
def test_boxes_alone_have_figures_of_boxes_alone(side: str, nothing: Any) -> None:
    truth, results = made(5, size=(60, 80))
    whole = evaluate(truth, results)
    bare = boxes_only(truth["annotations"] if side == "truth" else results)
    if nothing != "missing":
        bare = [{**entry, "segmentation": nothing} for entry in bare]
    if side == "truth":
        truth["annotations"] = bare
    else:
        results = bare
    found = evaluate(truth, results, pairs=[{"ann_ids": [1, 2]}])
    assert found.mask is None
    assert found.pairs_separated is None
    assert found.box == whole.box
    assert found.corloc == whole.corloc
    assert (found.overlap, whole.overlap) == ("box", "mask")
    assert found.mean_best_iou != whole.mean_best_iou


def test_in_mixed_documents_the_figures_of_masks_see_only_masks() -> None:
    first, second = rectangle(2, 2, 10, 10), rectangle(30, 20, 10, 10)
    truth, results = truth_of({1: [first, second]}), results_of({1: [first, second]})
    truth["annotations"][1] = boxes_only([truth["annotations"][1]])[0]
    results[1] = boxes_only([results[1]])[0]
    found = evaluate(truth, results)
    assert found.mask is not None
    assert (found.mask.ap, found.box.ap, found.mean_best_iou) == pytest.approx((1, 1, 1))
    with pytest.raises(InputError, match="a member has no segmentation"):
        evaluate(truth, results, pairs=[{"ann_ids": [1, 2]}])


def test_a_missing_box_is_that_of_the_mask_and_a_stated_one_is_used() -> None:
    masks = {1: [rectangle(4, 6, 10, 8)]}
    truth, results = truth_of(masks), results_of(masks)
    assert evaluate(truth, results).box.ap == pytest.approx(1)
    moved = [{**results[0], "bbox": [30, 6, 10, 8]}]
    assert evaluate(truth, moved).box.ap == 0


# --- which image is which


def test_images_are_matched_by_file_name_whatever_their_ids() -> None:
    truth, results = made(6, size=(60, 80))
    names = {image["id"]: image["file_name"] for image in truth["images"]}
    found = evaluate(truth, named(results, names))
    assert_as_pycocotools(truth, results, found)
    assert found == evaluate(truth, results)


def test_a_last_part_that_is_unique_on_both_sides_matches_too() -> None:
    truth, results = made(6, size=(60, 80))
    whole = evaluate(truth, results)
    names = {image["id"]: image["file_name"] for image in truth["images"]}
    assert evaluate(truth, named(results, {i: f"val2017/{name}" for i, name in names.items()})) == whole
    assert evaluate(truth, named(results, {i: f"C:\\photos\\{name}" for i, name in names.items()})) == whole
    for image in truth["images"]:
        image["file_name"] = f"images/{image['id'] % 3}/{image['file_name']}"
    assert evaluate(truth, named(results, names)) == whole


def test_lvis_names_its_images_by_their_address() -> None:
    truth, results = made(6, size=(60, 80))
    whole = evaluate(truth, results)
    names = {image["id"]: image["file_name"] for image in truth["images"]}
    for image in truth["images"]:
        image["coco_url"] = f"http://images.cocodataset.org/val2017/{image.pop('file_name')}"
    assert evaluate(truth, named(results, names)) == whole


@pytest.mark.parametrize(
    ("true_names", "own_names"),
    [
        (["a/1.jpg", "b/1.jpg"], ["1.jpg", "other.jpg"]),
        (["a/1.jpg", "2.jpg"], ["b/1.jpg", "c/1.jpg"]),
        (["a/1.jpg", "2.jpg"], ["a/1.jpg", "c/1.jpg"]),
    ],
)
def test_an_ambiguous_last_part_matches_nothing(true_names: list[str], own_names: list[str]) -> None:
    masks = {1: [rectangle(2, 2, 10, 10)], 2: [rectangle(9, 9, 20, 20)]}
    truth = truth_of(masks)
    for image, name in zip(truth["images"], true_names, strict=True):
        image["file_name"] = name
    found = evaluate(truth, named(results_of(masks), dict(zip(masks, own_names, strict=True))))
    exact = len(set(true_names) & set(own_names))
    assert found.counts.unmatched_images == found.counts.unmatched_predictions == 2 - exact
    assert found.corloc == exact / 2


def test_predictions_on_other_images_are_ignored_and_counted() -> None:
    masks = {1: [rectangle(2, 2, 10, 10)], 8: [rectangle(2, 2, 10, 10), rectangle(5, 5, 9, 9)], 9: []}
    truth = truth_of({1: masks[1]})
    alone = evaluate(truth, results_of({1: masks[1]}))
    plain = evaluate(truth, results_of(masks))
    own = evaluate(truth, named(results_of(masks), {1: "1.jpg", 8: "8.jpg", 9: "9.jpg"}))
    assert alone.mask == plain.mask == own.mask
    assert (plain.counts.unmatched_images, plain.counts.unmatched_predictions, plain.counts.predictions) == (1, 2, 1)
    assert (own.counts.unmatched_images, own.counts.unmatched_predictions, own.counts.predictions) == (2, 2, 1)


@pytest.mark.parametrize("chosen", [[4, 7], ["4", "007"], ["4.jpg", "val/7.jpg"], [4, "7.jpg", "7", 7]])
def test_a_subset_is_named_by_ids_or_file_names(chosen: list[Any]) -> None:
    truth, results = made(1, size=(60, 80))
    assert evaluate(truth, results, image_ids=chosen) == evaluate(truth, results, image_ids=iter([7, 4]))
    assert evaluate(truth, results, image_ids=chosen).counts.images == 2


def test_ids_may_be_text() -> None:
    truth, results = made(2, size=(60, 80))
    whole = evaluate(truth, results)
    for entry in [*truth["annotations"], *results]:
        entry["image_id"] = f"{entry['image_id']:016x}"
    for image in truth["images"]:
        image["id"] = f"{image['id']:016x}"
    assert evaluate(truth, results) == whole
    assert evaluate(truth, results, image_ids=[f"{4:016x}"]).counts.images == 1


# --- by hand


def test_corloc_asks_the_best_scored_box_of_every_image_with_an_object() -> None:
    here, there = rectangle(0, 0, 10, 10), rectangle(30, 20, 10, 10)
    truth = truth_of({1: [here, there], 2: [here], 3: [here], 4: [], 5: [here], 6: [here], 7: [here]})
    truth["annotations"].append({**truth["annotations"][0], "id": 99, "image_id": 4, "iscrowd": 1})
    found = {
        1: [there, rectangle(15, 15, 5, 5)],  # hits the second object
        2: [there, here],  # the best one misses, the next would hit
        4: [here],  # a crowd is no object
        5: [rectangle(0, 0, 10, 5)],  # IoU of exactly 0.5
        6: [rectangle(0, 0, 9, 5)],  # IoU 0.45
        7: [here, there],
    }
    results = results_of(found)
    assert evaluate(truth, results).corloc == 3 / 6  # 1, 5 and 7 of 1, 2, 3, 5, 6, 7
    for entry in results:
        entry["score"] = 0.5
    assert evaluate(truth, results).corloc == 3 / 6  # of equals the first
    assert evaluate(truth, results[::-1]).corloc == 2 / 6  # 2 and 5


def test_mean_best_iou_is_over_objects_and_any_prediction() -> None:
    whole, half = rectangle(0, 0, 10, 10), rectangle(0, 0, 10, 5)
    far = rectangle(40, 30, 5, 5)
    truth = truth_of({1: [whole, far], 2: [whole], 3: [half]})
    truth["annotations"].append({**truth["annotations"][0], "id": 99, "iscrowd": 1, "image_id": 3})
    results = results_of({1: [far[::-1], half, rectangle(0, 0, 10, 8)], 3: [half]})
    assert evaluate(truth, results).mean_best_iou == pytest.approx((0.8 + 0 + 0 + 1) / 4)


def test_the_best_iou_sees_past_the_hundredth_prediction() -> None:
    mask = rectangle(0, 0, 10, 10)
    results = results_of({1: [rectangle(30, 20, 2, 2)] * 120 + [mask]})
    found = evaluate(truth_of({1: [mask]}), results)
    assert found.mean_best_iou == 1
    assert found.box.ar100 == 0


LEFT, RIGHT = rectangle(0, 0, 10, 20), rectangle(10, 0, 10, 20)
BOTH, NEITHER = rectangle(0, 0, 20, 20), rectangle(40, 30, 5, 5)
MOST_OF_LEFT = rectangle(0, 0, 9, 20)
MORE_LEFT = rectangle(0, 0, 15, 20)  # IoU 2/3 with the left one, 1/4 with the right one


@pytest.mark.parametrize(
    ("masks", "separated"),
    [
        ([LEFT, RIGHT], True),
        ([NEITHER, RIGHT, LEFT], True),
        ([BOTH], False),  # IoU of exactly 0.5 with both: one mask covers both
        ([BOTH, NEITHER], False),
        ([BOTH, BOTH], True),  # two masks, each finds both
        ([BOTH, LEFT], True),  # crosswise: the best for the left one, and the other for the right one
        ([LEFT, MOST_OF_LEFT], False),  # the right one is not found
        ([MORE_LEFT, NEITHER], False),
        ([MORE_LEFT, RIGHT], True),
        ([NEITHER], False),
        ([], False),
    ],
)
def test_a_pair_is_separated_by_two_different_masks(masks: list[np.ndarray], separated: bool) -> None:
    pairs = [{"image_id": 1, "ann_ids": [1, 2]}]
    for swapped in (masks, masks[::-1]):
        found = evaluate(truth_of({1: [LEFT, RIGHT]}), results_of({1: swapped}), pairs=pairs)
        assert found.pairs_separated == separated


def test_a_mask_that_is_the_best_of_both_members_can_leave_one_to_another() -> None:
    thirds = [rectangle(0, 0, 20, 20), rectangle(0, 0, 20, 16)]  # nested members
    masks = [rectangle(0, 0, 20, 18), rectangle(0, 0, 20, 12)]  # IoU 0.9 and 0.89; 0.6 and 0.75
    found = evaluate(truth_of({1: thirds}), results_of({1: masks}), pairs=[{"ann_ids": [1, 2]}])
    assert found.pairs_separated == 1


def test_pairs_are_those_of_the_evaluated_images() -> None:
    truth = truth_of({1: [LEFT, RIGHT], 2: [LEFT, RIGHT], 3: [LEFT, RIGHT]})
    results = results_of({1: [LEFT, RIGHT], 2: [BOTH]})
    pairs = {"pairs": [{"ann_ids": [1, 2]}, {"ann_ids": [3, 4]}, {"ann_ids": [5, 6]}]}
    found = evaluate(truth, results, pairs=pairs)
    assert (found.pairs_separated, found.counts.pairs) == (1 / 3, 3)
    found = evaluate(truth, results, pairs=pairs, image_ids=[1, 2])
    assert (found.pairs_separated, found.counts.pairs) == (1 / 2, 2)
    assert evaluate(truth, results).pairs_separated is None


def test_counts_say_what_was_measured() -> None:
    truth = truth_of({1: [LEFT, RIGHT], 2: [LEFT], 4: []})
    truth["annotations"][1]["iscrowd"] = 1
    found = evaluate(truth, results_of({1: [LEFT], 2: [LEFT, RIGHT, BOTH], 5: [LEFT]}), pairs=[{"ann_ids": [1, 2]}])
    assert astuple(found.counts) == (3, 2, 1, 4, 4 / 3, 1, 1, 1)


# --- manners


def test_inputs_stay_as_they_were() -> None:
    truth, results = made(8, size=(60, 80))
    truth["annotations"][0]["segmentation"] = [polygon(3, 3, 9, 9)]
    document = named(results, {image["id"]: image["file_name"] for image in truth["images"]})
    pairs = {"pairs": [{"image_id": 3, "ann_ids": [1, 2]}]}
    for guess in (results, document):
        before = copy.deepcopy((truth, guess, pairs))
        evaluate(truth, guess, pairs=pairs, image_ids=[3, 4])
        assert (truth, guess, pairs) == before


def test_pycocotools_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    evaluate(*made(1, size=(60, 80)))
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


def test_files_and_what_they_hold_are_the_same(tmp_path: Path) -> None:
    truth, results = made(9, size=(60, 80))
    pairs = {"pairs": [{"ann_ids": [1, 2]}]}
    for name, content in {"t": truth, "p": results, "q": pairs}.items():
        (tmp_path / name).write_text(json.dumps(content))
    found = evaluate(tmp_path / "t", str(tmp_path / "p"), pairs=tmp_path / "q")
    assert found == evaluate(truth, results, pairs=pairs)


def test_counts_may_be_bytes_as_pycocotools_encodes_them() -> None:
    truth, results = made(2, size=(60, 80))
    raw = copy.deepcopy(results)
    for entry in raw:
        entry["segmentation"]["counts"] = entry["segmentation"]["counts"].encode()
    assert evaluate(truth, raw) == evaluate(truth, results)


@given(st.integers(0, 2**32 - 1), st.integers(1, 90), st.integers(1, 90), st.floats(0, 1))
def test_run_lengths_are_those_of_the_mask(seed: int, h: int, w: int, share: float) -> None:
    mask = np.random.default_rng(seed).random((h, w)) < share
    runs = run_lengths(encode_rle(mask)["counts"].encode())
    values = np.repeat(np.arange(len(runs)) % 2, runs)
    assert np.array_equal(values.reshape(w, h).T, mask)


def test_long_runs_are_read_too() -> None:
    mask = np.zeros((3000, 4000), dtype=bool)
    mask[1000:, 2000:] = True
    runs = run_lengths(encode_rle(mask)["counts"].encode())
    assert runs[0] == 2000 * 3000 + 1000
    assert runs[1::2].sum() == mask.sum()


# --- the report


def test_the_table_has_percent_and_dashes_and_says_what_was_left_out() -> None:
    truth = truth_of({1: [LEFT, RIGHT], 2: [LEFT]})
    results = results_of({1: [BOTH, LEFT], 7: [LEFT]})
    lines = markdown(evaluate(truth, results, pairs=[{"ann_ids": [1, 2]}])).splitlines()
    assert lines[:2] == ["| % | mask | box |", "|:--|--:|--:|"]
    rows = {line.split("|")[1].strip(): [cell.strip() for cell in line.split("|")[2:4]] for line in lines[2:-2]}
    assert len(rows) == len(fields(Figures)) + 3
    assert rows["AR1"] == ["3.33", "3.33"]  # one of three, at one of ten thresholds
    assert rows["AP large"] == ["–", "–"]
    assert rows["CorLoc"] == ["–", "50.00"]
    assert rows["mean best IoU"] == ["50.00", "–"]
    assert rows["pairs separated"] == ["100.00", "–"]
    assert lines[-1] == (
        "2 images, 3 objects, 2 predictions (1.00 an image), 1 touching pair."
        " Left out: 1 prediction on 1 image that the truth does not have."
    )


def test_the_table_of_boxes_alone_has_a_column_of_dashes() -> None:
    truth, results = truth_of({1: [LEFT]}), boxes_only(results_of({1: [LEFT]}))
    text = markdown(evaluate(truth, results))
    assert "| AP | – | 100.00 |" in text
    assert "| mean best IoU | – | 100.00 |" in text
    assert "touching" not in text
    assert "Left out" not in text


def test_json_has_every_figure_and_null_where_undefined() -> None:
    found = evaluate(truth_of({1: [LEFT]}), results_of({1: [LEFT]}))
    document = json.loads(json.dumps(to_json(found), allow_nan=False))
    assert document["mask"]["ar1"] == document["box"]["ar1"] == 1
    assert document["mask"]["ap_large"] is None
    assert document["pairs_separated"] is None
    assert document["counts"]["images"] == 1
    assert document["overlap"] == "mask"


# --- errors


def broken(change: str, where: str) -> tuple[Doc, Any]:
    """A good truth and good predictions, one line of code later."""
    truth = truth_of({1: [LEFT, RIGHT], 2: [LEFT]})
    results = results_of({1: [LEFT], 2: [RIGHT]})
    predictions = named(results, {1: "1.jpg", 2: "2.jpg"})
    exec(change, {"truth": truth, "results": results, "predictions": predictions, "nan": float("nan")})
    return truth, results if where == "results" else predictions


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("del truth['images']", "Truth: the list 'images' is missing."),
        ("del truth['annotations']", "Truth: the list 'annotations' is missing."),
        ("truth['images'] = 3", "Truth: 'images' must be a list of objects."),
        ("truth['annotations'] = [3]", "Truth: 'annotations' must be a list of objects."),
        ("truth['images'] = []", "There is no image to evaluate."),
        ("del truth['images'][0]['id']", "Truth: image 1 needs an 'id' that is a whole number or text."),
        ("truth['images'][1]['id'] = 1", "Truth: the image id 1 occurs twice."),
        ("truth['images'][1]['width'] = 0", "Truth: image 2 has the size 0×40, not two whole numbers."),
        ("truth['images'][1]['width'] = nan", "Truth: image 2 has the size nan×40, not two whole numbers."),
        ("del truth['annotations'][2]['image_id']", "Truth: annotation 3 has no 'image_id' that is a number or text."),
        ("truth['annotations'][2]['id'] = []", "Truth: entry 3 has the 'id' [], which is no number or text."),
        (
            "truth['annotations'][0]['area'] = nan",
            "Truth: annotation 1 has the area nan: a finite number is expected.",
        ),
        (
            "truth['annotations'][0]['segmentation']['size'] = [60, 40]",
            "Truth: annotation 1 has a segmentation of 40×60 pixels on an image of 60×40.",
        ),
        (
            "del truth['images'][0]['width']; truth['annotations'][0]['segmentation'] = [[1, 1, 5, 1, 5, 5]]",
            "Truth: annotation 1 has polygons, but its image states no 'width' and 'height'.",
        ),
        (
            "truth['annotations'][0]['segmentation'] = [[1, 1, 5, 1, 5]]",
            "Truth: annotation 1 has a polygon that is not x, y, x, y, … of three points or more.",
        ),
        (
            "truth['annotations'][0]['segmentation'] = [[1, 1, 5, 1, 5, nan]]",
            "Truth: annotation 1 has a polygon that is not x, y, x, y, … of three points or more.",
        ),
        (
            "truth['annotations'][0]['segmentation'] = [['a', 'b', 'c', 'd', 'e', 'f']]",
            "Truth: annotation 1 has polygons that are not lists of numbers.",
        ),
        ("del results[1]['score']", "Predictions: entry 2 has no 'score'."),
        ("results[1]['score'] = nan", "Predictions: entry 2 has the score nan: a finite number is expected."),
        ("results[1]['score'] = 'high'", "Predictions: entry 2 has the score 'high': a finite number is expected."),
        ("results[1]['image_id'] = None", "Predictions: entry 2 has no 'image_id' that is a number or text."),
        ("del results[1]['segmentation']", "Predictions: entry 2 has neither 'bbox' nor 'segmentation'."),
        ("results[1]['segmentation'] = 5", "Predictions: entry 2 has a segmentation that is neither polygons nor"),
        ("results[1]['bbox'] = [1, 2, 3]", "Predictions: entry 2 has the box [1, 2, 3]: four numbers x, y, width,"),
        ("results[1]['bbox'] = [1, 2, -3, 4]", "Predictions: entry 2 has the box [1, 2, -3, 4]: four numbers"),
        ("results[1]['bbox'] = [1, 2, 3, nan]", "Predictions: entry 2 has the box [1, 2, 3, nan]: four numbers"),
        ("results[1]['bbox'] = 'wide'", "Predictions: entry 2 has the box 'wide': four numbers"),
        (
            "results[1]['segmentation']['size'] = [20, 120]",
            "Predictions: entry 2 has a segmentation of 120×20 pixels on an image of 60×40.",
        ),
        (
            "results[1]['segmentation']['size'] = 'big'",
            "Predictions: entry 2 has run lengths whose 'size' is not [height, width].",
        ),
        (
            "results[1]['segmentation']['size'] = [-40, -60]",
            "Predictions: entry 2 has run lengths whose 'size' is not [height, width].",
        ),
        (
            "del results[1]['segmentation']['counts']",
            "Predictions: entry 2 has run lengths without 'size' or without 'counts'.",
        ),
        (
            "results[1]['segmentation']['counts'] = [7, 3]",
            "Predictions: entry 2 has broken run lengths: they do not add up to 60×40 pixels.",
        ),
        (
            "results[1]['segmentation']['counts'] = [2410, -10]",
            "Predictions: entry 2 has broken run lengths: they do not add up to 60×40 pixels.",
        ),
        (
            "results[1]['segmentation']['counts'] = ['x']",
            "Predictions: entry 2 has broken run lengths: 'counts' is neither text nor a list of whole numbers.",
        ),
        (
            "results[1]['segmentation']['counts'] = truth['annotations'][0]['segmentation']['counts'] + '11'",
            "Predictions: entry 2 has broken run lengths: they do not add up to 60×40 pixels.",
        ),
        (
            "results[1]['segmentation']['counts'] = ''",
            "Predictions: entry 2 has broken run lengths: 'counts' is no COCO text.",
        ),
        (
            "results[1]['segmentation']['counts'] = 'ooP'",
            "Predictions: entry 2 has broken run lengths: 'counts' is no COCO text.",
        ),
        (
            "results[1]['segmentation']['counts'] = 'p'",
            "Predictions: entry 2 has broken run lengths: 'counts' is no COCO text.",
        ),
        (
            "results[1]['segmentation']['counts'] = '/'",
            "Predictions: entry 2 has broken run lengths: 'counts' is no COCO text.",
        ),
        (
            "results[1]['segmentation']['counts'] = 'PPPPPPPP0'",
            "Predictions: entry 2 has broken run lengths: a run is longer than any image.",
        ),
        (
            "results[1]['segmentation']['counts'] = [2**63 - 1, 2**63 - 1, 2 + 60 * 40]",  # adds up in 64 bits
            "Predictions: entry 2 has broken run lengths: they do not add up to 60×40 pixels.",
        ),
        (
            "results[1]['segmentation']['counts'] = chr(0xD800)",
            "Predictions: entry 2 has broken run lengths: they do not add up to 60×40 pixels.",
        ),
        (
            "del truth['images'][0]['width']; "
            "results[1]['segmentation'] = {'size': [70_000, 70_000], 'counts': [70_000 * 70_000]}",
            "Predictions: entry 2 is on an image of 70000×70000 pixels, more than any photo has.",
        ),
        (
            "results[1]['segmentation']['size'] = [1e999, 60]",
            "Predictions: entry 2 has run lengths whose 'size' is not [height, width].",
        ),
        (
            "results[1]['segmentation'] = [[0, 0, 1e9, 0, 1e9, 1e9]]",
            "Predictions: entry 2 has a polygon that reaches far beyond its image of 60×40 pixels.",
        ),
        ("results[1]['segmentation'] = [[10**400, 0, 1, 0, 1, 1]]", "Predictions: entry 2 has polygons that are not"),
        ("results[1]['bbox'] = [10**400, 0, 1, 1]", "Predictions: entry 2 has the box [1000000"),
        ("results[1]['score'] = 10**400", "Predictions: entry 2 has the score 1000000"),
        ("results[0] = 7", "Predictions: it must be a list of objects."),
    ],
)
def test_a_bad_truth_or_bad_results_are_one_clear_sentence(change: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        evaluate(*broken(change, "results"))
    assert str(caught.value).startswith(said)
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("del predictions['annotations']", "Predictions: the list 'annotations' is missing."),
        ("predictions['images'][1]['id'] = 1001", "Predictions: the image id 1001 occurs twice."),
        ("predictions['images'][1]['file_name'] = '1.jpg'", "Predictions: two images have the file name '1.jpg'."),
        ("truth['images'][1]['file_name'] = '1.jpg'", "Truth: two images have the file name '1.jpg'."),
        (
            "del predictions['images'][1]['file_name']",
            "Predictions: image 1000 has no 'file_name', by which images are matched.",
        ),
        (
            "del truth['images'][1]['file_name']",
            "Truth: image 2 has no 'file_name', by which images are matched.",
        ),
        (
            "predictions['images'][0].update(width=30, height=20)",
            "Predictions: the image '1.jpg' has 30×20 pixels, in the truth 60×40.",
        ),
        ("predictions['annotations'][0]['score'] = nan", "Predictions: annotation 0 has the score nan: a finite"),
    ],
)
def test_a_bad_document_of_predictions_is_one_clear_sentence(change: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        evaluate(*broken(change, "predictions"))
    assert str(caught.value).startswith(said)


def test_the_good_case_of_the_bad_ones_is_good() -> None:
    for where in ("results", "predictions"):
        assert evaluate(*broken("pass", where)).counts.predictions == 2


def test_masks_of_one_image_must_agree_where_it_states_no_size() -> None:
    truth, results = broken("del truth['images'][0]['width']", "results")
    assert evaluate(truth, results).counts.predictions == 2
    results[0]["segmentation"] = encode_rle(rectangle(1, 1, 5, 5, size=(20, 30)))
    with pytest.raises(InputError, match="30×20 pixels on an image of 60×40"):
        evaluate(truth, results)


def test_a_truth_that_is_a_list_is_no_document() -> None:
    with pytest.raises(InputError, match=r"^Truth must hold a JSON object with the list 'images'\.$"):
        evaluate([], [])
    with pytest.raises(InputError, match=r"^Predictions must hold a JSON object with the list 'annotations'\.$"):
        evaluate(truth_of({1: [LEFT]}), 5)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("pairs", "said"),
    [
        ([{"ann_ids": [1]}], "Pairs: pair 1 must have 'ann_ids' with two different ids."),
        ([{"ann_ids": [1, 2]}, {"ann_ids": [1, 1]}], "Pairs: pair 2 must have 'ann_ids' with two different ids."),
        ([{"image_id": 1}], "Pairs: pair 1 must have 'ann_ids' with two different ids."),
        ([{"ann_ids": [1, 77]}], "Pairs: pair 1 names 77, which is no annotation of the truth."),
        ([{"ann_ids": [1, []]}], "Pairs: pair 1 names [], which is no annotation of the truth."),
        ([{"ann_ids": [1, 3]}], "Pairs: the members of pair 1 are on different images."),
        ({"couples": []}, "Pairs: the list 'pairs' is missing."),
        ([5], "Pairs: it must be a list of objects."),
    ],
)
def test_bad_pairs_are_one_clear_sentence(pairs: Any, said: str) -> None:
    with pytest.raises(InputError) as caught:
        evaluate(*broken("pass", "results"), pairs=pairs)
    assert str(caught.value) == said


def test_pairs_need_ids_that_name_one_annotation() -> None:
    truth, results = broken("truth['annotations'][1]['id'] = 1", "results")
    assert evaluate(truth, results).counts.instances == 3
    with pytest.raises(InputError, match="the truth has the annotation id 1 twice"):
        evaluate(truth, results, pairs=[])


def test_images_asked_for_must_be_there() -> None:
    truth, results = broken("pass", "results")
    with pytest.raises(InputError) as caught:
        evaluate(truth, results, image_ids=[1, 5, "6.jpg", "7", "8"])
    assert str(caught.value) == "4 of the 5 images asked for are not in the truth: 5, '6.jpg', '7', …."
    with pytest.raises(InputError, match="There is no image to evaluate"):
        evaluate(truth, results, image_ids=[])
    truth["images"][0]["file_name"], truth["images"][1]["file_name"] = "a/x.jpg", "x.jpg"
    assert evaluate(truth, results, image_ids=["x.jpg"]).counts.instances == 1  # the whole name goes before its end
    truth["images"][1]["file_name"] = "b/x.jpg"
    with pytest.raises(InputError, match=r"1 of the 1 images asked for are not in the truth: 'x\.jpg'"):
        evaluate(truth, results, image_ids=["x.jpg"])


@pytest.mark.parametrize("place", ["truth", "predictions", "pairs"])
def test_files_that_cannot_be_read_are_named(tmp_path: Path, place: str) -> None:
    truth, results = broken("pass", "results")
    for content, said in {
        None: "There is no file '{}'.",
        b"{broken": "'{}' is not a readable JSON file",
        b"\xff\xfe\xff": "'{}' is not a readable JSON file",
    }.items():
        path = tmp_path / f"{place}.json"
        if content is not None:
            path.write_bytes(content)
        given: dict[str, Any] = {"truth": truth, "predictions": results, "pairs": [], place: path}
        with pytest.raises(InputError) as caught:
            evaluate(**given)
        assert str(caught.value).startswith(said.format(path))
    with pytest.raises(InputError) as caught:
        evaluate(**{"truth": truth, "predictions": results, "pairs": [], place: tmp_path})
    assert str(caught.value).startswith(f"'{tmp_path}' could not be read: ")


def test_an_error_in_a_file_names_the_file(tmp_path: Path) -> None:
    truth, results = broken("results[0]['score'] = nan", "results")
    (tmp_path / "p.json").write_text(json.dumps(results))  # JSON of Python has NaN
    with pytest.raises(InputError) as caught:
        evaluate(truth, tmp_path / "p.json")
    assert str(caught.value).startswith(f"Predictions '{tmp_path / 'p.json'}': entry 1 has the score nan")


def test_ids_are_read_one_a_line(tmp_path: Path) -> None:
    path = tmp_path / "ids.txt"
    path.write_text("\ufeff12\n\n train2014/COCO_train2014_000000000009.jpg \r\n", encoding="utf-8")
    assert read_ids(path) == ["12", "train2014/COCO_train2014_000000000009.jpg"]
    path.write_text("\n \n")
    with pytest.raises(InputError, match="names no image"):
        read_ids(path)
    path.write_bytes(b"\xff\xfe")
    with pytest.raises(InputError, match="is not a readable text file"):
        read_ids(path)
    with pytest.raises(InputError, match="There is no file"):
        read_ids(tmp_path / "gone.txt")
    with pytest.raises(InputError, match="could not be read"):
        read_ids(tmp_path)
