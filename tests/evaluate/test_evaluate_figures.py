"""Figures that pycocotools does not have, and the report of all figures."""

from __future__ import annotations

import copy
import json
from dataclasses import astuple, fields
from pathlib import Path

import numpy as np
import pytest
from synthetic_evaluation import (
    LEFT,
    RIGHT,
    boxes_only,
    named,
    polygon,
    rectangle,
    results_of,
    synthetic,
    truth_of,
)

from cuts3d.evaluate import evaluate
from cuts3d.evaluate.figures import Figures
from cuts3d.evaluate.report import markdown, to_json


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
    truth, results = synthetic(8, size=(60, 80))
    truth["annotations"][0]["segmentation"] = [polygon(3, 3, 9, 9)]
    document = named(results, {image["id"]: image["file_name"] for image in truth["images"]})
    pairs = {"pairs": [{"image_id": 3, "ann_ids": [1, 2]}]}
    for guess in (results, document):
        before = copy.deepcopy((truth, guess, pairs))
        evaluate(truth, guess, pairs=pairs, image_ids=[3, 4])
        assert (truth, guess, pairs) == before


def test_pycocotools_says_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    evaluate(*synthetic(1, size=(60, 80)))
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


def test_files_and_what_they_hold_are_the_same(tmp_path: Path) -> None:
    truth, results = synthetic(9, size=(60, 80))
    pairs = {"pairs": [{"ann_ids": [1, 2]}]}
    for name, content in {"t": truth, "p": results, "q": pairs}.items():
        (tmp_path / name).write_text(json.dumps(content))
    found = evaluate(tmp_path / "t", str(tmp_path / "p"), pairs=tmp_path / "q")
    assert found == evaluate(truth, results, pairs=pairs)


def test_counts_may_be_bytes_as_pycocotools_encodes_them() -> None:
    truth, results = synthetic(2, size=(60, 80))
    raw = copy.deepcopy(results)
    for entry in raw:
        entry["segmentation"]["counts"] = entry["segmentation"]["counts"].encode()
    assert evaluate(truth, raw) == evaluate(truth, results)


# --- the report


def test_the_table_has_percent_and_dashes_and_says_what_was_left_out() -> None:
    truth = truth_of({1: [LEFT, RIGHT], 2: [LEFT]})
    results = results_of({1: [BOTH, LEFT], 7: [LEFT]})
    lines = markdown(evaluate(truth, results, pairs=[{"ann_ids": [1, 2]}])).splitlines()
    assert lines[:2] == ["note: Left out: 1 prediction on 1 image that the ground truth does not have: 7.", ""]
    assert lines[2:4] == ["| % | mask | box |", "|:--|--:|--:|"]
    rows = {line.split("|")[1].strip(): [cell.strip() for cell in line.split("|")[2:4]] for line in lines[4:-2]}
    assert len(rows) == len(fields(Figures)) + 3
    assert rows["AR1"] == ["3.33", "3.33"]  # one of three, at one of ten thresholds
    assert rows["AP large"] == ["–", "–"]
    assert rows["CorLoc"] == ["–", "50.00"]
    assert rows["mean best IoU"] == ["50.00", "–"]
    assert rows["pairs separated"] == ["100.00", "–"]
    assert lines[-1] == "2 images, 3 objects, 2 predictions (1.00 an image), 1 touching pair."


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
    assert document["notices"] == []
    lost = to_json(evaluate(truth_of({1: [LEFT]}), results_of({1: [LEFT], 7: [LEFT]})))["notices"]
    assert [(one["kind"], one["count"]) for one in lost] == [("unmatched_images", 1)]


# --- errors
