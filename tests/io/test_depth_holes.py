"""Which values of a depth map are unknown: by rule, for every type and kind, and without eating true values."""

import numpy as np
import pytest

from cuts3d.depth import depth_range, read_depth
from cuts3d.errors import InputError

KINDS = ("metric", "relative", "disparity")
SLOPE = np.linspace(400, 4000, 60 * 80).reshape(60, 80)  # a floor, in millimetres
HOLES = np.zeros((60, 80), bool)
HOLES[:8] = HOLES[20:30, :20] = True


def with_holes(value: float, dtype: str, scale: float = 1.0) -> np.ndarray:
    return np.where(HOLES, value, SLOPE * scale).astype(dtype)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("value", "dtype", "scale", "shown"),
    [
        (0, "u2", 1, "0"),
        (65535, "u2", 1, "65,535"),
        (32767, "i2", 1, "32,767"),
        (2**31 - 1, "i4", 1, "2,147,483,647"),
        (2**32 - 1, "u4", 1, "4,294,967,295"),
        (255, "u1", 0.02, "255"),
        (-1, "i4", 1, "−1"),
        (-32768, "i2", 1, "−32,768"),
        (-1, "f4", 0.001, "−1"),
        (-9999, "f8", 0.001, "−9,999"),
        (0, "f4", 0.001, "0"),
        (65.535, "f4", 0.001, "65.535"),
        (255.99609375, "f4", 0.001, "255.996"),
        (65504, "f2", 0.001, "65,504"),
        (1e10, "f4", 0.001, "10,000,000,000"),
        (9999, "f4", 0.001, "9,999"),
        (3.4028235e38, "f4", 0.001, "3.40282e+38"),
        (np.nan, "f4", 0.001, "not a number"),
        (np.inf, "f8", 0.001, "not a number"),
        (-np.inf, "f8", 0.001, "not a number"),
        (1e300, "f8", 0.001, "not a number"),
    ],
)
def test_marks_of_missing_values_are_found_said_and_filled(value, dtype, scale, shown, kind):
    values = with_holes(value, dtype, scale)
    depth = read_depth(values, kind=kind)
    assert (np.isnan(depth.values) == HOLES).all()
    np.testing.assert_array_equal(depth.values[~HOLES], values[~HOLES].astype(np.float32))
    shown = "0 or less" if kind == "metric" and value <= 0 and np.isfinite(value) else shown
    assert depth.notes == (f"17.5 % of your depth map is unknown ({shown}) and took the nearest known value.",)
    done = depth_range(depth, clip_percent=0)
    known = values[~HOLES].astype(np.float64)
    assert done.holes == pytest.approx(HOLES.mean())
    assert (done.low, done.high) == pytest.approx((known.min(), known.max()))


def test_two_marks_in_one_map_are_both_found():
    values = with_holes(0, "u2")
    values[50:, 60:] = 65535
    depth = read_depth(values)
    assert (np.isnan(depth.values) == (HOLES | (values == 65535))).all()
    assert "(65,535, 0)" in depth.notes[0]


RAMP = np.linspace(0, 1, 60 * 80).reshape(60, 80)


@pytest.mark.parametrize("kind", ["relative", "disparity"])
@pytest.mark.parametrize(
    "values",
    [
        np.rint(RAMP * 255).astype(np.uint8),
        np.rint(RAMP * 65535).astype(np.uint16),
        RAMP,
        RAMP * 4000,
        RAMP - 0.5,
        -RAMP,
        np.random.default_rng(0).normal(0, 1, (60, 80)),
        np.where(RAMP < 0.2, 0, RAMP * 255).astype(np.uint8),
        np.where(RAMP < 0.2, 0, RAMP * 65535).astype(np.uint16),
        np.where(RAMP < 0.2, 0, RAMP),
        np.where(RAMP > 0.7, 255, 40 + RAMP * 140).astype(np.uint8),
        np.where(RAMP > 0.7, 255, 0).astype(np.uint8),
        np.where(RAMP > 0.7, 255, np.where(RAMP > 0.5, 128, 0)).astype(np.uint8),
        np.where(RAMP > 0.7, 9.0, 1 + RAMP / 10),
    ],
    ids=[
        "8 bits",
        "16 bits",
        "floats",
        "millimetres from 0",
        "around 0",
        "below 0",
        "standardised",
        "8 bits, near object",
        "16 bits, near object",
        "floats, near object",
        "8 bits, far wall",
        "two levels",
        "three levels",
        "far wall",
    ],
)
def test_true_values_at_the_ends_are_kept(values, kind):
    np.testing.assert_array_equal(read_depth(values, kind=kind).values, values.astype(np.float32))


def test_zeros_apart_that_may_be_depth_are_kept_and_pointed_at():
    found = read_depth(np.where(RAMP < 0.2, 0, RAMP * 255).astype(np.uint8))
    assert found.notes == (
        "20.0 % of your depth map is 0, apart from the rest, and was taken as depth; if it is unknown, use NaN.",
    )
    assert read_depth(np.rint(RAMP * 255).astype(np.uint8)).notes == ()


def test_an_end_of_the_type_that_may_be_depth_is_kept_and_pointed_at():
    found = read_depth(np.where(RAMP > 0.7, 65535, 500 + RAMP * 50000).astype(np.uint16))
    assert not np.isnan(found.values).any()
    assert "is 65,535, apart from the rest" in found.notes[0]


def test_masked_values_are_unknown():
    depth = read_depth(np.ma.masked_array(SLOPE, mask=HOLES))
    assert (np.isnan(depth.values) == HOLES).all()
    assert "(masked or transparent)" in depth.notes[0]


@pytest.mark.parametrize(
    ("values", "kind", "words"),
    [
        (np.full((20, 30), np.nan), "relative", "every value is not a number"),
        (np.zeros((20, 30), np.uint16), "metric", "every value is 0 or less"),
        (np.ma.masked_array(np.ones((20, 30)), mask=True), "relative", "every value is masked"),
    ],
)
def test_a_map_without_any_known_value_is_refused(values, kind, words):
    with pytest.raises(InputError, match=words):
        read_depth(values, kind=kind)


def test_a_constant_map_is_taken_with_a_note():
    assert "one value everywhere" in read_depth(np.full((20, 30), 3.0)).notes[0]
