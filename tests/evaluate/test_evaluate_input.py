"""Fields that documents may omit, and how images are matched."""

from __future__ import annotations

from typing import Any

import pytest
from synthetic_evaluation import (
    assert_as_pycocotools,
    boxes_only,
    named,
    rectangle,
    results_of,
    synthetic,
    truth_of,
)

from cuts3d.errors import InputError
from cuts3d.evaluate import evaluate
from cuts3d.evaluate.figures import Figures


def test_empty_predictions_have_figures_of_zero() -> None:
    truth = truth_of({1: [rectangle(2, 2, 4, 4)], 2: []})
    truth["annotations"].append({**truth["annotations"][0], "id": 2})
    empty: list[Any] = [[], {"annotations": []}, {"images": truth["images"], "annotations": []}]
    for nothing in empty:
        found = evaluate(truth, nothing, pairs=[{"ann_ids": [1, 2]}])
        assert found.mask == found.box == Figures(0, 0, 0, 0, None, None, 0, 0, 0)
        assert (found.corloc, found.mean_best_iou, found.pairs_separated) == (0, 0, 0)
        assert found.counts.predictions_per_image == 0
        assert found.notices[0].text == "The predictions are empty: every object counts as missed."


def test_a_ground_truth_without_objects_is_refused() -> None:
    results = results_of({1: [rectangle(2, 2, 4, 4)]})
    with pytest.raises(InputError, match="there is no object on the evaluated images, so there is nothing to find"):
        evaluate(truth_of({1: []}), results)
    with pytest.raises(InputError, match="there is no object on the evaluated images"):
        evaluate(truth_of({1: [], 2: [rectangle(2, 2, 4, 4)]}), results, image_ids=[1])


@pytest.mark.parametrize("side", ["truth", "predictions"])
@pytest.mark.parametrize("nothing", ["missing", None, []])
def test_boxes_alone_have_figures_of_boxes_alone(side: str, nothing: Any) -> None:
    truth, results = synthetic(5, size=(60, 80))
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
    truth, results = synthetic(6, size=(60, 80))
    names = {image["id"]: image["file_name"] for image in truth["images"]}
    found = evaluate(truth, named(results, names))
    assert_as_pycocotools(truth, results, found)
    assert found == evaluate(truth, results)


def test_a_last_part_that_is_unique_on_both_sides_matches_too() -> None:
    truth, results = synthetic(6, size=(60, 80))
    whole = evaluate(truth, results)
    names = {image["id"]: image["file_name"] for image in truth["images"]}
    assert evaluate(truth, named(results, {i: f"val2017/{name}" for i, name in names.items()})) == whole
    assert evaluate(truth, named(results, {i: f"C:\\photos\\{name}" for i, name in names.items()})) == whole
    for image in truth["images"]:
        image["file_name"] = f"images/{image['id'] % 3}/{image['file_name']}"
    assert evaluate(truth, named(results, names)) == whole


def test_lvis_names_its_images_by_their_address() -> None:
    truth, results = synthetic(6, size=(60, 80))
    whole = evaluate(truth, results)
    names = {image["id"]: image["file_name"] for image in truth["images"]}
    for image in truth["images"]:
        image["coco_url"] = f"http://images.cocodataset.org/val2017/{image.pop('file_name')}"
    assert evaluate(truth, named(results, names)) == whole


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
    truth, results = synthetic(1, size=(60, 80))
    assert evaluate(truth, results, image_ids=chosen) == evaluate(truth, results, image_ids=iter([7, 4]))
    assert evaluate(truth, results, image_ids=chosen).counts.images == 2


def test_ids_may_be_text() -> None:
    truth, results = synthetic(2, size=(60, 80))
    whole = evaluate(truth, results)
    for entry in [*truth["annotations"], *results]:
        entry["image_id"] = f"{entry['image_id']:016x}"
    for image in truth["images"]:
        image["id"] = f"{image['id']:016x}"
    assert evaluate(truth, results).mask == whole.mask
    assert evaluate(truth, results, image_ids=[f"{4:016x}"]).counts.images == 1


# --- by hand
