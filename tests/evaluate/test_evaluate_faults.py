"""Documents that cannot be used raise one clear error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from synthetic_evaluation import (
    LEFT,
    RIGHT,
    Doc,
    named,
    rectangle,
    results_of,
    truth_of,
)

from cuts3d.errors import InputError
from cuts3d.evaluate import evaluate
from cuts3d.evaluate.chosen import read_ids
from cuts3d.io.coco import encode_rle


def broken(change: str, where: str) -> tuple[Doc, Any]:
    """A valid ground truth and valid predictions after one line of code has changed them."""
    truth = truth_of({1: [LEFT, RIGHT], 2: [LEFT]})
    results = results_of({1: [LEFT], 2: [RIGHT]})
    predictions = named(results, {1: "1.jpg", 2: "2.jpg"})
    exec(change, {"truth": truth, "results": results, "predictions": predictions, "nan": float("nan")})
    return truth, results if where == "results" else predictions


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("del truth['images']", "Ground truth: the list 'images' is missing."),
        ("del truth['annotations']", "Ground truth: the list 'annotations' is missing."),
        ("truth['images'] = 3", "Ground truth: 'images' must be a list of objects."),
        ("truth['annotations'] = [3]", "Ground truth: 'annotations' must be a list of objects."),
        ("truth['images'] = []", "There is no image to evaluate."),
        ("del truth['images'][0]['id']", "Ground truth: image 1 needs an 'id' that is a whole number or text."),
        ("truth['images'][1]['id'] = 1", "Ground truth: the image id 1 occurs twice."),
        ("truth['images'][1]['width'] = 0", "Ground truth: image 2 has the size 0×40, not two positive whole numbers."),
        (
            "truth['images'][1]['width'] = nan",
            "Ground truth: image 2 has the size nan×40, not two positive whole numbers.",
        ),
        (
            "del truth['annotations'][2]['image_id']",
            "Ground truth: annotation 3 has no 'image_id' that is a whole number or text.",
        ),
        (
            "truth['annotations'][2]['id'] = []",
            "Ground truth: entry 3 has the 'id' [], which is no whole number or text.",
        ),
        (
            "truth['annotations'][0]['area'] = nan",
            "Ground truth: annotation 1 has the area nan: a finite number is expected.",
        ),
        (
            "truth['annotations'][0]['segmentation']['size'] = [60, 40]",
            "Ground truth: annotation 1 has a segmentation of 40×60 pixels on an image of 60×40: width and height are",
        ),
        (
            "del truth['images'][0]['width']; truth['annotations'][0]['segmentation'] = [[1, 1, 5, 1, 5, 5]]",
            "Ground truth: annotation 1 has polygons, but its image states no 'width' and 'height'.",
        ),
        ("del results[1]['score']", "Predictions: entry 2 has no 'score'."),
        ("results[1]['score'] = nan", "Predictions: entry 2 has the score nan: a finite number is expected."),
        ("results[1]['score'] = 'high'", "Predictions: entry 2 has the score 'high': a finite number is expected."),
        ("results[1]['image_id'] = None", "Predictions: entry 2 has no 'image_id' that is a whole number or text."),
        ("results[1]['score'] = 10**400", "Predictions: entry 2 has the score 1000000"),
        ("results[0] = 7", "Predictions: it must be a list of objects."),
        ("results[1]['score'] = True", "Predictions: entry 2 has the score True: a finite number is expected."),
        ("results[1]['image_id'] = True", "Predictions: entry 2 has no 'image_id' that is a whole number or text."),
        ("results[1]['image_id'] = 1.5", "Predictions: entry 2 has no 'image_id' that is a whole number or text."),
        ("truth['images'][1]['id'] = True", "Ground truth: image 2 needs an 'id' that is a whole number or text."),
        ("truth['images'][1]['id'] = 1e300", "Ground truth: image 2 needs an 'id' that is a whole number or text."),
        (
            "truth['images'][1]['id'] = '1'",
            "Ground truth: the image ids 1 and '1' name the same image; give each image its own.",
        ),
        (
            "truth['images'][1]['file_name'] = ['a.jpg']",
            "Ground truth: image 2 has the 'file_name' ['a.jpg'], which is no text.",
        ),
        ("truth['images'][1]['width'] = True", "Ground truth: image 2 has the size True×40, not two positive whole"),
        ("truth['images'][1]['width'] = 60.5", "Ground truth: image 2 has the size 60.5×40, not two positive whole"),
        ("truth['annotations'] = None", "Ground truth: 'annotations' must be a list of objects."),
        ("truth['annotations'] = []", "Ground truth: there is no object on the evaluated images"),
        (
            "[one.update(iscrowd=1) for one in truth['annotations']]",
            "Ground truth: there is no object on the evaluated",
        ),
        (
            "truth['annotations'][2]['image_id'] = 3",
            "Ground truth: 1 of 3 annotations are on images that 'images' does not list, such as annotation 3 on the "
            "image 3; correct their 'image_id', or remove them.",
        ),
        ("truth['annotations'][2]['iscrowd'] = 2", "Ground truth: annotation 3 has the iscrowd 2: 0 or 1 is expected."),
        ("truth['annotations'][2]['iscrowd'] = 'no'", "Ground truth: annotation 3 has the iscrowd 'no': 0 or 1"),
        ("truth['annotations'][2]['area'] = -4", "Ground truth: annotation 3 has the area -4: a number of pixels"),
        (
            "[one.update(image_id=one['image_id'] + 10) for one in results]",
            "Predictions: none of 2 images is in the ground truth: 11, 12; the ground truth has '1.jpg' with the id 1.",
        ),
        (
            "[one.pop('segmentation') for one in results]",
            "Predictions: none of the annotations can be used, for example: entry 1 has neither 'bbox' nor",
        ),
        (
            "[one.update(bbox=[0.1, 0.2, 0.5, 0.6], segmentation=[]) for one in results]",
            "Predictions: all boxes lie between 0 and 1; give pixels, not fractions of the image.",
        ),
        (
            "results[1]['segmentation']['size'] = [20, 30]",
            "Predictions: entry 2 has a segmentation of 30×20 pixels on an image of 60×40: both are of the photo at",
        ),
        (
            "results[1]['segmentation']['size'] = [30, 20]",
            "Predictions: entry 2 has a segmentation of 20×30 pixels on an image of 60×40: width and height are",
        ),
    ],
)
def test_a_bad_ground_truth_or_bad_results_raise_one_clear_error(change: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        evaluate(*broken(change, "results"))
    assert str(caught.value).startswith(said)
    assert str(caught.value).endswith(".")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            "truth['annotations'][0]['segmentation'] = [[1, 1, 5, 1, 5]]",
            "annotation 1 has a polygon that is not x, y, x, y, ….",
        ),
        (
            "truth['annotations'][0]['segmentation'] = [[1, 1, 5, 1, 5, nan]]",
            "annotation 1 has a polygon that is not x, y, x, y, ….",
        ),
        (
            "truth['annotations'][0]['segmentation'] = [['a', 'b', 'c', 'd', 'e', 'f']]",
            "annotation 1 has polygons that are not lists of numbers.",
        ),
        ("del results[1]['segmentation']", "entry 2 has neither 'bbox' nor 'segmentation'."),
        ("results[1]['segmentation'] = 5", "entry 2 has a segmentation that is neither polygons nor"),
        ("results[1]['bbox'] = [1, 2, 3]", "entry 2 has the box [1, 2, 3]: four numbers x, y, width,"),
        ("results[1]['bbox'] = [1, 2, -3, 4]", "entry 2 has the box [1, 2, -3, 4]: four numbers"),
        ("results[1]['bbox'] = [1, 2, 3, nan]", "entry 2 has the box [1, 2, 3, nan]: four numbers"),
        ("results[1]['bbox'] = 'wide'", "entry 2 has the box 'wide': four numbers"),
        (
            "results[1]['segmentation']['size'] = [20, 120]",
            "entry 2 has a segmentation of 120×20 pixels on an image of 60×40.",
        ),
        (
            "results[1]['segmentation']['size'] = 'big'",
            "entry 2 has run lengths whose 'size' is not [height, width].",
        ),
        (
            "results[1]['segmentation']['size'] = [-40, -60]",
            "entry 2 has run lengths whose 'size' is not [height, width].",
        ),
        (
            "del results[1]['segmentation']['counts']",
            "entry 2 has run lengths without 'size' or without 'counts'.",
        ),
        (
            "results[1]['segmentation']['counts'] = [7, 3]",
            "entry 2 has broken run lengths: they do not add up to 60×40 pixels.",
        ),
        (
            "results[1]['segmentation']['counts'] = [2410, -10]",
            "entry 2 has broken run lengths: they do not add up to 60×40 pixels.",
        ),
        (
            "results[1]['segmentation']['counts'] = ['x']",
            "entry 2 has broken run lengths: 'counts' is neither text nor a list of whole numbers.",
        ),
        (
            "results[1]['segmentation']['counts'] = truth['annotations'][0]['segmentation']['counts'] + '11'",
            "entry 2 has broken run lengths: they do not add up to 60×40 pixels.",
        ),
        (
            "results[1]['segmentation']['counts'] = ''",
            "entry 2 has broken run lengths: 'counts' is not COCO's compressed text.",
        ),
        (
            "results[1]['segmentation']['counts'] = 'ooP'",
            "entry 2 has broken run lengths: 'counts' is not COCO's compressed text.",
        ),
        (
            "results[1]['segmentation']['counts'] = 'p'",
            "entry 2 has broken run lengths: 'counts' is not COCO's compressed text.",
        ),
        (
            "results[1]['segmentation']['counts'] = '/'",
            "entry 2 has broken run lengths: 'counts' is not COCO's compressed text.",
        ),
        (
            "results[1]['segmentation']['counts'] = 'PPPPPPPP0'",
            "entry 2 has broken run lengths: a run is longer than any image.",
        ),
        (
            "results[1]['segmentation']['counts'] = [2**63 - 1, 2**63 - 1, 2 + 60 * 40]",  # adds up in 64 bits
            "entry 2 has broken run lengths: they do not add up to 60×40 pixels.",
        ),
        (
            "results[1]['segmentation']['counts'] = chr(0xD800)",
            "entry 2 has broken run lengths: they do not add up to 60×40 pixels.",
        ),
        (
            "del truth['images'][0]['width']; "
            "results[1]['segmentation'] = {'size': [70_000, 70_000], 'counts': [70_000 * 70_000]}",
            "entry 2 is on an image of 70000×70000 pixels, more than any photo has.",
        ),
        (
            "results[1]['segmentation']['size'] = [1e999, 60]",
            "entry 2 has run lengths whose 'size' is not [height, width].",
        ),
        (
            "results[1]['segmentation'] = [[0, 0, 1e9, 0, 1e9, 1e9]]",
            "entry 2 has a polygon that reaches far beyond its image of 60×40 pixels.",
        ),
        ("results[1]['segmentation'] = [[10**400, 0, 1, 0, 1, 1]]", "entry 2 has polygons that are not"),
        ("results[1]['bbox'] = [10**400, 0, 1, 1]", "entry 2 has the box [1000000"),
        ("truth['annotations'][0]['segmentation'] = [[1, 1, 5, 5]]", "annotation 1 has no polygon of three points or"),
        ("truth['annotations'][0]['segmentation'] = [[1, 1, 5, 5, 3, 3]]", "annotation 1 has a mask without any pixel"),
        ("results[1]['segmentation']['counts'] = [2400]", "entry 2 has a mask without any pixel inside its image."),
        (
            "results[1]['segmentation'] = [[70, 1, 80, 1, 80, 9]]",
            "entry 2 has a mask without any pixel inside its image.",
        ),
        ("results[1]['bbox'] = [1, 2, 0, 4]", "entry 2 has the box [1, 2, 0, 4], which has no area."),
        (
            "results[1]['bbox'] = [60, 2, 5, 4]",
            "entry 2 has the box [60, 2, 5, 4], which is outside of its image of 60×40",
        ),
        ("results[1]['bbox'] = [True, 2, 5, 4]", "entry 2 has the box [True, 2, 5, 4]: four numbers x, y, width"),
    ],
)
def test_an_annotation_without_a_usable_mask_or_box_is_left_out_and_named(change: str, said: str) -> None:
    truth, results = broken(change, "results")
    found = evaluate(truth, results)
    noun = "object" if change.startswith("truth") else "prediction"
    (notice,) = [one for one in found.notices if one.kind == f"unusable_{noun}s"]
    assert notice.count == 1
    whose = " of the ground truth" if noun == "object" else ""
    assert notice.text.startswith(f"Left out: 1 {noun}{whose} without a usable mask or box: {said}")
    assert (found.counts.instances, found.counts.predictions) == ((2, 2) if noun == "object" else (3, 1))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("del predictions['annotations']", "Predictions: the list 'annotations' is missing."),
        ("predictions['images'][1]['id'] = 1001", "Predictions: the image id 1001 occurs twice."),
        (
            "predictions['images'][1]['file_name'] = '1.jpg'",
            "Predictions: two images have the file name '1.jpg', by which images are matched; remove one of",
        ),
        (
            "truth['images'][1]['file_name'] = '1.jpg'",
            "Ground truth: two images have the file name '1.jpg', by which images are matched; remove one of",
        ),
        (
            "del predictions['images'][1]['file_name']",
            "Predictions: image 1000 has no 'file_name', by which images are matched.",
        ),
        (
            "del truth['images'][1]['file_name']",
            "Ground truth: image 2 has no 'file_name', by which images are matched.",
        ),
        (
            "predictions['images'][0].update(width=30, height=20)",
            "Predictions: the image '1.jpg' has 30×20 pixels, in the ground truth 60×40: both are of the photo",
        ),
        (
            "predictions['images'][0].update(width=40, height=60)",
            "Predictions: the image '1.jpg' has 40×60 pixels, in the ground truth 60×40: width and height are "
            "exchanged, so one of the two is in the orientation of the stored file and the other is of the photo "
            "as seen (EXIF orientation applied",
        ),
        (
            "predictions['images'][0].update(width=50, height=50)",
            "Predictions: the image '1.jpg' has 50×50 pixels, in the ground truth 60×40: give predictions of the same",
        ),
        (
            "predictions['images'][0]['file_name'] = 'x.jpg'; predictions['images'][1]['file_name'] = 'y.jpg'",
            "Predictions: none of 2 images is in the ground truth: 'x.jpg', 'y.jpg'; the ground truth has '1.jpg' with",
        ),
        ("predictions['images'].clear()", "Predictions: 'images' is empty, so there is nothing to compare"),
        ("predictions['annotations'][0]['score'] = nan", "Predictions: annotation 0 has the score nan: a finite"),
    ],
)
def test_a_bad_document_of_predictions_raises_one_clear_error(change: str, said: str) -> None:
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


def test_a_ground_truth_that_is_a_list_is_refused() -> None:
    with pytest.raises(InputError, match=r"^Ground truth must hold a JSON object with the list 'images'\.$"):
        evaluate([], [])
    with pytest.raises(InputError, match=r"^Predictions must hold a JSON object with the list 'annotations'\.$"):
        evaluate(truth_of({1: [LEFT]}), 5)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("pairs", "said"),
    [
        ([{"ann_ids": [1]}], "Pairs: pair 1 must have 'ann_ids' with two different ids."),
        ([{"ann_ids": [1, 2]}, {"ann_ids": [1, 1]}], "Pairs: pair 2 must have 'ann_ids' with two different ids."),
        ([{"image_id": 1}], "Pairs: pair 1 must have 'ann_ids' with two different ids."),
        ([{"ann_ids": [1, "1"]}], "Pairs: pair 1 must have 'ann_ids' with two different ids."),
        ([{"ann_ids": [1, 77]}], "Pairs: the ground truth has none of the annotations, such as 77."),
        ([{"ann_ids": [1, []]}], "Pairs: pair 1 must have 'ann_ids' with two different ids."),
        ([{"ann_ids": [1, True]}], "Pairs: pair 1 must have 'ann_ids' with two different ids."),
        ([{"ann_ids": [1, 3]}], "Pairs: the members of pair 1 are on different images."),
        ({"couples": []}, "Pairs: the list 'pairs' is missing."),
        ([5], "Pairs: it must be a list of objects."),
    ],
)
def test_bad_pairs_raise_one_clear_error(pairs: Any, said: str) -> None:
    with pytest.raises(InputError) as caught:
        evaluate(*broken("pass", "results"), pairs=pairs)
    assert str(caught.value) == said


def test_pairs_need_ids_that_name_one_annotation() -> None:
    truth, results = broken("truth['annotations'][1]['id'] = 1", "results")
    assert evaluate(truth, results).counts.instances == 3
    with pytest.raises(InputError, match="the ground truth has the annotation id 1 twice"):
        evaluate(truth, results, pairs=[])


def test_images_asked_for_that_are_not_there_are_counted() -> None:
    truth, results = broken("pass", "results")
    found = evaluate(truth, results, image_ids=[1, 5, "6.jpg", "7", "8"])
    assert found.counts.images == 1
    (notice,) = [one for one in found.notices if one.kind == "unknown_image_ids"]
    assert notice.text == (
        "Left out: 4 of the 5 images asked for, which the ground truth does not have: 5, '6.jpg', '7', …."
    )
    with pytest.raises(InputError, match=r"^None of the images asked for is in the ground truth: '6\.jpg', 7\.$"):
        evaluate(truth, results, image_ids=["6.jpg", 7])
    with pytest.raises(InputError, match="There is no image to evaluate"):
        evaluate(truth, results, image_ids=[])
    with pytest.raises(InputError, match="must be a list of ids or file names, not one text"):
        evaluate(truth, results, image_ids="12")
    with pytest.raises(InputError, match="True is neither the id nor the file name"):
        evaluate(truth, results, image_ids=[True])
    truth["images"][0]["file_name"], truth["images"][1]["file_name"] = "a/x.jpg", "x.jpg"
    assert evaluate(truth, results, image_ids=["x.jpg"]).counts.instances == 1  # whole names are tried first
    truth["images"][1]["file_name"] = "b/x.jpg"
    assert evaluate(truth, results, image_ids=["b/x.jpg"]).counts.instances == 1
    with pytest.raises(InputError, match=r"None of the images asked for is in the ground truth: 'x\.jpg'"):
        evaluate(truth, results, image_ids=["x.jpg"])


@pytest.mark.parametrize("argument", ["ground_truth", "predictions", "pairs"])
def test_files_that_cannot_be_read_are_named(tmp_path: Path, argument: str) -> None:
    truth, results = broken("pass", "results")
    for content, said in {
        None: "There is no file '{}'.",
        b"{broken": "'{}' is not a readable JSON file",
        b"\xff\xfe\xff": "'{}' is not a readable JSON file",
    }.items():
        path = tmp_path / f"{argument}.json"
        if content is not None:
            path.write_bytes(content)
        given: dict[str, Any] = {"ground_truth": truth, "predictions": results, "pairs": [], argument: path}
        with pytest.raises(InputError) as caught:
            evaluate(**given)
        assert str(caught.value).startswith(said.format(path))
    with pytest.raises(InputError) as caught:
        evaluate(**{"ground_truth": truth, "predictions": results, "pairs": [], argument: tmp_path})
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
