"""Detectors on the page: which there are, what is kept of their detections, and which masks are one object."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cuts3d.detector.detect import detect
from cuts3d.errors import InputError
from cuts3d.io.coco import encode_rle
from tests.made_detector import made_checkpoint, made_photo
from ui.draw.outlines import outlined
from ui.session import detectors
from ui.session.detectors import LoadedDetectors, about, find, load_detector
from ui.session.matching import same_objects


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder for what is shipped, empty."""
    monkeypatch.setattr(detectors, "FOLDER", tmp_path)
    return tmp_path


def square(top: int, left: int, side: int = 20) -> dict[str, Any]:
    mask = np.zeros((64, 96), dtype=bool)
    mask[top : top + side, left : left + side] = True
    return encode_rle(mask)


def test_rounds_come_in_their_order_and_the_final_one_last(folder: Path) -> None:
    assert detectors.shipped() == []
    for name in ("detector_light", "detector_light_round1", "detector_light_round0", "depth_head"):
        (folder / f"{name}.safetensors").touch()
    titles = [detectors.shipped_title(path) for path in detectors.shipped()]
    assert titles == ["Detector, round 0", "Detector, round 1", "Detector, final"]


def test_what_is_found_is_what_the_detector_finds(tmp_path: Path) -> None:
    detector = load_detector(made_checkpoint(tmp_path), "made")
    photo = made_photo()
    expected = [one for one in detect(detector.detector.network, photo) if one.score >= detectors.LEAST_SCORE]
    found = find(detector, photo)
    assert len(found.objects) == min(len(expected), detectors.MOST_KEPT) > 3
    for one, other in zip(found.objects, expected, strict=False):
        assert one.score == other.score
        assert one.outline == outlined(other.mask)
    assert 0 < found.seconds < 60
    assert "supervised ImageNet" in found.about


@pytest.mark.parametrize(
    ("info", "words"),
    [
        ({}, ""),
        ({"steps": 1200, "photos": 80}, "; trained on pseudo-labels of 80 photos, 1,200 steps"),
        (
            {"steps": 300, "photos": 80, "self_training": "round1"},
            "; self-trained on detections and pseudo-labels of 80 photos, 300 steps",
        ),
        ({"steps": "<b>", "photos": 80}, ""),
    ],
)
def test_what_it_was_trained_on_is_said(info, words) -> None:
    for backbone, text in detectors.BACKBONES.items():
        assert about(backbone, info) == text + words


def test_no_more_than_the_best_are_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    detector = load_detector(made_checkpoint(tmp_path), "made")
    everything = find(detector, made_photo()).objects
    monkeypatch.setattr(detectors, "MOST_KEPT", 2)
    assert [one.score for one in find(detector, made_photo()).objects] == [one.score for one in everything[:2]]


def test_a_threshold_cuts_the_list(tmp_path: Path) -> None:
    found = find(load_detector(made_checkpoint(tmp_path), "made"), made_photo())
    middle = found.objects[len(found.objects) // 2].score
    above = found.above(middle)
    assert 0 < len(above) < len(found.objects)
    assert all(one.score >= middle for one in above)


def test_networks_are_loaded_once_and_the_oldest_goes(tmp_path: Path) -> None:
    store = LoadedDetectors(capacity=1)
    first, second = (made_checkpoint(tmp_path, seed) for seed in (0, 1))
    detector = store.get(first)
    assert store.get(first) is detector
    assert store.get(second).key != detector.key
    assert store.get(first) is not detector


def test_another_file_under_the_same_name_is_read_anew(tmp_path: Path) -> None:
    store, path = LoadedDetectors(), made_checkpoint(tmp_path, 0)
    before = store.get(path)
    made_checkpoint(tmp_path, 1).replace(path)
    assert store.get(path).key != before.key


def test_a_missing_or_foreign_file_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="upload it again"):
        load_detector(tmp_path / "gone.safetensors", "mine")
    (tmp_path / "photo.safetensors").write_bytes(b"no weights")
    with pytest.raises(InputError, match=r"photo\.safetensors"):
        load_detector(tmp_path / "photo.safetensors", "mine")


def test_a_network_that_wants_huge_photos_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detectors, "LARGEST_SIDE", 100)
    with pytest.raises(InputError, match="128 pixels; the page takes up to 100"):
        load_detector(made_checkpoint(tmp_path), "mine")


# ---- which masks are one object


def test_one_object_has_one_number_in_every_view() -> None:
    pseudo = [(2.0, square(0, 0)), (1.9, square(40, 60))]
    round0 = [(0.9, square(41, 61)), (0.4, square(0, 50))]
    final = [(0.8, square(1, 50)), (0.7, square(1, 1))]
    assert same_objects([pseudo, round0, final]) == [[0, 1], [1, 2], [2, 0]]


def test_two_masks_of_one_view_are_two_objects() -> None:
    assert same_objects([[(2.0, square(0, 0))], [(0.9, square(0, 0)), (0.8, square(0, 1))]]) == [[0], [0, 1]]


def test_a_lower_threshold_renames_nothing(tmp_path: Path) -> None:
    views = [
        [(o.score, o.rle) for o in find(load_detector(made_checkpoint(tmp_path, seed), "made"), made_photo()).objects]
        for seed in (0, 1)
    ]
    scores = sorted(score for view in views for score, _ in view)
    every = same_objects(views)
    for threshold in scores[:: max(1, len(scores) // 6)]:
        fewer = same_objects([[one for one in view if one[0] >= threshold] for view in views])
        assert fewer == [numbers[: len(some)] for numbers, some in zip(every, fewer, strict=True)]


def test_nothing_found_is_no_object() -> None:
    assert same_objects([[], []]) == [[], []]
