"""Refinement (method 1.7): dense CRF and filled holes."""

import sys

import numpy as np
import pytest

from cuts3d.config import RefineConfig
from cuts3d.errors import ConfigError
from cuts3d.grids import iou, resize_mask
from cuts3d.method.refine import PhotoCRF, refine_mask


@pytest.mark.parametrize("name", ["two boxes", "box before ball"])
def test_the_crf_brings_a_coarse_mask_nearer_to_the_object(scene, name):
    rendered = scene(name)
    truth = rendered.labels == 1
    rough = resize_mask(resize_mask(truth, (12, 16)), truth.shape)
    refined, reason = refine_mask(rough, RefineConfig(), PhotoCRF(rendered.image, RefineConfig()))
    assert reason == ""
    assert refined.dtype == np.bool_
    assert iou(refined, truth) > iou(rough, truth) + 0.02


def test_the_crf_gives_the_same_mask_on_every_call_and_leaves_its_inputs(scene):
    rendered = scene("two boxes")
    image, mask = rendered.image[::2, ::2].copy(), (rendered.labels == 1)[::2, ::2].copy()
    first = PhotoCRF(image, RefineConfig()).refine(mask)
    assert (PhotoCRF(image, RefineConfig()).refine(mask) == first).all()
    assert (image == rendered.image[::2, ::2]).all()
    assert (mask == (rendered.labels == 1)[::2, ::2]).all()


def test_a_photo_that_is_read_only_can_be_refined(scene):
    rendered = scene("two boxes")
    image = rendered.image[::4, ::4].copy()
    image.flags.writeable = False
    assert PhotoCRF(image, RefineConfig()).refine((rendered.labels == 1)[::4, ::4]).any()


def ring(size: int = 40) -> np.ndarray:
    mask = np.zeros((size, size), bool)
    mask[5:-5, 5:-5] = True
    mask[15:25, 15:25] = False
    return mask


def test_holes_are_filled_without_the_crf_too():
    refined, reason = refine_mask(ring(), RefineConfig(), None)
    assert reason == ""
    assert refined[5:-5, 5:-5].all()
    assert refined.sum() == 30 * 30


def test_a_mask_without_holes_is_unchanged_without_the_crf():
    mask = np.zeros((20, 30), bool)
    mask[3:9, 4:22] = True
    mask[12:15, 5:8] = True
    refined, _ = refine_mask(mask, RefineConfig(), None)
    assert (refined == mask).all()


def test_a_mask_that_the_crf_changes_too_much_is_dropped_with_a_reason():
    """A mask that covers two thirds of a plain square grows to the whole square."""
    image = np.zeros((60, 60, 3), np.uint8)
    image[10:50, 10:50] = 220
    mask = np.zeros((60, 60), bool)
    mask[10:50, 10:38] = True
    refined, reason = refine_mask(mask, RefineConfig(crf_min_iou=0.9), PhotoCRF(image, RefineConfig()))
    assert "CRF changed it too much" in reason
    assert f"{iou(mask, refined):.2f}" in reason
    assert refine_mask(mask, RefineConfig(crf_min_iou=0.5), PhotoCRF(image, RefineConfig()))[1] == ""


def test_a_mask_of_which_nothing_is_left_is_dropped_with_a_reason():
    image = np.full((40, 40, 3), 128, np.uint8)
    mask = np.zeros((40, 40), bool)
    mask[20, 20] = True
    refined, reason = refine_mask(mask, RefineConfig(), PhotoCRF(image, RefineConfig()))
    assert not refined.any()
    assert "nothing was left" in reason


def test_the_smallest_iou_does_not_apply_if_the_crf_is_off():
    mask = ring()
    mask[6:-6, 6:-6] = False  # a thin frame: filling changes it beyond any IoU
    refined, reason = refine_mask(mask, RefineConfig(crf_min_iou=0.9), None)
    assert reason == ""
    assert refined.sum() == 900


def test_one_crf_serves_every_mask_of_a_photo_as_a_new_one_would(scene):
    rendered = scene("two boxes")
    image = rendered.image[::4, ::4]
    shared = PhotoCRF(image, RefineConfig())
    for label in (1, 2, 1):
        mask = (rendered.labels == label)[::4, ::4]
        assert (shared.refine(mask) == PhotoCRF(image, RefineConfig()).refine(mask)).all()


def test_without_the_package_of_the_crf_the_error_says_what_to_install(scene, monkeypatch):
    monkeypatch.setitem(sys.modules, "pydensecrf.densecrf", None)
    with pytest.raises(ConfigError, match=r"pip install pydensecrf2.*crf=False"):
        PhotoCRF(scene("two boxes").image, RefineConfig())
