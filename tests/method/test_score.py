"""Distinctness (method 1.10): a mask that differs clearly from its surroundings ranks first."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from cuts3d.method.score import STEP_FLOOR, mask_factors

GRID = (12, 15)


def square(row: int, column: int, side: int = 4) -> np.ndarray:
    mask = np.zeros(GRID, dtype=bool)
    mask[row : row + side, column : column + side] = True
    return mask


def affinity_of(*parts: np.ndarray) -> np.ndarray:
    """Affinity 1 inside each part and inside the rest of the grid, 0.2 between them."""
    labels = np.zeros(GRID, dtype=int)
    for number, part in enumerate(parts, start=1):
        labels[part] = number
    return np.where(labels.ravel()[:, None] == labels.ravel()[None, :], 1.0, 0.2)


FLAT = np.full(GRID, 0.5)


def test_the_contrast_is_the_affinity_inside_minus_that_to_the_ring():
    mask = square(4, 5)
    assert mask_factors(mask, affinity_of(mask), FLAT).contrast == pytest.approx(0.8)
    assert mask_factors(mask, np.ones((180, 180)), FLAT).contrast == 0


def test_a_mask_nearer_than_its_surroundings_has_the_larger_step():
    mask = square(4, 5)
    steps = [mask_factors(mask, affinity_of(mask), np.where(mask, z, 0.5)).step for z in (0.1, 0.4, 0.5, 0.9)]
    assert steps[0] > steps[1] > steps[2] == pytest.approx(steps[3])
    assert steps[0] == pytest.approx((STEP_FLOOR + 0.4) / (1 + STEP_FLOOR))


def test_a_mask_of_uneven_depth_has_the_smaller_step():
    mask = square(4, 5)
    even = np.where(mask, 0.2, 0.8)
    uneven = even + np.where(mask, np.linspace(-0.2, 0.2, GRID[1])[None, :], 0.0)
    assert mask_factors(mask, affinity_of(mask), uneven).step < mask_factors(mask, affinity_of(mask), even).step


@pytest.mark.parametrize(("place", "inside"), [((4, 5), 1.0), ((0, 5), 1 - 4 / 12), ((0, 0), 1 - 7 / 12)])
def test_the_outline_on_the_photo_s_border_counts_against_a_mask(place, inside):
    assert mask_factors(square(*place), affinity_of(square(*place)), FLAT).inside == pytest.approx(inside)


def test_size_is_the_fraction_of_the_photo():
    assert mask_factors(square(4, 5), affinity_of(), FLAT).size == pytest.approx(16 / 180)


@pytest.mark.parametrize("mask", [np.zeros(GRID, bool), np.ones(GRID, bool)], ids=["empty", "everything"])
def test_a_mask_without_surroundings_scores_zero(mask):
    assert mask_factors(mask, affinity_of(), FLAT).distinctness == 0


@given(
    hnp.arrays(bool, GRID),
    hnp.arrays(np.float64, GRID, elements=st.floats(0, 1)),
    st.integers(0, 2**32 - 1),
)
def test_factors_and_score_lie_between_zero_and_one(mask, z, seed):
    vectors = np.random.default_rng(seed).standard_normal((180, 3))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    factors = mask_factors(mask, np.clip(vectors @ vectors.T, 0, 1), z)
    for value in (factors.contrast, factors.step, factors.inside, factors.size, factors.distinctness):
        assert 0 <= value <= 1
