"""Pictures of the stages: each on its scale, with the marks where they belong."""

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
from cuts3d.io.overlays import PALETTE, instance_colour
from cuts3d.types import Bipartition, DepthMap
from ui.draw import pictures
from ui.draw.mask_pictures import masks_picture
from ui.draw.picture import SHADE, cell_marks, flat_cells, shade

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


# ---- marks and shade


@given(MASKS)
def test_shade_darkens_exactly_what_is_outside(inside):
    pixels = shade(inside)
    assert pixels.shape == (*inside.shape, 4)
    assert pixels.dtype == np.uint8
    assert (pixels[inside] == 0).all()
    assert (pixels[~inside] == SHADE).all()


@given(GRIDS, st.data())
def test_a_mark_lies_inside_its_cell(grid, data):
    cell = (data.draw(st.integers(0, grid[0] - 1)), data.draw(st.integers(0, grid[1] - 1)))
    (mark,) = cell_marks([cell], grid, "patch")
    assert (int(mark.y * grid[0]), int(mark.x * grid[1])) == cell
    assert 0 < mark.y < 1
    assert 0 < mark.x < 1


@given(GRIDS, st.data())
def test_flat_indices_are_row_by_row(grid, data):
    index = data.draw(st.integers(0, grid[0] * grid[1] - 1))
    assert flat_cells(np.array([index]), grid) == [tuple(int(i) for i in np.unravel_index(index, grid))]


# ---- stages


@pytest.mark.parametrize("kind", ["metric", "relative", "disparity"])
def test_near_is_bright_for_every_kind_of_depth(kind):
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


def test_holes_of_a_depth_map_are_not_grey():
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
        assert picture.marks == cell_marks([patch], grid, "patch")
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
    np.testing.assert_array_equal(picture.pixels, shade(mask))
    assert [(m.kind, int(m.y * 4), int(m.x * 6)) for m in picture.marks] == [
        ("corner", 0, 0),
        ("corner", 3, 5),
        ("source", 1, 1),
        ("sink", 2, 3),
        ("sink", 2, 2),
    ]
    assert "33 %" in picture.alt


def test_earlier_cuts_are_shaded():
    mask = np.ones((2, 4), dtype=bool)
    region = mask.copy()
    region[:, :2] = False
    picture = pictures.bipartition_picture(bipartition(mask), region, [], [])
    np.testing.assert_array_equal(picture.pixels, shade(region))


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
def test_a_cut_has_the_colour_of_its_instance(cut, index, tau):
    picture = pictures.cut_picture(cut, instance_colour(index), tau)
    assert picture.pixels is not None
    assert (picture.pixels[cut] == [*instance_colour(index), 190]).all()
    assert (picture.pixels[~cut] == SHADE).all()
    assert f"{tau:.3f}" in picture.alt


@given(
    hnp.arrays(np.uint8, hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=9), elements=st.integers(0, 40))
)
def test_masks_have_the_colours_of_their_numbers_and_every_number_is_in_its_mask(labels):
    picture = masks_picture(labels, "made")
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
def test_two_methods_are_transparent_where_they_agree_and_coloured_where_they_differ(ours, data):
    theirs = data.draw(hnp.arrays(np.bool_, ours.shape))
    pixels = pictures.difference_of_masks(ours, theirs, "TokenCut").pixels
    assert pixels is not None
    assert (pixels[ours & theirs] == 0).all()
    assert (pixels[~ours & ~theirs] == SHADE).all()
    assert (pixels[ours & ~theirs][:, :3] == instance_colour(0)).all()
    assert (pixels[theirs & ~ours][:, :3] == instance_colour(1)).all()
