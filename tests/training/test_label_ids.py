"""Training reads ids, flags and numbers of labels as evaluation does."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from made_samples import assert_same, write_labels

from cuts3d.errors import InputError
from training.data.dataset import PseudoLabels
from training.self_training.merge_labels import merge_labels


@pytest.fixture
def document(tmp_path: Path) -> dict[str, Any]:
    return write_labels(tmp_path)


@pytest.mark.parametrize("write", [float, str, lambda i: f"{i}.0"])
def test_labels_do_not_depend_on_how_ids_and_numbers_are_written(document, tmp_path, write) -> None:
    other = copy.deepcopy(document)
    for image in other["images"][::2]:
        image["id"] = write(image["id"])
    for entry in other["annotations"][::3]:
        entry |= {"image_id": write(entry["image_id"]), "score": str(entry["score"]), "iscrowd": "0"}
    wanted, found = PseudoLabels(tmp_path, document), PseudoLabels(tmp_path, other)
    assert len(wanted) == len(found)
    for index in range(len(wanted)):
        assert_same(wanted.load(index), found.load(index))
    merged = merge_labels(other, document, score=0.0)
    assert merged["info"] == merge_labels(document, document, score=0.0)["info"]
    assert all(isinstance(one["score"], float) for one in merged["annotations"])


def test_only_crowds_are_left_out(document, tmp_path) -> None:
    count = len(PseudoLabels(tmp_path, document).load(0).masks)
    of_first = [entry for entry in document["annotations"] if entry["image_id"] == 1]
    of_first[0]["iscrowd"] = "0"
    assert len(PseudoLabels(tmp_path, document).load(0).masks) == count
    of_first[0]["iscrowd"] = "1"
    assert len(PseudoLabels(tmp_path, document).load(0).masks) == count - 1
    of_first[0]["iscrowd"] = "perhaps"
    with pytest.raises(InputError, match="has the iscrowd 'perhaps': 0 or 1 is expected"):
        PseudoLabels(tmp_path, document)


def test_a_polygon_of_two_points_is_left_out_like_any_small_label(document, tmp_path) -> None:
    count = len(PseudoLabels(tmp_path, document).load(0).masks)
    document["annotations"].append({**document["annotations"][0], "id": 999, "segmentation": [[1, 1, 5, 5]]})
    assert len(PseudoLabels(tmp_path, document).load(0).masks) == count


def test_images_with_the_same_id_are_refused(document, tmp_path) -> None:
    document["images"][1]["id"] = "1"
    with pytest.raises(InputError, match="the image ids 1 and '1' name the same image"):
        PseudoLabels(tmp_path, document)


def test_documents_without_a_common_photo_are_not_merged(document) -> None:
    other = copy.deepcopy(document)
    for image in other["images"]:
        image["file_name"] = f"photos/{image['file_name']}"
    with pytest.raises(InputError, match=r"no photo in common, such as 'photos/0\.png' and '0\.png'"):
        merge_labels(other, document, score=0.0)


def test_a_turned_document_is_told_by_its_exif_orientation(document) -> None:
    other = copy.deepcopy(document)
    turned = other["images"][0]
    turned["width"], turned["height"] = turned["height"], turned["width"]
    other["annotations"] = [entry for entry in other["annotations"] if entry["image_id"] != turned["id"]]
    with pytest.raises(InputError, match=r"both must be made from the same photos .*EXIF orientation"):
        merge_labels(other, document, score=0.0)
