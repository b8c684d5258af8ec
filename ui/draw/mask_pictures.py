"""Masks over the photo, in the colours of their numbers."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cuts3d.arrays import BoolArray, IntArray
from cuts3d.figures.colours import instance_rgb
from cuts3d.grids import fit_longer_side, resize_mask
from cuts3d.types import Segmentation
from ui.draw.outlines import inner_point
from ui.draw.picture import Label, Picture

OUTSIDE = (13, 17, 26, 110)  # RGBA that darkens the photo outside the masks
SIDE = 480  # longer side of a label map, pixels


def instances_picture(result: Segmentation) -> Picture:
    """The photo with the masks of a result."""
    count = len(result.instances)
    return masks_picture(label_map(result), f"The photo with {count} mask{'s' if count != 1 else ''}")


def before_crf_picture(coarse: Segmentation, final: Segmentation) -> Picture:
    """The photo with the masks before the CRF of those instances that the final result kept, with their final numbers.

    Args:
        coarse: The result before the CRF.
        final: The result after it.
    """
    by_cut = {instance.number: instance for instance in coarse.instances}
    kept = tuple(by_cut.get(instance.number, instance) for instance in final.instances)
    return instances_picture(replace(coarse, instances=kept))


def label_map(result: Segmentation, side: int = SIDE) -> IntArray:
    """Number of the instance at every pixel of the photo, reduced to at most `side`; 0 is none; uint8 [h, w]."""
    shape = fit_longer_side(result.image.shape, side, enlarge=False)
    labels = np.zeros(shape, dtype=np.uint8)
    for number, instance in result.back_to_front:
        labels[resize_mask(instance.mask, shape)] = number
    return labels


def masks_picture(labels: IntArray, alt: str) -> Picture:
    """Masks in their colours over the photo, each with its number.

    Args:
        labels: Number of the instance at every pixel, 0 is none; int [h, w].
        alt: Text alternative for screen readers.
    """
    numbers = range(1, int(labels.max()) + 1)
    table = np.array([OUTSIDE, *((*instance_rgb(number - 1), 150) for number in numbers)], dtype=np.uint8)
    shown = [(number, labels == number) for number in numbers]
    marks = tuple(_label(number, mask) for number, mask in shown if mask.any())
    return Picture(alt=alt, photo=True, pixels=table[labels], labels=marks)


def _label(number: int, mask: BoolArray) -> Label:
    x, y = inner_point(mask)
    return Label(y, x, str(number), instance_rgb(number - 1))
