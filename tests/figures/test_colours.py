"""Colours of the pictures: one colour map per kind of value, fixed ends, grey for unknown values."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from cuts3d.figures.colours import (
    AFFINITY,
    CONFIDENCE,
    DEPTH,
    EIGENVECTOR,
    IMPORTANCE,
    UNKNOWN,
    colour_map,
    colour_table,
)

SCALES = [DEPTH, IMPORTANCE, AFFINITY, EIGENVECTOR, CONFIDENCE]
SHAPES = hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=7)
UNIT = hnp.arrays(np.float32, SHAPES, elements=st.floats(0, 1, width=32))
ANY = hnp.arrays(np.float64, SHAPES, elements=st.floats(-1e6, 1e6) | st.sampled_from([np.nan, np.inf, -np.inf]))


@pytest.mark.parametrize("scale", SCALES, ids=lambda s: s.name)
def test_a_scale_has_256_colours_and_labels_at_both_ends(scale):
    table = colour_table(scale.name)
    assert table.shape == (256, 3)
    assert table.dtype == np.uint8
    assert np.abs(table[0].astype(int) - table[-1]).max() > 60
    assert scale.low
    assert scale.high
    assert scale.low != scale.high


def test_every_kind_of_value_has_its_own_scale():
    assert len({scale.name for scale in SCALES}) == len(SCALES)


@given(UNIT, st.sampled_from(SCALES))
def test_equal_values_have_equal_colours_on_every_picture(values, scale):
    """The scale is fixed: a value's colour does not depend on the other values."""
    colours = colour_map(values, scale)
    for place in np.ndindex(*values.shape):
        np.testing.assert_array_equal(colours[place], colour_map(values[place].reshape(1, 1), scale)[0, 0])


@given(ANY, st.sampled_from(SCALES), st.floats(-2, 2), st.floats(0.01, 5))
def test_values_beyond_the_ends_are_clipped_and_unknown_values_are_grey(values, scale, low, width):
    table = colour_table(scale.name)
    colours = colour_map(values, scale, low=low, high=low + width)
    known = np.isfinite(values)
    assert colours.shape == (*values.shape, 3)
    assert colours.dtype == np.uint8
    assert (colours[~known] == UNKNOWN).all()
    assert (colours[known & (values <= low)] == table[0]).all()
    assert (colours[known & (values >= low + width * 1.000001)] == table[255]).all()


@given(st.lists(st.floats(0, 1), min_size=2, max_size=12), st.sampled_from(SCALES))
def test_colours_follow_the_table(values, scale):
    table = colour_table(scale.name).astype(int)
    row = colour_map(np.sort(np.array([values])), scale)[0].astype(int)
    expected = table[np.floor(np.sort(values) * 255).astype(int)]
    np.testing.assert_array_equal(row, expected)


def test_a_range_without_width_has_no_unknown_colours():
    colours = colour_map(np.array([[0.2, 0.5, 0.9]]), AFFINITY, low=0.5, high=0.5)
    table = colour_table(AFFINITY.name)
    np.testing.assert_array_equal(colours[0], [table[0], table[0], table[255]])


def test_colouring_does_not_change_the_colour_table():
    before = colour_table(DEPTH.name).copy()
    colour_map(np.array([[np.nan, 0.0, 1.0]]), DEPTH)[:] = 7
    np.testing.assert_array_equal(colour_table(DEPTH.name), before)
