"""The point cloud of a photo, sent once per photo: colours, depth and camera."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from cuts3d.arrays import FloatArray, ImageArray
from cuts3d.grids import fit_longer_side, resize_image, resize_map, sample_map
from ui.viewer.packing import packed, unpacked, webp_uri

CLOUD_SIDE = 480  # points along the longer side; at most 230,400 in all
SMOOTH_STEP = 0.05  # a smaller step between neighbouring depths is a surface: depth is interpolated there


def base_payload(
    image: ImageArray,
    z: FloatArray,
    *,
    camera: Literal["orthographic", "perspective"] = "orthographic",
    field_of_view: float = 55.0,
    photo_id: str,
) -> dict[str, Any]:
    """What is sent once per photo: depth, colours and the photo's camera.

    Args:
        image: The photo, uint8 [H, W, 3].
        z: Float [h, w] in [0, 1], 0 = nearest, as `normalise_depth` gives it.
        camera: How depth becomes points (`CloudConfig.camera`).
        field_of_view: Degrees along the longer side, for the perspective camera.
        photo_id: Changes with the photo, its depth or its camera. The viewer reloads the cloud only when it changes.

    Returns:
        JSON for the `base` prop.
    """
    shape = cloud_shape((image.shape[0], image.shape[1]))
    depth = np.rint(np.clip(dense_depth(z, shape), 0.0, 1.0) * 65535).astype(np.uint16)
    return {
        "id": photo_id,
        "shape": list(shape),
        "depth": encode_depth(depth),
        "photo": webp_uri(resize_image(image, shape)),
        "camera": camera,
        "field_of_view": field_of_view,
    }


def cloud_shape(photo_shape: tuple[int, int]) -> tuple[int, int]:
    """Rows and columns of a photo's cloud: the photo's own, reduced to at most `CLOUD_SIDE` along the longer side."""
    return fit_longer_side(photo_shape, CLOUD_SIDE, enlarge=False)


def dense_depth(z: FloatArray, shape: tuple[int, int]) -> FloatArray:
    """Depth on the cloud's grid: unmixed at edges, smooth on surfaces where the depth map is coarser than the cloud.

    Args:
        z: Float [h, w] in [0, 1].
        shape: New (height, width).

    Returns:
        float32 of `shape`.
    """
    z = np.nan_to_num(z, nan=1.0)
    nearest = sample_map(z, shape)
    if z.shape[0] >= shape[0] and z.shape[1] >= shape[1]:
        return nearest
    step = ndimage.maximum_filter(z, 3, mode="nearest") - ndimage.minimum_filter(z, 3, mode="nearest")
    return np.where(sample_map(step, shape) < SMOOTH_STEP, resize_map(z, shape), nearest)


def encode_depth(depth: NDArray[np.uint16]) -> str:
    """Pack uint16 [H, W]: differences along rows, high bytes, then low bytes, zlib, base64."""
    step = np.diff(depth, axis=1, prepend=np.uint16(0))  # wraps around, as the reader's sum does
    planes = np.concatenate([(step >> 8).ravel(), (step & 255).ravel()]).astype(np.uint8)
    return packed(planes)


def decode_depth(text: str, shape: tuple[int, int]) -> NDArray[np.uint16]:
    """The inverse of `encode_depth`, as the viewer does it; uint16 of `shape`."""
    planes = unpacked(text).reshape(2, *shape)
    step = (planes[0].astype(np.uint16) << 8) | planes[1]
    return np.cumsum(step, axis=1, dtype=np.uint16)
