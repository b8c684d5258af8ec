"""Back-projection (method 1.5)."""

import numpy as np
import pytest
from at_defaults import back_project, normalise_depth, send_to_background
from hypothesis import given
from hypothesis import strategies as st

from cuts3d.config import CloudConfig
from cuts3d.grids import sample_map
from cuts3d.method.point_cloud import photo_cloud
from cuts3d.types import DepthMap

seeds = st.integers(0, 1000)


def random_depth(seed: int, shape=(6, 8)) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0, 1, shape).astype(np.float32)


@given(seeds, st.floats(0.1, 5))
def test_orthographic_points_sit_at_cell_centres_with_scaled_depth(seed, scale):
    depth = random_depth(seed)
    cloud = back_project(depth, (300, 400), depth_scale=scale)
    points = cloud.points.reshape(6, 8, 3)
    assert cloud.grid_shape == (6, 8)
    assert cloud.points.dtype == np.float64
    assert np.allclose(points[..., 0], ((np.arange(8) + 0.5) / 8)[None, :])
    assert np.allclose(points[..., 1], ((np.arange(6) + 0.5) / 6 * 0.75)[:, None])
    assert np.allclose(points[..., 2], depth * scale)


@pytest.mark.parametrize(("photo", "extent"), [((300, 600), (0.5, 1.0)), ((600, 300), (1.0, 0.5)), ((5, 5), (1, 1))])
def test_the_longer_side_of_the_photo_is_1_and_its_aspect_is_kept(photo, extent):
    points = back_project(np.zeros((10, 10)), photo).points
    assert np.ptp(points[:, 1]) == pytest.approx(extent[0] * 0.9)
    assert np.ptp(points[:, 0]) == pytest.approx(extent[1] * 0.9)


@given(seeds, st.floats(10, 120))
def test_perspective_points_of_one_pixel_lie_on_a_ray_through_the_pinhole(seed, field_of_view):
    near, far = random_depth(seed) * 0.4, random_depth(seed + 1) * 0.6 + 0.4
    a, b = (
        back_project(z, (300, 400), camera="perspective", field_of_view=field_of_view).points.reshape(6, 8, 3)
        for z in (near, far)
    )
    pinhole = np.array([0.5, 0.375, -0.5 / np.tan(np.radians(field_of_view) / 2)])
    cross = np.cross(a - pinhole, b - pinhole)
    assert np.abs(cross).max() < 1e-9


def test_perspective_leaves_the_nearest_plane_as_the_photo_and_spreads_what_is_behind():
    flat, deep = np.zeros((6, 8)), np.ones((6, 8))
    plain = back_project(flat, (300, 400)).points
    near = back_project(flat, (300, 400), camera="perspective").points
    far = back_project(deep, (300, 400), camera="perspective", depth_scale=2.0, field_of_view=90).points
    assert np.allclose(near, plain)
    assert np.allclose(far[:, 0] - 0.5, (plain[:, 0] - 0.5) * 5)  # focal 0.5: 1 + 2 / 0.5
    assert np.allclose(far[:, 1] - 0.375, (plain[:, 1] - 0.375) * 5)


def test_a_narrow_field_of_view_tends_to_the_orthographic_camera():
    depth = random_depth(0)
    narrow = back_project(depth, (300, 400), camera="perspective", field_of_view=0.01).points
    assert np.allclose(narrow, back_project(depth, (300, 400)).points, atol=1e-3)


def test_points_outside_the_bipartition_go_to_background_depth_and_the_rest_stays():
    cloud = back_project(random_depth(3), (300, 400), depth_scale=0.5)
    mask = np.zeros((6, 8), bool)
    mask[1:4, 2:5] = True
    before = cloud.points.copy()
    sent = send_to_background(cloud, mask, background_depth=2.0, depth_scale=0.5)
    assert (cloud.points == before).all()
    assert (sent.points[mask.ravel()] == before[mask.ravel()]).all()
    assert (sent.points[~mask.ravel(), 2] == 1.0).all()
    assert (sent.points[:, :2] == before[:, :2]).all()
    assert sent.grid_shape == cloud.grid_shape


@pytest.mark.parametrize("kind", ["metric", "relative", "disparity"])
@pytest.mark.parametrize("camera", ["orthographic", "perspective"])
def test_any_depth_map_becomes_the_same_cloud_step_by_step(kind, camera):
    values = np.random.default_rng(0).uniform(1, 9, (30, 40)).astype(np.float32)
    depth = DepthMap(values=values, kind=kind, estimator="x")
    options = CloudConfig(camera=camera, field_of_view=70.0, depth_scale=2.0, depth_clip=3.0)
    cloud = photo_cloud(depth, (300, 400), (15, 20), options)
    z = sample_map(normalise_depth(depth, clip_percent=3.0), (15, 20))
    plain = back_project(z, (300, 400), camera=camera, field_of_view=70.0, depth_scale=2.0)
    np.testing.assert_array_equal(cloud.points, plain.points)
    flat = photo_cloud(depth, (300, 400), (15, 20), options, depth_scale=1.0)
    np.testing.assert_allclose(flat.points[:, 2] * 2.0, cloud.points[:, 2])
