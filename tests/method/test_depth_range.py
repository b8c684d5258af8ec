"""Depth range: holes, direction, clipping (method 1.5, step 1)."""

import numpy as np
import pytest
from at_defaults import normalise_depth
from hypothesis import given
from hypothesis import strategies as st

from cuts3d.errors import InputError
from cuts3d.types import DepthKind, DepthMap

KINDS = ["metric", "relative", "disparity"]
seeds = st.integers(0, 1000)


def depth_map(values, kind: DepthKind = "relative") -> DepthMap:
    return DepthMap(values=np.asarray(values, dtype=np.float32), kind=kind, estimator="test")


def random_values(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).uniform(1, 5, (9, 11)).astype(np.float32)


@given(seeds, st.sampled_from(KINDS), st.floats(0, 20))
def test_z_spans_0_to_1_and_keeps_the_shape(seed, kind, clip):
    z = normalise_depth(depth_map(random_values(seed), kind), clip_percent=clip)
    assert z.dtype == np.float32
    assert z.shape == (9, 11)
    assert z.min() == 0
    assert z.max() == 1


@given(seeds, st.sampled_from(KINDS))
def test_order_is_kept_for_distances_and_reversed_for_disparity(seed, kind):
    values = random_values(seed)
    z = normalise_depth(depth_map(values, kind), clip_percent=0)
    order = np.argsort(values.ravel())
    steps = np.diff(z.ravel()[order])
    assert (steps <= 0).all() if kind == "disparity" else (steps >= 0).all()


@given(seeds, st.floats(0.5, 20), st.floats(-50, 50), st.sampled_from(["relative", "disparity"]))
def test_scale_and_shift_of_relative_depth_do_not_matter(seed, scale, shift, kind):
    values = random_values(seed)
    a = normalise_depth(depth_map(values, kind))
    b = normalise_depth(depth_map(values * scale + shift, kind))
    assert np.allclose(a, b, atol=1e-3)


def test_metric_depth_keeps_its_linear_scale():
    assert np.allclose(
        normalise_depth(depth_map([[1.0, 2.0, 3.0, 5.0]], "metric"), clip_percent=0), [[0, 0.25, 0.5, 1]]
    )


def test_disparity_is_reversed_and_not_inverted():
    z = normalise_depth(depth_map([[0.0, 1.0, 2.0, 4.0]], "disparity"), clip_percent=0)
    assert np.allclose(z, [[1, 0.75, 0.5, 0]])


def test_outliers_are_clipped_and_do_not_flatten_the_rest():
    values = random_values(0)
    values[0, 0] = 1e6
    z = normalise_depth(depth_map(values), clip_percent=2)
    assert np.ptp(z) == 1
    assert np.median(z) == pytest.approx(0.5, abs=0.15)


@pytest.mark.parametrize("hole", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("kind", KINDS)
def test_holes_take_the_depth_of_the_nearest_valid_pixel(hole, kind):
    values = np.tile(np.linspace(1, 2, 8, dtype=np.float32), (8, 1))
    values[:, 0] = hole
    values[:, 5:7] = hole
    z = normalise_depth(depth_map(values, kind), clip_percent=0)
    assert np.isfinite(z).all()
    assert (z[:, 0] == z[:, 1]).all()
    assert (z[:, 5] == z[:, 4]).all()
    assert (z[:, 6] == z[:, 7]).all()
    assert z[0, 4] not in (0, 1)


@pytest.mark.parametrize("zero", [0.0, -1.0])
def test_zeros_are_holes_in_metric_depth_and_values_elsewhere(zero):
    values = np.full((4, 4), 2.0, np.float32)
    values[:, 2:] = 3.0
    values[0, 0] = zero
    metric = normalise_depth(depth_map(values, "metric"), clip_percent=0)
    assert metric[0, 0] == 0
    assert metric[1, 1] == 0  # the hole took no part in the range
    relative = normalise_depth(depth_map(values), clip_percent=0)
    assert relative[0, 0] == 0
    assert relative[1, 1] > 0.5


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("level", [1e-6, 1.0, 1e6])
def test_constant_depth_becomes_one_half(kind, level):
    assert (normalise_depth(depth_map(np.full((5, 5), level), kind)) == 0.5).all()


def test_constant_depth_with_holes_becomes_one_half():
    values = np.full((5, 5), 3.0)
    values[1] = np.nan
    assert (normalise_depth(depth_map(values)) == 0.5).all()


def test_nearly_constant_depth_keeps_the_few_values_that_differ():
    """One small object in front of a wall: the percentiles are equal, and the object must not vanish."""
    values = np.full((40, 40), 4.0)
    values[10:12, 10:12] = 2.0
    z = normalise_depth(depth_map(values, "metric"))
    assert (z[10:12, 10:12] == 0).all()
    assert z.sum() == 1600 - 4


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (np.full((10, 10), np.nan), "relative"),
        (np.full((10, 10), np.inf), "disparity"),
        (np.zeros((10, 10)), "metric"),
        (-np.ones((10, 10)), "metric"),
        (np.empty((0, 0)), "relative"),
    ],
)
def test_depth_without_a_usable_value_is_refused_with_counts(values, kind):
    with pytest.raises(InputError, match=f"0 usable values of {values.size}"):
        normalise_depth(depth_map(values, kind))


def test_less_than_1_percent_of_usable_values_is_refused():
    values = np.full((20, 20), np.nan)
    values[0, :3] = [1, 2, 3]
    with pytest.raises(InputError, match="3 usable values of 400"):
        normalise_depth(depth_map(values))
    values[0, :5] = 1
    assert normalise_depth(depth_map(values)).shape == (20, 20)


def test_the_depth_map_given_is_not_written_to():
    values = random_values(1)
    values[0, 0] = np.nan
    before = values.copy()
    normalise_depth(depth_map(values))
    assert np.array_equal(values, before, equal_nan=True)


@given(seeds, st.sampled_from(KINDS))
def test_inverse_is_larger_where_it_is_nearer(seed, kind):
    values = random_values(seed)
    inverse = depth_map(values, kind).inverse().ravel()
    order = np.argsort(values.ravel())
    assert inverse.dtype == np.float64
    steps = np.diff(inverse[order])
    assert (steps >= 0).all() if kind == "disparity" else (steps <= 0).all()


def test_inverse_of_metric_depth_is_nan_where_it_is_unknown():
    assert np.isnan(depth_map([[0.0, -1.0]], "metric").inverse()).all()
    assert depth_map([[0.5]], "metric").inverse()[0, 0] == 2
