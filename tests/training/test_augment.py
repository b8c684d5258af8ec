"""Resizing and mirroring of training photos."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from made_samples import FIELDS, assert_same, assert_valid, empty_sample, made_sample

from cuts3d.grids import fit_shorter_side, sample_map
from training.data.augment import LEAST_PIXELS, areas, flip, nearest, remove_small_components, resize

sides = st.integers(24, 120)
shapes = st.tuples(sides, sides)
seeds = st.integers(0, 1000)


@given(shapes, st.integers(8, 200), st.integers(16, 300))
def test_a_resized_photo_has_the_short_side_or_the_longest_allowed(shape, short, most):
    h, w = fit_shorter_side(shape, short, most)
    assert max(h, w) <= most
    assert min(h, w) == short or max(h, w) == most
    assert h / w == pytest.approx(shape[0] / shape[1], rel=0.6 / min(h, w) + 0.6 / max(h, w))


def test_a_photo_of_the_right_size_stays_as_it_is():
    sample = made_sample(0)
    assert resize(sample, 64, 96) is sample


@given(seeds, shapes, sides)
def test_resizing_keeps_the_promises_and_moves_boxes_by_less_than_a_pixel(seed, size, short):
    sample = made_sample(seed, size)
    resized = resize(sample, short, 200)
    new = fit_shorter_side(size, short, 200)
    assert resized.image.shape[1:] == new
    assert_valid(resized)
    kept = areas(nearest(sample.masks, new)) >= LEAST_PIXELS
    scale = torch.tensor([new[1] / size[1], new[0] / size[0]] * 2)
    off = (resized.boxes - sample.boxes[kept] * scale).abs()
    assert not off.numel() or float(off.max()) <= 0.5 * max(1.0, float(scale.max())) + 0.5
    assert torch.equal(resized.scores, sample.scores[kept])


@given(seeds, shapes, shapes)
def test_masks_are_sampled_at_the_cells_centres(seed, size, new):
    masks = made_sample(seed, size).masks
    expected = np.stack([sample_map(mask.numpy(), new) > 0 for mask in masks])
    assert (nearest(masks, new).numpy() == expected).all()


@given(seeds, shapes, sides)
def test_confidence_is_sampled_where_its_mask_is_and_mixed_with_nothing(seed, size, short):
    sample = made_sample(seed, size)
    resized = resize(sample, short, 200)
    assert (resized.confidence[~resized.masks] == 1).all()
    assert torch.isin(resized.confidence, sample.confidence).all()


def test_a_constant_photo_keeps_its_colour():
    sample = dataclasses.replace(made_sample(2), image=torch.full((3, 64, 96), 0.3))
    assert torch.allclose(resize(sample, 37, 200).image, torch.tensor(0.3))


@given(seeds, shapes)
def test_flipping_twice_changes_nothing_and_once_mirrors_the_boxes(seed, size):
    sample = made_sample(seed, size)
    flipped = flip(sample)
    assert_valid(flipped)
    assert_same(flip(flipped), sample)
    x0, y0, x1, y1 = sample.boxes.unbind(1)
    assert torch.equal(flipped.boxes, torch.stack((size[1] - x1, y0, size[1] - x0, y1), dim=1))


def test_a_label_that_becomes_too_small_is_dropped():
    sample = made_sample(3)
    masks = sample.masks.clone()
    masks[1] = False
    masks[1, 10:14, 10:14] = True  # LEAST_PIXELS of them
    sample = dataclasses.replace(sample, masks=masks, confidence=torch.ones_like(sample.confidence))
    assert remove_small_components(sample) is sample
    small = resize(sample, 32, 96)
    assert torch.equal(small.scores, sample.scores[[0, 2]])


def test_photos_without_labels_go_through():
    sample = empty_sample()
    for changed in (flip(sample), resize(sample, 40, 100)):
        assert_valid(changed)
        assert all(len(getattr(changed, name)) == 0 for name in FIELDS if name != "image")
