"""File names are matched by their longest unique end; what is unusual about a match is said first."""

from __future__ import annotations

import pytest
from synthetic_evaluation import Doc, named, rectangle, results_of, truth_of

from cuts3d.errors import InputError
from cuts3d.evaluate import Evaluation, evaluate
from cuts3d.evaluate.names import match_names, name_parts


def matched(true: list[str], own: list[str]) -> dict[str, str]:
    """Names of the predictions to those of the ground truth."""
    found = match_names(dict(enumerate(map(name_parts, true))), dict(enumerate(map(name_parts, own))))
    return {own[int(str(i))]: true[int(str(match.image))] for i, match in found.items()}


@pytest.mark.parametrize(
    ("true", "own", "wanted"),
    [
        # the same name, however it is written
        (["a.jpg", "b.jpg"], ["b.jpg", "a.jpg"], {"b.jpg": "b.jpg", "a.jpg": "a.jpg"}),
        (["x/a.jpg"], ["./x//a.jpg"], {"./x//a.jpg": "x/a.jpg"}),
        (["x/a.jpg", "y/a.jpg"], ["x\\a.jpg"], {"x\\a.jpg": "x/a.jpg"}),
        (["Caf\u00e9.jpg"], ["Cafe\u0301.jpg"], {"Cafe\u0301.jpg": "Caf\u00e9.jpg"}),
        # a longer end decides where the last part is not unique
        (["x/a.jpg", "y/a.jpg"], ["val/y/a.jpg"], {"val/y/a.jpg": "y/a.jpg"}),
        (["v/x/a.jpg", "v/y/a.jpg"], ["/data/v/x/a.jpg"], {"/data/v/x/a.jpg": "v/x/a.jpg"}),
        (["C:\\d\\x\\a.jpg", "C:\\d\\y\\a.jpg"], ["x/a.jpg"], {"x/a.jpg": "C:\\d\\x\\a.jpg"}),
        (["x/a.jpg", "a.jpg"], ["z/x/a.jpg"], {"z/x/a.jpg": "x/a.jpg"}),
        (["x/a.jpg", "y/a.jpg"], ["X/a.jpg"], {"X/a.jpg": "x/a.jpg"}),
        # folders may have other names …
        (["val2017/a.jpg"], ["photos/a.jpg"], {"photos/a.jpg": "val2017/a.jpg"}),
        # … but a folder that the other side has too is that one
        (["a/1.jpg", "b/2.jpg"], ["b/1.jpg", "a/2.jpg"], {}),
        (["train/1.jpg", "val/2.jpg"], ["val/1.jpg", "val/2.jpg"], {"val/2.jpg": "val/2.jpg"}),
        # case and suffix count only where nothing else fits
        (["a.jpg", "A.JPG"], ["A.JPG", "a.jpg"], {"A.JPG": "A.JPG", "a.jpg": "a.jpg"}),
        (["a.jpg"], ["a.JPG"], {"a.JPG": "a.jpg"}),
        (["a.jpg"], ["a.png"], {"a.png": "a.jpg"}),
        (["a.jpg"], ["a.png", "a.jpg"], {"a.jpg": "a.jpg"}),
        (["x/a.jpg", "y/a.jpg"], ["val/y/a.png"], {"val/y/a.png": "y/a.jpg"}),
        (["img.v1", "b.jpg"], ["img.v2"], {}),  # no suffix of a photo
        # what could be two images is none
        (["a/1.jpg", "b/1.jpg"], ["1.jpg"], {}),
        (["1.jpg"], ["a/1.jpg", "b/1.jpg"], {}),
        (["a/1.jpg"], ["b/1.jpg", "c/1.jpg"], {}),
        (["a.jpg", "a.png"], ["a.tif"], {}),
        (["a.jpg"], ["a.tif", "a.png"], {}),
        (["a/1.jpg", "2.jpg"], ["a/1.jpg", "c/1.jpg"], {"a/1.jpg": "a/1.jpg"}),
        # percent signs are part of the name
        (["a b.jpg"], ["a%20b.jpg"], {}),
        (["a.jpg"], ["", "/", "."], {}),
    ],
)
def test_names_are_matched_by_their_longest_unique_end(true: list[str], own: list[str], wanted: dict[str, str]) -> None:
    assert matched(true, own) == wanted


def test_a_name_of_many_parts_is_matched_in_time() -> None:
    deep = "/".join(map(str, range(20_000)))
    assert matched([f"a/{deep}", "b.jpg"], [deep]) == {deep: f"a/{deep}"}


SQUARE, OTHER = rectangle(4, 6, 10, 8), rectangle(30, 20, 10, 10)


def evaluated(true: list[str], own: list[str]) -> Evaluation:
    """An evaluation in which each prediction is right if the image at the same place is the same."""
    masks = {1: [SQUARE], 2: [OTHER]}
    truth: Doc = truth_of(masks)
    for image, name in zip(truth["images"], true, strict=True):
        image["file_name"] = name
    return evaluate(truth, named(results_of(masks), dict(zip(masks, own, strict=True))))


def kinds(found: Evaluation) -> list[tuple[str, int]]:
    return [(one.kind, one.count) for one in found.notices]


def test_folders_tell_files_of_the_same_name_apart() -> None:
    found = evaluated(["x/img.jpg", "y/img.jpg"], ["val/x/img.jpg", "val/y/img.jpg"])
    assert found.mean_best_iou == 1
    assert kinds(found) == []
    swapped = evaluated(["x/img.jpg", "y/img.jpg"], ["val/y/img.jpg", "val/x/img.jpg"])
    assert swapped.mean_best_iou == 0


def test_another_suffix_matches_and_is_said_first() -> None:
    found = evaluated(["a.jpg", "b.jpg"], ["a.png", "b.PNG"])
    assert found.mean_best_iou == 1
    (notice,) = found.notices
    assert notice.text == "2 images matched although the names differ in case or suffix, such as 'a.png' with 'a.jpg'."


def test_other_folders_match_and_are_said_first() -> None:
    found = evaluated(["val2017/a.jpg", "val2017/b.jpg"], ["photos/a.jpg", "photos/b.jpg"])
    assert found.mean_best_iou == 1
    assert kinds(found) == [("other_folders", 2)]


def test_no_match_at_all_is_refused() -> None:
    with pytest.raises(InputError, match=r"none of 2 images is in the ground truth: '1\.jpg', 'c\.jpg'; the ground"):
        evaluated(["a/1.jpg", "b/1.jpg"], ["1.jpg", "c.jpg"])


def test_images_without_a_match_and_images_that_were_not_predicted_are_counted() -> None:
    found = evaluated(["a.jpg", "b.jpg"], ["a.jpg", "c.jpg"])
    assert kinds(found) == [("unmatched_images", 1), ("missing_images", 1)]
    assert found.notices[0].text == "Left out: 1 prediction on 1 image that the ground truth does not have: 'c.jpg'."
    assert found.counts.unmatched_images == found.counts.unmatched_predictions == 1
    assert found.corloc == 0.5


def test_predictions_on_images_that_they_do_not_list_are_counted() -> None:
    guess = named(results_of({1: [SQUARE], 2: [OTHER]}), {1: "1.jpg", 2: "2.jpg"})
    guess["annotations"][1]["image_id"] = 77
    found = evaluate(truth_of({1: [SQUARE], 2: [OTHER]}), guess)
    assert kinds(found) == [("unmatched_images", 1)]
    assert "77" in found.notices[0].text


def test_none_of_the_evaluated_images_among_the_predicted_ones_is_refused() -> None:
    guess = named(results_of({1: [SQUARE]}), {1: "1.jpg"})
    with pytest.raises(InputError, match="none of the evaluated images is among the predicted ones"):
        evaluate(truth_of({1: [SQUARE], 2: [OTHER]}), guess, image_ids=[2])


def test_a_photo_that_is_listed_twice_with_the_same_predictions_counts_once() -> None:
    guess = named(results_of({1: [SQUARE], 2: [SQUARE]}), {1: "1.jpg", 2: "./1.jpg"})
    scores = guess["annotations"]
    scores[1]["score"] = scores[0]["score"]
    found = evaluate(truth_of({1: [SQUARE]}), guess)
    assert found.counts.predictions == 1
    assert kinds(found) == [("repeated_images", 1)]
    scores[1]["score"] = 0.1
    with pytest.raises(InputError, match=r"two images have the file name '\./1\.jpg'.*remove one of them"):
        evaluate(truth_of({1: [SQUARE]}), guess)


def test_the_address_names_an_image_where_the_name_is_empty() -> None:
    truth = truth_of({1: [SQUARE]})
    truth["images"][0] |= {"file_name": "", "coco_url": "http://images.org/val2017/1.jpg"}
    assert evaluate(truth, named(results_of({1: [SQUARE]}), {1: "1.jpg"})).mean_best_iou == 1
