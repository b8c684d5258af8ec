"""Pictures as layers: one scale per meaning, marks where they belong, and the still picture of the cloud."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from cuts3d.io.overlays import PALETTE, instance_colour
from cuts3d.types import Bipartition, DepthMap
from ui.draw import pictures
from ui.draw.cloud_picture import cloud_picture
from ui.draw.pictures import (
    AFFINITY,
    CONFIDENCE,
    DEPTH,
    EIGENVECTOR,
    IMPORTANCE,
    SHADE,
    UNKNOWN,
    colour_map,
    colour_table,
)

SCALES = [DEPTH, IMPORTANCE, AFFINITY, EIGENVECTOR, CONFIDENCE]
SHAPES = hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=7)
UNIT = hnp.arrays(np.float32, SHAPES, elements=st.floats(0, 1, width=32))
ANY = hnp.arrays(np.float64, SHAPES, elements=st.floats(-1e6, 1e6) | st.sampled_from([np.nan, np.inf, -np.inf]))
MASKS = hnp.arrays(np.bool_, SHAPES)
GRIDS = st.tuples(st.integers(1, 60), st.integers(1, 60))


def bipartition(mask: np.ndarray, eigenvector: np.ndarray | None = None, seed: tuple[int, int] = (0, 0)) -> Bipartition:
    return Bipartition(
        eigenvector=mask.astype(float) if eigenvector is None else eigenvector,
        mask=mask,
        eigenvalue=0.1,
        seed=seed,
        corners=0,
        flipped=False,
        solver="dense",
        component=mask,
    )


# ---- colours


@pytest.mark.parametrize("scale", SCALES, ids=lambda s: s.name)
def test_a_scale_has_256_colours_and_two_ends_that_say_something(scale):
    table = colour_table(scale.name)
    assert table.shape == (256, 3)
    assert table.dtype == np.uint8
    assert np.abs(table[0].astype(int) - table[-1]).max() > 60
    assert scale.low
    assert scale.high
    assert scale.low != scale.high


def test_every_meaning_has_a_scale_of_its_own():
    assert len({scale.name for scale in SCALES}) == len(SCALES)


@given(UNIT, st.sampled_from(SCALES))
def test_equal_values_have_equal_colours_on_every_picture(values, scale):
    """The scale is fixed: a value's colour does not depend on the other values."""
    colours = colour_map(values, scale)
    for place in np.ndindex(*values.shape):
        np.testing.assert_array_equal(colours[place], colour_map(values[place].reshape(1, 1), scale)[0, 0])


@given(ANY, st.sampled_from(SCALES), st.floats(-2, 2), st.floats(0.01, 5))
def test_values_beyond_the_ends_take_their_colours_and_unknown_ones_are_grey(values, scale, low, width):
    table = colour_table(scale.name)
    colours = colour_map(values, scale, low=low, high=low + width)
    known = np.isfinite(values)
    assert colours.shape == (*values.shape, 3)
    assert colours.dtype == np.uint8
    assert (colours[~known] == UNKNOWN).all()
    assert (colours[known & (values <= low)] == table[0]).all()
    assert (colours[known & (values >= low + width * 1.000001)] == table[255]).all()


@given(st.lists(st.floats(0, 1), min_size=2, max_size=12), st.sampled_from(SCALES))
def test_colours_go_up_their_table_with_the_values(values, scale):
    table = colour_table(scale.name).astype(int)
    row = colour_map(np.sort(np.array([values])), scale)[0].astype(int)
    expected = table[np.floor(np.sort(values) * 255).astype(int)]
    np.testing.assert_array_equal(row, expected)


def test_a_range_without_width_has_no_unknown_colours():
    colours = colour_map(np.array([[0.2, 0.5, 0.9]]), AFFINITY, low=0.5, high=0.5)
    table = colour_table(AFFINITY.name)
    np.testing.assert_array_equal(colours[0], [table[0], table[0], table[255]])


def test_colouring_leaves_the_colour_table_alone():
    before = colour_table(DEPTH.name).copy()
    colour_map(np.array([[np.nan, 0.0, 1.0]]), DEPTH)[:] = 7
    np.testing.assert_array_equal(colour_table(DEPTH.name), before)


@given(MASKS)
def test_shade_darkens_exactly_what_is_outside(inside):
    pixels = pictures.shade(inside)
    assert pixels.shape == (*inside.shape, 4)
    assert pixels.dtype == np.uint8
    assert (pixels[inside] == 0).all()
    assert (pixels[~inside] == SHADE).all()


# ---- marks


@given(GRIDS, st.data())
def test_a_mark_lies_inside_its_cell(grid, data):
    cell = (data.draw(st.integers(0, grid[0] - 1)), data.draw(st.integers(0, grid[1] - 1)))
    (mark,) = pictures.cell_marks([cell], grid, "patch")
    assert (int(mark.y * grid[0]), int(mark.x * grid[1])) == cell
    assert 0 < mark.y < 1
    assert 0 < mark.x < 1


@given(GRIDS, st.data())
def test_flat_indices_are_row_by_row(grid, data):
    index = data.draw(st.integers(0, grid[0] * grid[1] - 1))
    assert pictures.flat_cells(np.array([index]), grid) == [tuple(int(i) for i in np.unravel_index(index, grid))]


# ---- stages


@pytest.mark.parametrize("kind", ["metric", "relative", "disparity"])
def test_near_is_bright_whatever_the_depth_values_mean(kind):
    far_right = np.tile(np.linspace(1, 5, 40, dtype=np.float32), (30, 1))
    values = 1 / far_right if kind == "disparity" else far_right
    picture = pictures.depth_picture(DepthMap(values=values, kind=kind, estimator="drawn"))
    assert picture.pixels is not None
    assert picture.scale is DEPTH
    light = picture.pixels.astype(int).sum(axis=2)
    assert (light[:, 0] > light[:, -1] + 300).all()


@pytest.mark.parametrize("shape", [(30, 40), (1000, 1400), (3, 900), (481, 479)])
def test_a_depth_picture_is_small_enough_to_send(shape):
    values = np.random.default_rng(0).random(shape, dtype=np.float32)
    picture = pictures.depth_picture(DepthMap(values=values, kind="relative", estimator="noise"))
    assert picture.pixels is not None
    assert max(picture.pixels.shape) < 960
    assert picture.smooth


def test_a_depth_map_with_holes_has_no_grey_ones():
    values = np.tile(np.linspace(0, 1, 20, dtype=np.float32), (20, 1))
    values[5:9, 5:9] = np.nan
    pixels = pictures.depth_picture(DepthMap(values=values, kind="relative", estimator="drawn")).pixels
    assert not (pixels == UNKNOWN).all(axis=2).any()


@pytest.mark.parametrize("beta", [0.0, 0.45, 1.0])
def test_importance_runs_from_beta_to_one(beta):
    picture = pictures.importance_picture(np.array([[beta, 1.0]], dtype=np.float32), beta)
    assert picture.pixels is not None
    table = colour_table(IMPORTANCE.name)
    assert (np.abs(picture.pixels[0, 1].astype(int) - table[255]) <= 3).all()  # of float32 one step may go
    if beta < 1:
        np.testing.assert_array_equal(picture.pixels[0, 0], table[0])


def test_without_sharpening_there_is_a_dim_photo_and_no_scale():
    picture = pictures.importance_picture(None, 0.45)
    assert picture.photo
    assert picture.scale is None
    assert picture.pixels is not None
    assert (picture.pixels == SHADE).all()


def test_affinity_shows_the_row_of_the_chosen_patch():
    grid = (3, 4)
    affinity = np.random.default_rng(1).random((12, 12)).astype(np.float32)
    for patch in ((0, 0), (1, 3), (2, 2)):
        picture = pictures.affinity_picture(affinity, grid, patch, after=False)
        row = affinity[patch[0] * 4 + patch[1]].reshape(grid)
        np.testing.assert_array_equal(picture.pixels, colour_map(row, AFFINITY))
        assert picture.marks == pictures.cell_marks([patch], grid, "patch")
        assert picture.scale is AFFINITY


def test_the_difference_is_on_the_scale_of_the_affinity_and_has_no_sign():
    before = np.random.default_rng(2).random((6, 6)).astype(np.float32)
    after = np.random.default_rng(3).random((6, 6)).astype(np.float32)
    there = pictures.difference_picture(before, after, (2, 3), (1, 1))
    back = pictures.difference_picture(after, before, (2, 3), (1, 1))
    np.testing.assert_array_equal(there.pixels, back.pixels)
    np.testing.assert_array_equal(there.pixels, colour_map(np.abs(after - before)[4].reshape(2, 3), AFFINITY))
    assert f"{np.abs(after - before)[4].max():.2f}" in there.alt


@given(
    hnp.arrays(np.float64, SHAPES, elements=st.floats(-10, 10) | st.just(np.nan)).filter(lambda v: np.isfinite(v).any())
)
def test_the_middle_of_the_eigenvector_s_scale_is_its_mean(values):
    scaled = pictures.centred(values)
    known = np.isfinite(values)
    assert (np.isnan(scaled) == ~known).all()
    assert scaled[known].min() >= -1e-9
    assert scaled[known].max() <= 1 + 1e-9
    assert np.nanmean(scaled) == pytest.approx(0.5, abs=1e-3)
    above = known & (values > np.nanmean(values) + 1e-6)
    assert (scaled[above] > 0.5).all()


def test_patches_that_were_cut_before_are_grey_in_the_eigenvector():
    vector = np.array([[np.nan, 0.0], [1.0, 2.0]])
    picture = pictures.eigenvector_picture(bipartition(vector > 1, vector, seed=(1, 1)))
    assert picture.pixels is not None
    grey = (picture.pixels == UNKNOWN).all(axis=2)
    np.testing.assert_array_equal(grey, np.isnan(vector))
    assert [(mark.kind, mark.y, mark.x) for mark in picture.marks] == [("seed", 0.75, 0.75)]


def test_the_bipartition_leaves_b_bright_and_marks_its_corners_and_terminals():
    mask = np.zeros((4, 6), dtype=bool)
    mask[0, 0] = mask[3, 5] = mask[1:3, 1:4] = True
    picture = pictures.bipartition_picture(bipartition(mask), None, [(1, 1)], [(2, 3), (2, 2)])
    np.testing.assert_array_equal(picture.pixels, pictures.shade(mask))
    assert [(m.kind, int(m.y * 4), int(m.x * 6)) for m in picture.marks] == [
        ("corner", 0, 0),
        ("corner", 3, 5),
        ("source", 1, 1),
        ("sink", 2, 3),
        ("sink", 2, 2),
    ]
    assert "33 %" in picture.alt


def test_what_earlier_cuts_took_is_no_longer_bright():
    mask = np.ones((2, 4), dtype=bool)
    region = mask.copy()
    region[:, :2] = False
    picture = pictures.bipartition_picture(bipartition(mask), region, [], [])
    np.testing.assert_array_equal(picture.pixels, pictures.shade(region))


@given(UNIT, st.data())
def test_confidence_is_opaque_inside_and_shade_outside(values, data):
    covered = data.draw(hnp.arrays(np.bool_, values.shape))
    picture = pictures.confidence_picture(values, covered)
    assert picture.pixels is not None
    assert picture.photo
    assert (picture.pixels[~covered] == SHADE).all()
    assert (picture.pixels[covered][:, 3] == 255).all()
    np.testing.assert_array_equal(picture.pixels[..., :3][covered], colour_map(values, CONFIDENCE)[covered])


@given(MASKS, st.integers(0, 30), st.floats(0.001, 0.5))
def test_a_cut_wears_its_instance_s_colour(cut, index, tau):
    picture = pictures.cut_picture(cut, instance_colour(index), tau)
    assert picture.pixels is not None
    assert (picture.pixels[cut] == [*instance_colour(index), 190]).all()
    assert (picture.pixels[~cut] == SHADE).all()
    assert f"{tau:.3f}" in picture.alt


@given(
    hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=9), elements=st.integers(0, 40))
)
def test_masks_wear_their_numbers_colours_and_every_number_lies_in_its_mask(labels):
    picture = pictures.masks_picture(labels, "made")
    assert picture.pixels is not None
    assert picture.photo
    for number in np.unique(labels):
        pixels = picture.pixels[labels == number]
        assert (pixels == pixels[0]).all()
        if number:
            np.testing.assert_array_equal(pixels[0, :3], PALETTE[(number - 1) % len(PALETTE)])
            assert 0 < pixels[0, 3] < 255
    assert picture.pixels[labels == 0][:, 3].max(initial=0) < picture.pixels[labels > 0][:, 3].min(initial=255)
    assert [label.text for label in picture.labels] == [str(n) for n in np.unique(labels) if n]
    h, w = labels.shape
    for label in picture.labels:
        assert labels[min(int(label.y * h), h - 1), min(int(label.x * w), w - 1)] == int(label.text)
        assert label.colour == tuple(int(c) for c in PALETTE[(int(label.text) - 1) % len(PALETTE)])
        assert all(type(c) is int for c in label.colour)  # a NumPy number would be written as one into the page


@given(MASKS, st.data())
def test_two_methods_are_clear_where_they_agree_and_differ_in_colour(ours, data):
    theirs = data.draw(hnp.arrays(np.bool_, ours.shape))
    pixels = pictures.difference_of_masks(ours, theirs).pixels
    assert pixels is not None
    assert (pixels[ours & theirs] == 0).all()
    assert (pixels[~ours & ~theirs] == SHADE).all()
    assert (pixels[ours & ~theirs][:, :3] == instance_colour(0)).all()
    assert (pixels[theirs & ~ours][:, :3] == instance_colour(1)).all()


# ---- the still picture of the cloud


def drawn(h: int, w: int, *, flat: bool = False, cut: bool = True, **changes):
    rng = np.random.default_rng(h * 1000 + w)
    image = rng.integers(0, 256, (h, w, 3), dtype=np.uint8)
    z = np.full((h, w), 0.5, np.float32) if flat else rng.random((h, w), dtype=np.float32)
    mask = np.zeros((4, 5), dtype=bool)
    mask[1:3, 1:3] = True
    region = np.ones_like(mask)
    region[0] = False
    given = {"mask": mask if cut else None, "region": region if cut else None, **changes}
    return cloud_picture(image, z, given["mask"], given["region"], instance_colour(0))


SIZES = [(120, 160), (160, 120), (8, 8), (8, 1600), (1600, 8), (1, 300), (300, 1), (1, 1), (1600, 1200), (40, 1600)]


@pytest.mark.parametrize("flat", [True, False], ids=["flat", "deep"])
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_a_cloud_of_any_size_is_drawn_and_can_be_sent(size, flat):
    from ui.draw.render import to_html

    picture = drawn(*size, flat=flat)
    assert picture.pixels is not None
    h, w, channels = picture.pixels.shape
    assert channels == 4
    assert max(h, w) <= 1440, "larger than anything that the page shows"
    assert set(np.unique(picture.pixels[..., 3])) <= {0, 255}
    assert (picture.pixels[..., 3] == 255).any()
    assert "data:image/" in to_html(picture, size)


@pytest.mark.parametrize("size", [(120, 160), (160, 120), (90, 90)])
def test_the_cloud_s_picture_has_the_photo_s_proportions_and_lies_in_its_middle(size):
    picture = drawn(*size)
    assert picture.pixels is not None
    h, w = picture.pixels.shape[:2]
    assert h / w == pytest.approx(size[0] / size[1], rel=0.02)
    rows, columns = (np.flatnonzero((picture.pixels[..., 3] > 0).any(axis=axis)) for axis in (1, 0))
    assert (rows[0] + rows[-1]) / 2 == pytest.approx(h / 2, abs=0.03 * h)
    assert (columns[0] + columns[-1]) / 2 == pytest.approx(w / 2, abs=0.03 * w)


def test_the_same_cloud_gives_the_same_picture():
    np.testing.assert_array_equal(drawn(60, 80).pixels, drawn(60, 80).pixels)


def test_a_cut_colours_its_points_and_dims_what_is_outside_b():
    plain, coloured = drawn(60, 80, flat=True, cut=False), drawn(60, 80, flat=True)
    assert plain.pixels is not None
    assert coloured.pixels is not None
    np.testing.assert_array_equal(plain.pixels[..., 3], coloured.pixels[..., 3])
    changed = (plain.pixels != coloured.pixels).any(axis=2)
    shown = plain.pixels[..., 3] > 0
    share = changed.sum() / shown.sum()
    assert 0.3 < share < 0.6  # a quarter of the rows is dimmed, a fifth of the patches is in colour


def test_near_points_hide_far_ones():
    image = np.zeros((150, 150, 3), dtype=np.uint8)
    image[:, ::2], image[:, 1::2] = (255, 0, 0), (0, 0, 255)
    far_blue = np.tile(np.array([0.0, 0.2], dtype=np.float32), (150, 75))

    def reds(z: np.ndarray) -> float:
        pixels = cloud_picture(image, z, None, None, instance_colour(0)).pixels
        assert pixels is not None
        seen = pixels[pixels[..., 3] > 0]
        return float((seen[:, 0] > seen[:, 2]).mean())

    assert reds(far_blue) > reds(1 - far_blue) + 0.05
