"""The dense point cloud of a photo, and PLY files."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from cuts3d.arrays import FloatArray, ImageArray, IntArray
from cuts3d.config import CutS3DConfig
from cuts3d.grids import fit_longer_side, resize_image, resize_mask
from cuts3d.io.files import write_atomically
from cuts3d.method.point_cloud import photo_cloud
from cuts3d.types import Segmentation

CLOUD_SIDE = 240  # points along the longer side of an exported cloud


def dense_cloud(
    result: Segmentation, config: CutS3DConfig, *, side: int = CLOUD_SIDE
) -> tuple[FloatArray, ImageArray, IntArray]:
    """One point for each pixel of the reduced photo, with y up and z towards the viewer, as 3D viewers expect.

    Args:
        result: What was found in the photo.
        config: Its parameters; those of the point cloud are used.
        side: Points along the longer side.

    Returns:
        Positions float64 [n, 3], colours uint8 [n, 3], and labels int32 [n]: 0 none, i + 1 the i-th instance.
    """
    h, w = result.image.shape[:2]
    shape = fit_longer_side((h, w), side)
    # the depth scale of the method is made for cutting; for viewing, natural proportions are kept
    cloud = photo_cloud(result.depth, (h, w), shape, config.cloud, depth_scale=1.0)
    labels = np.zeros(shape, dtype=np.int32)
    for index, instance in result.back_to_front:
        labels[resize_mask(instance.mask, shape)] = index
    points = cloud.points * np.array([1.0, -1.0, -1.0])
    return points, resize_image(result.image, shape).reshape(-1, 3), labels.ravel()


def write_ply(path: Path, points: FloatArray, colours: ImageArray, labels: IntArray) -> None:
    """Write a binary PLY file with x, y, z, red, green, blue and the integer property `label` (0 none), atomically."""
    fields = [
        ("x", "<f4"),
        ("y", "<f4"),
        ("z", "<f4"),
        ("red", "u1"),
        ("green", "u1"),
        ("blue", "u1"),
        ("label", "<i4"),
    ]
    vertices = np.empty(len(points), dtype=fields)
    for axis, name in enumerate("xyz"):
        vertices[name] = points[:, axis]
    for channel, name in enumerate(("red", "green", "blue")):
        vertices[name] = colours[:, channel]
    vertices["label"] = labels
    types = {"<f4": "float", "u1": "uchar", "<i4": "int"}
    header = ["ply", "format binary_little_endian 1.0", f"element vertex {len(points)}"]
    header += [f"property {types[kind]} {name}" for name, kind in fields]
    content = "\n".join([*header, "end_header\n"]).encode("ascii") + vertices.tobytes()
    write_atomically(path, lambda temporary: temporary.write_bytes(content))
