"""Resampling between grids."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuts3d.grids import component_of, iou, remove_small_components, resize_image, resize_map, resize_mask, sample_map

sides = st.integers(1, 20)
shapes = st.tuples(sides, sides)
seeds = st.integers(0, 1000)


def random_mask(seed: int, shape: tuple[int, int]) -> np.ndarray:
    return np.random.default_rng(seed).random(shape) < 0.5


@given(shapes, shapes, st.floats(-10, 10, width=32))
def test_resizing_keeps_a_constant_map_constant(old, new, value):
    resized = resize_map(np.full(old, value), new)
    assert resized.shape == new
    assert resized.dtype == np.float32
    assert np.allclose(resized, value, atol=1e-4)


@given(shapes, shapes, seeds)
def test_resizing_never_leaves_the_range_of_the_values(old, new, seed):
    values = np.random.default_rng(seed).uniform(-1, 1, old)
    resized = resize_map(values, new)
    assert resized.min() >= values.min() - 1e-5
    assert resized.max() <= values.max() + 1e-5


def test_resizing_to_the_same_shape_is_a_copy():
    values = np.ones((3, 3), np.float32)
    resized = resize_map(values, (3, 3))
    resized[0, 0] = 5
    assert values[0, 0] == 1


def test_shrinking_by_a_whole_factor_averages_instead_of_skipping():
    stripes = np.tile([0.0, 1.0], (16, 8))
    assert np.allclose(resize_map(stripes, (4, 4)), 0.5, atol=0.07)


@given(shapes, shapes, seeds)
def test_sampled_values_are_never_mixed(old, new, seed):
    values = np.random.default_rng(seed).uniform(0, 1, old).astype(np.float32)
    sampled = sample_map(values, new)
    assert sampled.shape == new
    assert sampled.dtype == np.float32
    assert np.isin(sampled, values).all()


def test_sampling_takes_the_cell_centres():
    values = np.arange(36, dtype=np.float32).reshape(6, 6)
    assert sample_map(values, (2, 2)).tolist() == [[7, 10], [25, 28]]
    assert (sample_map(values, (6, 6)) == values).all()
    assert (sample_map(values, (12, 12)) == values.repeat(2, 0).repeat(2, 1)).all()


@given(shapes, shapes)
def test_full_and_empty_masks_stay_full_and_empty(old, new):
    assert resize_mask(np.ones(old, bool), new).all()
    assert not resize_mask(np.zeros(old, bool), new).any()


def test_a_mask_that_shrinks_takes_the_majority_of_a_cell():
    mask = np.zeros((32, 32), bool)
    mask[:8, :8] = True
    mask[8:16, 8:11] = True  # less than half of its cell
    assert np.argwhere(resize_mask(mask, (4, 4))).tolist() == [[0, 0]]


def test_a_mask_comes_back_from_a_finer_grid():
    mask = np.zeros((12, 12), bool)
    mask[3:8, 2:9] = True
    fine = resize_mask(mask, (120, 120))
    assert fine.mean() == pytest.approx(mask.mean(), rel=0.05)
    assert (resize_mask(fine, (12, 12)) == mask).all()


def test_a_resized_mask_of_the_same_shape_is_a_copy():
    mask = np.zeros((3, 3), bool)
    resize_mask(mask, (3, 3))[0, 0] = True
    assert not mask.any()


def test_a_photo_keeps_its_colours_when_it_is_resized():
    image = np.zeros((20, 30, 3), np.uint8)
    image[:] = (200, 100, 50)
    resized = resize_image(image, (7, 9))
    assert resized.shape == (7, 9, 3)
    assert resized.dtype == np.uint8
    assert (resized == (200, 100, 50)).all()
    assert resize_image(image, (20, 30)) is image


def test_a_component_is_4_connected_and_empty_outside_the_mask():
    mask = np.array([[1, 1, 0, 0], [0, 0, 1, 0], [0, 0, 1, 1]], bool)
    assert np.argwhere(component_of(mask, (0, 0))).tolist() == [[0, 0], [0, 1]]
    assert np.argwhere(component_of(mask, (1, 2))).tolist() == [[1, 2], [2, 2], [2, 3]]
    assert not component_of(mask, (0, 3)).any()


@given(shapes, seeds)
def test_iou_is_symmetric_in_0_to_1_and_1_only_for_equal_masks(shape, seed):
    a, b = random_mask(seed, shape), random_mask(seed + 1, shape)
    assert iou(a, b) == iou(b, a)
    assert 0 <= iou(a, b) <= 1
    assert iou(a, a) == float(a.any())
    assert (iou(a, b) == 1) == ((a == b).all() and a.any())


def test_iou_of_empty_masks_is_0_and_of_halves_a_third():
    empty = np.zeros((2, 2), bool)
    assert iou(empty, empty) == 0
    assert iou(np.array([1, 1, 0], bool), np.array([0, 1, 1], bool)) == pytest.approx(1 / 3)


@given(shapes, seeds, st.integers(0, 8))
def test_remove_small_components_keeps_exactly_the_larger_components(shape, seed, least):
    mask = random_mask(seed, shape)
    kept = remove_small_components(mask, least)
    assert not (kept & ~mask).any()
    for position in np.argwhere(mask):
        part = component_of(mask, tuple(position))
        assert kept[tuple(position)] == (part.sum() > least)


def test_components_that_touch_at_a_corner_only_are_separate():
    diagonal = np.eye(4, dtype=bool)
    assert not remove_small_components(diagonal, 1).any()
    assert (remove_small_components(diagonal, 0) == diagonal).all()
