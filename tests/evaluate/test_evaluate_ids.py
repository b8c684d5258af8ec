"""Ids, flags and numbers are compared as what they name, however they are written."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from synthetic_evaluation import Doc, named, rectangle, results_of, synthetic, truth_of

from cuts3d.errors import InputError
from cuts3d.evaluate import Evaluation, evaluate
from cuts3d.io.coco import as_id

SQUARE, OTHER = rectangle(4, 6, 10, 8), rectangle(30, 20, 10, 10)
Change = Callable[[Any], Any]


def figures(found: Evaluation) -> Evaluation:
    return replace(found, notices=())


def padded(number: int) -> str:
    return f"{number:012}"


@pytest.mark.parametrize(
    ("written", "named_id"),
    [
        (1, 1),
        (1.0, 1),
        ("1", 1),
        ("1.0", 1),
        ("-3", -3),
        (-3.0, -3),
        ("0", 0),
        ("01", "01"),
        ("a", "a"),
        ("", ""),
        ("1.5", "1.5"),
        ("1e3", "1e3"),
        ("١", "١"),  # a digit, but no ASCII
        (10**400, 10**400),
        (str(10**400), 10**400),
        ("7" * 5000, "7" * 5000),  # more digits than Python reads
        (1.5, None),
        (1e300, None),
        (float("nan"), None),
        (float("inf"), None),
        (True, None),
        (None, None),
        ([1], None),
        ({"$oid": 1}, None),
    ],
)
def test_an_id_is_what_it_names(written: Any, named_id: Any) -> None:
    found = as_id(written)
    assert found == named_id
    assert type(found) is type(named_id)


@pytest.mark.parametrize("change", [str, float, lambda i: f"{i}.0"])
@pytest.mark.parametrize("where", ["images", "image_id", "id", "category_id", "results", "everything"])
def test_figures_do_not_depend_on_how_ids_are_written(change: Change, where: str) -> None:
    truth, results = synthetic(3, size=(60, 80))
    pairs = [{"ann_ids": [1, 2]}]
    one = truth["annotations"][0]
    truth["annotations"][1] |= {"image_id": one["image_id"]}
    whole = evaluate(truth, results, pairs=pairs)
    changed, guess = copy.deepcopy((truth, results))
    for image in changed["images"]:
        image["id"] = change(image["id"]) if where in ("images", "everything") else image["id"]
    for entry in changed["annotations"]:
        for key in ("image_id", "id", "category_id"):
            entry[key] = change(entry[key]) if where in (key, "everything") else entry[key]
    for entry in guess:
        entry["image_id"] = change(entry["image_id"]) if where in ("results", "everything") else entry["image_id"]
    assert figures(evaluate(changed, guess, pairs=pairs)) == figures(whole)
    assert figures(evaluate(changed, guess, pairs=[{"ann_ids": [change(1), change(2)]}])) == figures(whole)
    part = evaluate(truth, results, image_ids=[3, 5])
    assert figures(evaluate(changed, guess, image_ids=[change(3), change(5)])) == figures(part)


def test_one_text_id_among_numbers_loses_no_object() -> None:
    truth = truth_of({1: [SQUARE], 2: [OTHER]})
    truth["annotations"][1]["image_id"] = "2"
    found = evaluate(truth, named(results_of({1: [SQUARE]}), {1: "1.jpg", 2: "2.jpg"}))
    assert found.counts.instances == 2
    assert found.mask is not None
    assert found.mask.ap50 == pytest.approx(51 / 101)  # one of two objects is found
    assert found.corloc == 0.5


def test_ids_of_predictions_are_read_by_the_same_rule() -> None:
    truth = truth_of({1: [SQUARE], 2: [OTHER]})
    guess = named(results_of({1: [SQUARE], 2: [OTHER]}), {1: "1.jpg", 2: "2.jpg"})
    whole = evaluate(truth, guess)
    guess["annotations"][0]["image_id"] = str(guess["annotations"][0]["image_id"])
    guess["images"][0]["id"] = float(guess["images"][0]["id"])
    assert evaluate(truth, guess) == whole
    assert whole.corloc == 1


@pytest.mark.parametrize("word", ["1.jpg", "val/1.jpg", "1.png", "000000000001"])
def test_results_may_name_their_images_by_file_or_padded_number(word: str) -> None:
    truth = truth_of({1: [SQUARE], 2: [OTHER]})
    results = results_of({1: [SQUARE], 2: [OTHER]})
    whole = evaluate(truth, results)
    results[0]["image_id"] = word
    assert evaluate(truth, results) == whole


def test_a_padded_number_is_first_of_all_the_name_of_a_file() -> None:
    truth = truth_of({1: [SQUARE], 2: [OTHER]})
    for image, name in zip(truth["images"], ("000000.png", "000001.png"), strict=True):  # as KITTI counts
        image["file_name"] = name
    results = [{**results_of({1: [OTHER]})[0], "image_id": "000001"}]
    assert evaluate(truth, results).mean_best_iou == 0.5  # that of image 2


@pytest.mark.parametrize("no", [0, 0.0, "0", "0.0", False, "false", "False", None])
@pytest.mark.parametrize("yes", [1, 1.0, "1", True, "true", "TRUE"])
def test_a_crowd_is_what_its_flag_names(no: Any, yes: Any) -> None:
    truth = truth_of({1: [SQUARE, OTHER]})
    truth["annotations"][0]["iscrowd"], truth["annotations"][1]["iscrowd"] = no, yes
    found = evaluate(truth, results_of({1: [SQUARE, OTHER]}))
    assert (found.counts.instances, found.counts.crowds) == (1, 1)


@pytest.mark.parametrize("change", [float, str, lambda side: f"{side}.0"])
def test_sizes_are_what_they_name(change: Change) -> None:
    truth = truth_of({1: [SQUARE]})
    for key in ("width", "height"):
        truth["images"][0][key] = change(truth["images"][0][key])
    truth["annotations"][0]["segmentation"]["size"] = [change(40), change(60)]
    assert evaluate(truth, results_of({1: [SQUARE]})).mean_best_iou == 1


def test_numbers_may_be_text() -> None:
    truth, results = synthetic(5, size=(60, 80))
    whole = evaluate(truth, results)
    for entry in truth["annotations"]:
        entry["bbox"] = [str(value) for value in entry["bbox"]]
        entry["area"] = str(entry["area"])
    for entry in results:
        entry["score"] = str(entry["score"])
    assert figures(evaluate(truth, results)) == figures(whole)
    results[0]["score"] = "0,5"
    with pytest.raises(InputError, match="entry 1 has the score '0,5': a finite number is expected"):
        evaluate(truth, results)


@pytest.mark.parametrize("number", [-5, 10**400, 2**63, 0])
def test_any_whole_number_is_an_id(number: int) -> None:
    truth: Doc = truth_of({number: [SQUARE]})
    truth["annotations"][0]["id"] = number
    assert evaluate(truth, results_of({number: [SQUARE]})).mean_best_iou == 1


def test_annotations_need_no_id_and_scores_may_be_above_1() -> None:
    truth, results = truth_of({1: [SQUARE]}), results_of({1: [SQUARE, OTHER]})
    truth["annotations"][0]["id"] = None
    for entry, score in zip(results, (99, 12), strict=True):
        entry |= {"id": None, "score": score}
    found = evaluate(truth, results)
    assert found.mask is not None
    assert found.mask.ap == pytest.approx(1)
