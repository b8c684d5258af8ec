"""Masks drawn over the photo, in colours that colour-blind readers can distinguish."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from scipy import ndimage

from cuts3d.arrays import BoolArray, ImageArray, IntArray
from cuts3d.types import Segmentation

# first the colours of Okabe and Ito, which colour-blind readers can distinguish, then lighter and darker ones
PALETTE = np.array(
    [
        [230, 159, 0], [86, 180, 233], [0, 158, 115], [240, 228, 66], [0, 114, 178], [213, 94, 0], [204, 121, 167],
        [148, 103, 189], [140, 86, 75], [127, 201, 127], [190, 174, 212], [253, 192, 134], [102, 194, 165],
    ],
    dtype=np.uint8,
)  # fmt: skip


def instance_colour(index: int) -> ImageArray:
    """Colour of the instance with this index, from 0; uint8 [3]."""
    return PALETTE[index % len(PALETTE)]


def label_map(result: Segmentation) -> IntArray:
    """The instance of each pixel, int32 [H, W]: 0 none, i + 1 the i-th instance."""
    labels = np.zeros(result.image.shape[:2], dtype=np.int32)
    for index, instance in result.back_to_front:
        labels[instance.mask] = index
    return labels


def draw_overlay(result: Segmentation, *, opacity: float = 0.5) -> ImageArray:
    """The photo with its masks, filled and with a solid outline.

    Args:
        result: What was found.
        opacity: Opacity of the fill, in [0, 1].

    Returns:
        uint8 [H, W, 3].
    """
    masks = [(number - 1, instance.mask) for number, instance in result.back_to_front]
    return draw_masks(result.image, masks, opacity=opacity)


def draw_masks(image: ImageArray, masks: Iterable[tuple[int, BoolArray]], *, opacity: float = 0.5) -> ImageArray:
    """A photo with masks drawn over it, filled and with a solid outline.

    Args:
        image: uint8 [H, W, 3].
        masks: Pairs of a colour index, from 0, and a mask, bool [H, W]; later masks cover earlier ones.
        opacity: Opacity of the fill, in [0, 1].

    Returns:
        uint8 [H, W, 3].
    """
    out = image.copy()
    width = max(1, round(max(out.shape[:2]) / 320))
    for number, mask in masks:
        colour = instance_colour(number).astype(np.float32)
        out[mask] = (out[mask] * (1 - opacity) + colour * opacity).astype(np.uint8)
        out[outline(mask, width)] = colour
    return out


def outline(mask: BoolArray, width: int = 1) -> BoolArray:
    """The inner border of a mask, `width` pixels; bool [H, W]."""
    inner = mask
    for axis in (0, 1):  # separable erosion by a square; its cost does not grow with the width
        inner = ndimage.minimum_filter1d(inner.view(np.uint8), 2 * width + 1, axis=axis, mode="constant")
    return mask & (inner == 0)
