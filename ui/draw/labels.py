"""Masks of a result as one picture, in the colours of their numbers."""

from __future__ import annotations

import numpy as np

from cuts3d.arrays import IntArray
from cuts3d.grids import resize_mask
from cuts3d.types import Segmentation
from ui.draw.pictures import Picture, masks_picture

SIDE = 480


def numbers_on(result: Segmentation) -> Picture:
    """The photo with its masks in colour."""
    count = len(result.instances)
    return masks_picture(number_map(result), f"The photo with {count} mask{'s' if count != 1 else ''}")


def number_map(result: Segmentation, side: int = SIDE) -> IntArray:
    """Number of the instance at every pixel of the reduced photo, 0 none; uint8 [h, w]."""
    h, w = result.image.shape[:2]
    scale = min(1.0, side / max(h, w))
    shape = (max(1, round(h * scale)), max(1, round(w * scale)))
    labels = np.zeros(shape, dtype=np.uint8)
    for _, instance in result.back_to_front:
        labels[resize_mask(instance.mask, shape)] = instance.number
    return labels
