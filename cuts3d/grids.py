"""Resampling between the patch grid, the grid of the 3D cut and the photo; shared by all stages."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from scipy import ndimage

from cuts3d.arrays import BoolArray, FloatArray, ImageArray


def fit_longer_side(shape: tuple[int, ...], side: int, *, least: int = 1, enlarge: bool = True) -> tuple[int, int]:
    """Height and width with the same aspect ratio, whose longer side is `side`.

    Args:
        shape: (height, width); further axes are ignored.
        side: Longer side of the result.
        least: Smallest length of the shorter side.
        enlarge: Whether a smaller shape is enlarged; False returns it unchanged.
    """
    h, w, longest = shape[0], shape[1], max(shape[:2])
    if longest <= side and not enlarge:
        return (h, w)
    return (max(least, round(side * h / longest)), max(least, round(side * w / longest)))


def bounding_box(mask: BoolArray) -> tuple[int, int, int, int]:
    """Box (x, y, width, height) around a mask, bool [H, W], in pixels as in COCO; all 0 if the mask is empty."""
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    if not rows.size:
        return (0, 0, 0, 0)
    x, y = int(columns[0]), int(rows[0])
    return (x, y, int(columns[-1]) - x + 1, int(rows[-1]) - y + 1)


def resize_map(values: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    """Bilinear resize of a float map, antialiased when it shrinks.

    Args:
        values: Float [h, w].
        shape: New (height, width).

    Returns:
        float32 [height, width].
    """
    if values.shape == shape:
        return values.astype(np.float32)
    tensor = torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))[None, None]
    shrinks = shape[0] < values.shape[0] or shape[1] < values.shape[1]
    out = F.interpolate(tensor, size=tuple(shape), mode="bilinear", align_corners=False, antialias=shrinks)
    return out[0, 0].numpy()


def sample_map(values: FloatArray, shape: tuple[int, ...]) -> FloatArray:
    """Values at the cell centres of another grid, without interpolation.

    Interpolated depth at an edge of an object would put points between the object and its background.

    Args:
        values: Float [h, w].
        shape: New (height, width).

    Returns:
        float32 [height, width].
    """
    rows, columns = (
        np.minimum((np.arange(new) + 0.5) * old / new, old - 1).astype(int)
        for new, old in zip(shape, values.shape, strict=True)
    )
    return values[np.ix_(rows, columns)].astype(np.float32)


def resize_mask(mask: BoolArray, shape: tuple[int, ...]) -> BoolArray:
    """Resize a mask: smooth edges when it is enlarged, majority vote when it is reduced.

    Args:
        mask: bool [h, w].
        shape: New (height, width).

    Returns:
        bool [height, width].
    """
    return mask.copy() if mask.shape == shape else resize_map(mask.astype(np.float32), shape) >= 0.5


def resize_image(image: ImageArray, shape: tuple[int, int]) -> ImageArray:
    """Antialiased bilinear resize of a uint8 [H, W, 3] photo to (height, width)."""
    if image.shape[:2] == tuple(shape):
        return image
    resized = Image.fromarray(image).resize((shape[1], shape[0]), Image.Resampling.BILINEAR)
    return np.asarray(resized)


def fit_shorter_side(shape: tuple[int, int], short: int, max_side: float) -> tuple[int, int]:
    """Size of a photo after a resize that keeps its aspect ratio.

    Args:
        shape: Old (height, width).
        short: New shorter side.
        max_side: Upper limit of the longer side; it may make the shorter side smaller than `short`.

    Returns:
        New (height, width), each at least 1.
    """
    scale = min(short / min(shape), max_side / max(shape))
    return max(1, round(shape[0] * scale)), max(1, round(shape[1] * scale))


def component_of(mask: BoolArray, position: tuple[int, int]) -> BoolArray:
    """The 4-connected component of a mask that contains a grid position; empty if the position is not in the mask.

    Args:
        mask: bool [h, w].
        position: (row, column).

    Returns:
        bool [h, w].
    """
    labels, _ = ndimage.label(mask)
    label = labels[position]
    return (labels == label) & (label > 0)


def iou(first: BoolArray, second: BoolArray) -> float:
    """Intersection over union of two masks of the same shape, in [0, 1]; 0 if both are empty."""
    union = np.count_nonzero(first | second)
    return np.count_nonzero(first & second) / union if union else 0.0


def remove_small_components(mask: BoolArray, least: float) -> BoolArray:
    """Remove the 4-connected components of at most `least` cells from a mask, bool [h, w]."""
    labels, count = ndimage.label(mask)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    sizes[0] = 0
    return (sizes > least)[labels]
