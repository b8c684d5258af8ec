"""`Detector`: the checkpoints that it loads, the photos that it takes, and the records that it returns."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from made_detector import made_checkpoint, made_network, made_photo
from PIL import Image

from cuts3d import Detection, Detector
from cuts3d.detector import checkpoint as module
from cuts3d.detector.config import DEFAULT_SCORE, LIGHT
from cuts3d.detector.detect import detect
from cuts3d.errors import ConfigError, InputError, WeightsUnavailableError


def assert_same(first: list[Detection], second: list[Detection]) -> None:
    assert len(first) == len(second) > 0
    for one, other in zip(first, second, strict=True):
        assert (one.box, one.score) == (other.box, other.score)
        np.testing.assert_array_equal(one.mask, other.mask)


@pytest.fixture
def detector(tmp_path: Path) -> Detector:
    return Detector(made_checkpoint(tmp_path))


def test_a_checkpoint_by_its_path(tmp_path: Path) -> None:
    path = made_checkpoint(tmp_path)
    for given in (path, str(path)):
        detector = Detector(given)
        assert detector.path == path
        assert detector.info == {"made": True}
        assert_same(detector.detect(made_photo(), score_threshold=0), detect(made_network(), made_photo()))


def test_the_light_detector_comes_with_the_package() -> None:
    detector = Detector()
    assert detector.path == Detector("light").path
    assert detector.path.name == "detector_light.safetensors"
    assert detector.network.config == LIGHT
    assert detector.info["steps"] > 0
    assert not detector.network.training


def test_photos_of_every_kind_give_the_same_detections(detector: Detector, tmp_path: Path) -> None:
    path = tmp_path / "photo.png"
    Image.fromarray(made_photo()).save(path)
    expected = detector.detect(made_photo(), score_threshold=0)
    for photo in (path, str(path), Image.open(path)):
        assert_same(detector.detect(photo, score_threshold=0), expected)


def test_the_default_threshold_keeps_confident_detections(detector: Detector) -> None:
    everything = detector.detect(made_photo(), score_threshold=0)
    kept = [one for one in everything if one.score >= DEFAULT_SCORE]
    assert 0 < len(kept) < len(everything)
    assert_same(detector.detect(made_photo()), kept)


def test_area_and_bbox_are_those_of_coco(detector: Detector) -> None:
    for one in detector.detect(made_photo()):
        x, y, width, height = one.bbox
        assert (x, y, x + width, y + height) == pytest.approx(one.box)
        assert one.area == one.mask.sum() > 0


def test_a_turned_photo_is_detected_upright(detector: Detector, tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(made_photo((64, 96))).save(tmp_path / "turned.jpg", exif=exif)
    assert {one.mask.shape for one in detector.detect(tmp_path / "turned.jpg", score_threshold=0)} == {(96, 64)}


def test_faults_are_named(detector: Detector, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no checkpoint 'absent\.safetensors'"):
        Detector(tmp_path / "absent.safetensors")
    (tmp_path / "photo.jpg").write_bytes(b"no photo")
    with pytest.raises(InputError, match=r"photo\.jpg"):
        Detector(tmp_path / "photo.jpg")
    with pytest.raises(InputError, match="not an image"):
        detector.detect(tmp_path / "photo.jpg")
    with pytest.raises(ConfigError, match=r"in \[0, 1\]; it is 2"):
        detector.detect(made_photo(), score_threshold=2)
    with pytest.raises(ConfigError, match="toaster"):
        Detector(made_checkpoint(tmp_path), device="toaster")


def test_a_package_without_the_light_detector_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "data_file", lambda name: tmp_path / name)
    with pytest.raises(WeightsUnavailableError, match=r"detector_light\.safetensors"):
        Detector("light")
