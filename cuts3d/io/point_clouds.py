"""The dense point cloud of a photo: what the files of points, the surface and Open3D's window show."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cuts3d.arrays import FloatArray, ImageArray, IntArray
from cuts3d.grids import fit_longer_side, resize_image, resize_map, resize_mask
from cuts3d.method.point_cloud import photo_cloud
from cuts3d.types import Segmentation

CLOUD_SIDE = 240  # points along the longer side of an exported cloud
UPWARDS = np.array([1.0, -1.0, -1.0])  # from x right, y down, z away to x right, y up, z towards the viewer


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class DenseCloud:
    """One point for each pixel of the reduced photo, row by row; x right, y up, z towards the viewer.

    Attributes:
        points: Positions, float64 [h*w, 3], in units of the longer image side.
        colours: uint8 [h*w, 3].
        labels: int32 [h*w]: 0 none, i + 1 the i-th instance.
        confidence: Spatial confidence of the instance at that point, float32 [h*w] in [0, 1]; 1 outside of all.
        grid_shape: Grid (h, w).
        eye: Position of the camera, float64 [3]; None: it looks along −z from everywhere (orthographic).
    """

    points: FloatArray
    colours: ImageArray
    labels: IntArray
    confidence: FloatArray
    grid_shape: tuple[int, int]
    eye: FloatArray | None


def dense_cloud(result: Segmentation, *, side: int = CLOUD_SIDE) -> DenseCloud:
    """The cloud of a result, with natural proportions: `depth_scale` is made for cutting and is not applied.

    Args:
        result: What was found in the photo.
        side: Points along the longer side.
    """
    h, w = result.image.shape[:2]
    shape = fit_longer_side((h, w), side)
    cloud = photo_cloud(result.depth, (h, w), shape, result.config.cloud, depth_scale=1.0)
    labels, confidence = np.zeros(shape, dtype=np.int32), np.ones(shape, dtype=np.float32)
    for index, instance in result.back_to_front:
        inside = resize_mask(instance.mask, shape)
        labels[inside] = index
        confidence[inside] = np.clip(resize_map(instance.coarse_confidence, shape)[inside], 0.0, 1.0)
    return DenseCloud(
        points=cloud.points * UPWARDS,
        colours=resize_image(result.image, shape).reshape(-1, 3),
        labels=labels.ravel(),
        confidence=confidence.ravel(),
        grid_shape=shape,
        eye=None if cloud.eye is None else cloud.eye * UPWARDS,
    )
