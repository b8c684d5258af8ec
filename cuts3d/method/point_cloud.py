"""Points from depth (method 1.5, steps 2 and 3): one point (u, v, s·z) per cell of the grid."""

from __future__ import annotations

import dataclasses
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
    """Point cloud of a photo from any depth map: first `depth_range`, then `back_project`.

    Args:
        depth: The depth map.
        photo_shape: Height and width of the photo.
        grid_shape: Grid (h, w); each cell gives one point, at its centre.
        options: Clipping, camera, field of view and depth scale.
        depth_scale: Overrides that of the options, for a cloud that is only displayed.

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
    """One point (u, v, s·z) per grid cell (method 1.5, step 2).

    Args:
        depth: z in [0, 1] on the grid of the 3D cut, 0 = nearest, float [h, w].
        photo_shape: Height and width of the photo; the longer side becomes 1.
        camera: `orthographic` (paper) keeps u and v. `perspective` (ours) multiplies their distance from the image
            centre by 1 + s·z / f, with the focal length f of a pinhole camera; points at z = 0 do not move.
        field_of_view: Degrees along the longer image side, for the perspective camera.
        depth_scale: s, length of the depth range in units of the longer image side.

    Returns:
        The cloud.
    """
    h, w = depth.shape
    extent = np.array(photo_shape, dtype=np.float64) / max(photo_shape)
    y, x = np.meshgrid((np.arange(h) + 0.5) / h * extent[0], (np.arange(w) + 0.5) / w * extent[1], indexing="ij")
    z = depth.astype(np.float64) * depth_scale
    eye = None
    if camera == "perspective":
        focal = 0.5 / np.tan(np.radians(field_of_view) / 2)
        eye = np.array([extent[1] / 2, extent[0] / 2, -focal])
        spread = 1.0 + z / focal
        x = (x - extent[1] / 2) * spread + extent[1] / 2
        y = (y - extent[0] / 2) * spread + extent[0] / 2
    return PointCloud(points=np.stack([x, y, z], axis=-1).reshape(-1, 3), grid_shape=(h, w), eye=eye)


def send_to_background(
    cloud: PointCloud, mask: BoolArray, *, background_depth: float, depth_scale: float
) -> PointCloud:
    """Move every point outside the bipartition to the background depth (paper; method 1.5, step 3).

    Args:
        cloud: Points on the grid of the 3D cut.
        mask: B on that grid, bool [h, w].
        background_depth: New depth in units of the depth range; 1 is the farthest depth of the photo.
        depth_scale: s, as in `back_project`.

    Returns:
        A new cloud.
    """
    points = cloud.points.copy()
    points[~mask.ravel(), 2] = background_depth * depth_scale
    return dataclasses.replace(cloud, points=points)
