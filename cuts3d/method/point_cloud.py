"""Depth to points (method 1.5)."""

from __future__ import annotations

from typing import Literal

import numpy as np

from cuts3d.arrays import BoolArray, FloatArray
from cuts3d.config import CloudConfig
from cuts3d.grids import sample_map
from cuts3d.method.depth_range import depth_range
from cuts3d.types import DepthMap, PointCloud


def photo_cloud(
    depth: DepthMap,
    photo_shape: tuple[int, int],
    grid_shape: tuple[int, int],
    options: CloudConfig,
    *,
    depth_scale: float | None = None,
) -> PointCloud:
    """Points of a photo from any depth map: range, clipping and direction, then camera, field of view and scale.

    Args:
        depth: The depth map and what it means.
        photo_shape: Height and width of the photo.
        grid_shape: One point per cell of this grid, at its centre.
        options: How depth becomes points.
        depth_scale: In place of the configured one, for a cloud to look at.

    Raises:
        InputError: The depth map has too few usable values.
    """
    z = depth_range(depth, clip_percent=options.depth_clip).z
    return back_project(
        sample_map(z, grid_shape),
        photo_shape,
        camera=options.camera,
        field_of_view=options.field_of_view,
        depth_scale=options.depth_scale if depth_scale is None else depth_scale,
    )


def back_project(
    depth: FloatArray,
    photo_shape: tuple[int, int],
    *,
    camera: Literal["orthographic", "perspective"],
    field_of_view: float,
    depth_scale: float,
) -> PointCloud:
    """One point per grid cell.

    Args:
        depth: z in [0, 1] on the cut's grid, 0 = nearest, float [h, w].
        photo_shape: Height and width of the photo; the longer side becomes 1.
        camera: `orthographic` (paper) keeps x and y; `perspective` spreads them with distance from a pinhole that
            sees the nearest plane at the photo's own size.
        field_of_view: Degrees along the longer side, for the perspective camera.
        depth_scale: Length of the depth range in units of the longer side.

    Returns:
        The cloud.
    """
    h, w = depth.shape
    extent = np.array(photo_shape, dtype=np.float64) / max(photo_shape)
    y, x = np.meshgrid((np.arange(h) + 0.5) / h * extent[0], (np.arange(w) + 0.5) / w * extent[1], indexing="ij")
    z = depth.astype(np.float64) * depth_scale
    if camera == "perspective":
        focal = 0.5 / np.tan(np.radians(field_of_view) / 2)
        spread = 1.0 + z / focal
        x = (x - extent[1] / 2) * spread + extent[1] / 2
        y = (y - extent[0] / 2) * spread + extent[0] / 2
    return PointCloud(points=np.stack([x, y, z], axis=-1).reshape(-1, 3), grid_shape=(h, w))


def send_to_background(
    cloud: PointCloud, mask: BoolArray, *, background_depth: float, depth_scale: float
) -> PointCloud:
    """Move every point outside the bipartition to the background depth (paper).

    Args:
        cloud: Points of the cut's grid.
        mask: B on that grid, bool [h, w].
        background_depth: In depth ranges; 1 is the farthest plane of the photo.
        depth_scale: As in `back_project`.

    Returns:
        A new cloud.
    """
    points = cloud.points.copy()
    points[~mask.ravel(), 2] = background_depth * depth_scale
    return PointCloud(points=points, grid_shape=cloud.grid_shape)
