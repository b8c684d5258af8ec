"""Resampling between patch grid, cut grid and photo, in one place so that all stages agree."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from scipy import ndimage

from cuts3d.arrays import BoolArray, FloatArray, ImageArray


def fit_longer_side(shape: tuple[int, ...], side: int, *, least: int = 1, enlarge: bool = True) -> tuple[int, int]:
    """Height and width of the same proportions whose longer side is `side`.

    Args:
        shape: (height, width), more axes are ignored.
        side: Longer side of the result.
        least: Smallest length of the shorter side.
        enlarge: False keeps a shape whose longer side is `side` or less.
    """
    h, w, longest = shape[0], shape[1], max(shape[:2])
    if longest <= side and not enlarge:
        return (h, w)
    return (max(least, round(side * h / longest)), max(least, round(side * w / longest)))


def bounding_box(mask: BoolArray) -> tuple[int, int, int, int]:
    """Box (x, y, width, height) around a mask, bool [H, W], in pixels as in COCO; all 0 where the mask is empty."""
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
    """Values at the cell centres of another grid, unmixed: depth averaged over an edge would put points in mid-air.

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
    """Resize a mask: smooth edges when it grows, majority vote when it shrinks.

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
    """The size of a photo after a resize that keeps its aspect ratio.

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
    """The 4-connected part of a mask that holds a grid position; empty where the mask does not.

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
    """Intersection over union of two masks of one shape; 0 where both are empty."""
    union = np.count_nonzero(first | second)
    return np.count_nonzero(first & second) / union if union else 0.0


def remove_small_components(mask: BoolArray, least: float) -> BoolArray:
    """A mask without its 4-connected parts of at most `least` cells; bool [h, w] to the same."""
    labels, count = ndimage.label(mask)
    sizes = np.bincount(labels.ravel(), minlength=count + 1)
    sizes[0] = 0
    return (sizes > least)[labels]
