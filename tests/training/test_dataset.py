"""Pseudo-labels and photos, read as samples."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
import torch
from made_samples import assert_same, assert_valid, write_labels
from PIL import Image

from cuts3d.errors import InputError
from cuts3d.extract import decode_confidence
from cuts3d.grids import resize_map
from cuts3d.io.photos import read_image
from training.data.dataset import PseudoLabels


@pytest.fixture
def document(tmp_path) -> dict[str, Any]:
    return write_labels(tmp_path)


def first_of(document: dict[str, Any], image: int = 1) -> list[dict[str, Any]]:
    """Annotations of an image, best scored first."""
    return sorted((a for a in document["annotations"] if a["image_id"] == image), key=lambda a: -a["score"])


def test_a_sample_is_the_photo_with_its_labels(document, tmp_path):
    data = PseudoLabels(tmp_path, tmp_path / "labels.json")
    assert len(data) == 4
    for index in range(len(data)):
        sample, expected = data.load(index), first_of(document, index + 1)
        assert_valid(sample)
        assert sample.name == f"{index}.png"
        image = torch.from_numpy(read_image(tmp_path / sample.name)).permute(2, 0, 1) / 255
        torch.testing.assert_close(sample.image, image)
        assert sample.masks.flatten(1).sum(1).tolist() == [a["area"] for a in expected]
        x, y, w, h = expected[0]["bbox"]
        assert sample.boxes[0].tolist() == [x, y, x + w, y + h]
        assert sample.scores.tolist() == pytest.approx([a["score"] for a in expected])
        assert sample.mean_confidence.tolist() == pytest.approx([a["mean_confidence"] for a in expected])


def test_confidence_is_that_of_an_instance(document, tmp_path):
    sample = PseudoLabels(tmp_path, document).load(0)
    coarse = decode_confidence(first_of(document)[0]["confidence"])
    expected = torch.from_numpy(resize_map(coarse, (48, 64)).clip(0, 1))
    inside = sample.masks[0]
    torch.testing.assert_close(sample.confidence[0][inside], expected[inside])
    assert float(sample.confidence[0].min()) < 0.9


def test_what_is_not_known_counts_as_1(document, tmp_path):
    for entry in document["annotations"]:
        entry.update(confidence=None, mean_confidence=None)
        del entry["score"]
    data = PseudoLabels(tmp_path, document)
    sample = data.load(1)
    assert (sample.confidence == 1).all()
    assert sample.mean_confidence.tolist() == sample.scores.tolist() == [1, 1]
    assert data.confidence_median == 1


def test_the_median_is_over_the_labels_that_are_left(document, tmp_path):
    kept = [a for a in document["annotations"] if a["score"] >= 0.4]
    data = PseudoLabels(tmp_path, document, min_score=0.4)
    assert data.confidence_median == pytest.approx(np.median([a["mean_confidence"] for a in kept]))
    assert sum(len(data.load(i).masks) for i in range(len(data))) == len(kept)
    assert len(data) == len({a["image_id"] for a in kept})


def test_the_best_scored_labels_are_kept(document, tmp_path):
    data = PseudoLabels(tmp_path, document, top_labels=1)
    for index in range(len(data)):
        assert data.load(index).scores.tolist() == pytest.approx([first_of(document, index + 1)[0]["score"]])


def test_scores_are_stretched_but_chosen_by_as_they_are(document, tmp_path):
    for number, entry in enumerate(document["annotations"]):
        entry["score"] = (0.3, 0.36, 0.5, 0.9)[number % 4]
    data = PseudoLabels(tmp_path, document, min_score=0.35, score_range=(0.32, 0.52))
    found = sorted({round(score, 4) for i in range(len(data)) for score in data.load(i).scores.tolist()})
    assert found == pytest.approx([0.2, 0.9, 1.0])


def test_photos_without_a_usable_label_stay_out(document, tmp_path):
    for entry in document["annotations"]:
        if entry["image_id"] == 2:
            entry["score"] = 0.0
        if entry["image_id"] == 3:
            entry["iscrowd"] = 1
    document["images"].append({"id": 9, "file_name": "has-no-label.png", "height": 48, "width": 64})
    data = PseudoLabels(tmp_path, document, min_score=0.01)
    assert [data.load(i).name for i in range(len(data))] == ["0.png", "3.png"]


def test_only_the_first_photos_up_to_a_limit(document, tmp_path):
    data = PseudoLabels(tmp_path, document, limit=2)
    assert [data.load(i).name for i in range(len(data))] == ["0.png", "1.png"]


def test_polygons_are_labels_too(document, tmp_path):
    document["annotations"] = [{"id": 1, "image_id": 1, "segmentation": [[10, 10, 30, 10, 30, 20, 10, 20]]}]
    sample = PseudoLabels(tmp_path, document).load(0)
    assert sample.boxes.tolist() == [[10, 10, 30, 20]]


def test_a_photo_is_read_at_the_size_of_its_step(document, tmp_path):
    data = PseudoLabels(tmp_path, document)
    full, small = data.load(0), data.load(0, short=30, max_side=200)
    assert small.image.shape[1:] == (30, 40)
    assert_valid(small)
    torch.testing.assert_close(small.boxes, full.boxes * (30 / 48), atol=1.0, rtol=0)
    assert data.load(0, short=96, max_side=64).image.shape[1:] == (48, 64)
    assert data.load(0, short=96).image.shape[1:] == (96, 128)
    assert PseudoLabels(tmp_path, document, max_side=32).load(0).image.shape[1:] == (24, 32)
    assert PseudoLabels(tmp_path, document, max_side=32).load(0, short=40, max_side=64).image.shape[1:] == (24, 32)


def test_a_larger_photo_of_the_same_proportions_serves_and_a_turned_one_does_not(document, tmp_path):
    before = PseudoLabels(tmp_path, document).load(0)
    path = tmp_path / "0.png"
    with Image.open(path) as image:
        larger, turned = image.resize((128, 96), Image.Resampling.NEAREST), image.transpose(Image.Transpose.ROTATE_90)
    larger.save(path)
    sample = PseudoLabels(tmp_path, document).load(0)
    assert torch.equal(sample.masks, before.masks)
    assert sample.image.shape == before.image.shape
    turned.save(path)
    with pytest.raises(
        InputError, match=r"'0\.png', read at 48×64 pixels.*64×48: width and height are exchanged.*EXIF"
    ):
        PseudoLabels(tmp_path, document).load(0)


def test_labels_of_photos_in_folders_are_found_and_turned_photos_are_upright(document, tmp_path):
    (tmp_path / "deep").mkdir()
    with Image.open(tmp_path / "0.png") as image:
        exif = Image.Exif()
        exif[0x0112] = 6
        image.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "deep" / "a.png", exif=exif)
    document["images"][0]["file_name"] = "deep/a.png"
    turned, upright = PseudoLabels(tmp_path, document).load(0), read_image(tmp_path / "0.png")
    torch.testing.assert_close(turned.image, torch.from_numpy(upright).permute(2, 0, 1) / 255)


def test_the_file_and_the_document_are_read_alike(document, tmp_path):
    assert_same(PseudoLabels(tmp_path, document).load(2), PseudoLabels(tmp_path, tmp_path / "labels.json").load(2))


def broken(document: dict[str, Any], **changes: Any) -> dict[str, Any]:
    document["annotations"][2].update(changes)
    return document


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"image_id": 77}, "annotation 3 is on an image that 'images' does not list"),
        ({"score": "high"}, r"annotation 3 has the 'score' 'high', which is no number from 0 to 1"),
        ({"mean_confidence": 7}, r"annotation 3 has the 'mean_confidence' 7"),
        ({"score": 10**400}, r"annotation 3 has the 'score' 1000+…, which is no number from 0 to 1"),
        ({"segmentation": []}, "annotation 3 has an empty segmentation"),
        ({"segmentation": None}, "annotation 3 has a segmentation that is neither polygons nor run lengths"),
        ({"segmentation": {"size": [9, 9], "counts": "03"}}, "annotation 3 has a segmentation of 9×9 pixels"),
    ],
)
def test_a_broken_label_is_named(document, tmp_path, changes, sentence):
    with pytest.raises(InputError, match=sentence):
        PseudoLabels(tmp_path, broken(document, **changes))


def test_a_broken_confidence_map_names_its_photo(document, tmp_path):
    data = PseudoLabels(tmp_path, broken(document, confidence={"size": [3, 3], "zlib": "?"}))
    with pytest.raises(InputError, match=r"A label of the photo '1\.png' cannot be used: .*confidence map"):
        data.load(1)


def test_a_file_that_is_no_coco_document_is_refused(document, tmp_path):
    (tmp_path / "text.json").write_text("no json")
    (tmp_path / "list.json").write_text(json.dumps(document["annotations"]))
    for name, sentence in (("none.json", "no file"), ("text.json", "not a readable JSON"), ("list.json", "'images'")):
        with pytest.raises(InputError, match=sentence):
            PseudoLabels(tmp_path, tmp_path / name)
    del document["images"][0]["file_name"]
    with pytest.raises(InputError, match="image 1 has no 'file_name'"):
        PseudoLabels(tmp_path, document)


def test_missing_photos_are_named_at_once(document, tmp_path):
    (tmp_path / "2.png").unlink()
    with pytest.raises(InputError, match=r"1 of 4 photos of the labels are missing .*'2\.png'.*give the folder"):
        PseudoLabels(tmp_path, document)


def test_a_name_that_no_file_can_have_is_a_missing_photo(document, tmp_path):
    document["images"][1]["file_name"] = "a" * 5000
    with pytest.raises(InputError, match=r"1 of 4 photos of the labels are missing .*'aaaa.*…"):
        PseudoLabels(tmp_path, document)


def test_a_damaged_photo_is_named(document, tmp_path):
    content = (tmp_path / "2.png").read_bytes()
    (tmp_path / "2.png").write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match=r"The photo '2\.png' of the labels cannot be used: .*damaged"):
        PseudoLabels(tmp_path, document).load(2)


def test_no_label_at_all_says_what_to_do(document, tmp_path):
    with pytest.raises(InputError, match=r"no label is left.*lower the least score \(0\.999\)"):
        PseudoLabels(tmp_path, document, min_score=0.999)
    with pytest.raises(InputError, match="no label is left"):
        PseudoLabels(tmp_path, {**document, "annotations": []})


def test_there_is_no_photo_beyond_the_last(document, tmp_path):
    data = PseudoLabels(tmp_path, document)
    with pytest.raises(IndexError, match="4 photos"):
        data.load(4)


def test_labels_stay_compressed(document, tmp_path):
    data = PseudoLabels(tmp_path, document)
    assert data._content.dtype == torch.uint8
    assert len(data._content) < 8 * 48 * 64 / 4  # a quarter of the masks alone
