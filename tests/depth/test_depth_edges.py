"""Borders of depth and their agreement."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuts3d.depth.edges import depth_edges, edge_f_score


def step(column: int, height: float = 0.5, shape: tuple[int, int] = (30, 40)) -> np.ndarray:
    z = np.zeros(shape)
    z[:, column:] = height
    return z


def test_a_step_is_a_border_and_a_slope_is_none() -> None:
    assert np.flatnonzero(np.any(depth_edges(step(20)), axis=0)).tolist() == [18, 19]
    assert not depth_edges(np.linspace(0, 1, 40)[None].repeat(30, axis=0)).any()


def test_the_photo_s_rim_is_no_border() -> None:
    z = np.zeros((20, 20))
    z[-1], z[:, -1] = 0.02, 0.02
    assert not depth_edges(z).any()


@pytest.mark.parametrize(("shift", "score"), [(0, 1.0), (2, 1.0), (12, 0.0)])
def test_borders_agree_where_they_lie_within_two_cells(shift: int, score: float) -> None:
    assert edge_f_score(step(15), step(15 + shift)) == pytest.approx(score)


@given(st.integers(0, 10**6))
def test_the_score_is_symmetric_in_range_and_one_with_itself(seed: int) -> None:
    a, b = np.random.default_rng(seed).random((2, 12, 15))
    assert edge_f_score(a, b) == pytest.approx(edge_f_score(b, a))
    assert 0 <= edge_f_score(a, b) <= 1
    assert edge_f_score(a, a) == pytest.approx(1)


def test_flat_maps_agree_with_each_other_and_with_nothing_else() -> None:
    flat = np.full((30, 40), 0.5)
    assert edge_f_score(flat, flat) == 1
    assert edge_f_score(flat, step(15)) == 0
