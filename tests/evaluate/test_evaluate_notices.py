"""What looks like a mistake of a file is said first: boxes, repeated annotations, missing masks and pairs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from synthetic_evaluation import (
    Doc,
    boxes_only,
    named,
    rectangle,
    results_of,
    synthetic,
    truth_of,
)

from cuts3d.evaluate import Evaluation, evaluate
from cuts3d.evaluate.report import markdown

SQUARE, OTHER = rectangle(10, 6, 10, 8), rectangle(30, 20, 10, 10)
MASKS = {1: [SQUARE, OTHER]}


def said(found: Evaluation) -> dict[str, str]:
    return {one.kind: one.text for one in found.notices}


def with_boxes(write: Any) -> list[Doc]:
    results = results_of(MASKS)
    for entry, (x, y, w, h) in zip(results, [(10, 6, 10, 8), (30, 20, 10, 10)], strict=True):
        entry["bbox"] = write(x, y, w, h)
    return results


@pytest.mark.parametrize(
    ("write", "reading"),
    [
        (lambda x, y, w, h: [x, y, x + w, y + h], "(x, y, x2, y2)"),
        (lambda x, y, w, h: [x + w / 2, y + h / 2, w, h], "(centre x, centre y, width, height)"),
        (lambda x, y, w, h: [y, x, h, w], "(y, x, height, width)"),
    ],
)
def test_boxes_in_another_order_are_named(write: Any, reading: str) -> None:
    found = evaluate(truth_of(MASKS), with_boxes(write))
    assert said(found) == {
        "prediction_boxes": "The boxes of 2 of 2 predictions differ clearly from the boxes of their masks; are they "
        f"{reading}?"
    }
    assert markdown(found).startswith("note: The boxes of 2 of 2 predictions")
    bare = boxes_only(results_of(MASKS))
    for entry, same in zip(bare, with_boxes(write), strict=True):
        entry["bbox"] = same["bbox"]
    assert "prediction_boxes" not in said(evaluate(truth_of(MASKS), bare))


def test_boxes_near_those_of_the_masks_are_not_worth_a_word() -> None:
    found = evaluate(truth_of(MASKS), with_boxes(lambda x, y, w, h: [x - 1, y + 1, w + 2.5, h - 1]))
    assert said(found) == {}


def test_boxes_alone_that_reach_beyond_their_images_are_named() -> None:
    masks = {1: [rectangle(30, 20, 10, 10), rectangle(40, 20, 10, 10)]}
    bare = boxes_only(results_of(masks))
    for entry in bare:
        x, y, w, h = entry["bbox"]
        entry["bbox"] = [x, y, x + w, y + h]
    assert said(evaluate(truth_of(masks), bare)) == {
        "prediction_boxes_beyond": "The boxes of 2 of 2 predictions reach beyond their images; are they (x, y, x2, y2)?"
    }


def test_repeated_ids_and_repeated_predictions_are_named_and_counted() -> None:
    truth = truth_of(MASKS)
    truth["annotations"][1]["id"] = "1"
    results = [*results_of(MASKS), results_of(MASKS)[0]]
    found = evaluate(truth, results)
    assert (found.counts.instances, found.counts.predictions) == (2, 3)
    assert said(found) == {
        "repeated_object_ids": "1 annotation id of the objects used more than once, such as 1.",
        "repeated_predictions": "1 prediction more than once on the same image, with the same mask, box and score; all "
        "count (images 1).",
    }


def test_objects_without_a_mask_among_others_are_named() -> None:
    truth = truth_of(MASKS)
    truth["annotations"][1] = {**boxes_only([truth["annotations"][1]])[0], "segmentation": [[]]}
    found = evaluate(truth, results_of(MASKS))
    assert said(found) == {
        "objects_without_mask": "1 of 2 objects have a box only: the figures of masks leave them out."
    }


def test_pairs_that_cannot_be_measured_are_left_out_and_counted() -> None:
    truth = truth_of({1: [SQUARE, OTHER, SQUARE]})
    truth["annotations"][2]["segmentation"] = [[1, 1, 5, 5]]
    pairs = [{"ann_ids": [1, "2"]}, {"ann_ids": [2, 3]}, {"ann_ids": [1, 77]}]
    found = evaluate(truth, results_of(MASKS), pairs=pairs)
    assert (found.counts.pairs, found.pairs_separated) == (1, 1)
    assert said(found) == {
        "unusable_objects": "Left out: 1 object of the ground truth without a usable mask or box: annotation 3 has no "
        "polygon of three points or more.",
        "unknown_pairs": "Left out: 1 touching pair of annotations that the ground truth does not have: 77.",
        "unusable_pairs": "Left out: 1 touching pair with a member that has no usable mask or box.",
    }


def test_of_many_unusable_annotations_the_first_are_named() -> None:
    results = results_of({1: [SQUARE] * 6})
    for entry in results[1:]:
        entry["bbox"] = [1, 1, 0, 1]
    (notice,) = evaluate(truth_of(MASKS), results).notices
    assert notice.count == 5
    assert notice.text.endswith("; and 2 more.")
    assert notice.text.count("which has no area") == 3


def test_an_object_with_a_part_of_two_points_keeps_the_others() -> None:
    truth = truth_of(MASKS)
    truth["annotations"][0]["segmentation"] = [[1, 1, 5, 5], [10, 6, 20, 6, 20, 14, 10, 14]]
    found = evaluate(truth, results_of(MASKS))
    assert found.mean_best_iou == 1
    assert found.notices == ()


def test_failures_of_the_predictions_are_told_with_the_images_that_they_miss() -> None:
    guess = named(results_of({1: [SQUARE]}), {1: "1.jpg"}) | {"failures": [{"file_name": "2.jpg"}]}
    found = evaluate(truth_of({1: [SQUARE], 2: [OTHER]}), guess)
    assert said(found) == {
        "missing_images": "1 of 2 evaluated images are not in the predictions: their objects count as missed. The "
        "predictions list 1 image that failed."
    }


def test_ordinary_files_have_no_notice() -> None:
    rng = np.random.default_rng(0)
    truth, _ = synthetic(1, size=(60, 80))
    kept = {(entry["image_id"], entry["segmentation"]["counts"]): entry for entry in truth["annotations"]}
    truth["annotations"] = list(kept.values())
    results = [{**entry, "score": float(rng.random())} for entry in truth["annotations"]]
    assert evaluate(truth, results).notices == ()
