"""Masks as polygons: traced by supervision, one polygon a part, joined where a format takes one polygon an object.

Vertices are the outermost pixels of a part, as in OpenCV: filled with their border, they give the pixels back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import ndimage
from scipy.spatial.distance import cdist

from cuts3d.arrays import BoolArray, IntArray
from cuts3d.formats.labels import LabelledObject
from cuts3d.formats.losses import Losses
from cuts3d.formats.packages import needed
from cuts3d.grids import bounding_box
from cuts3d.io.coco import decode_rle

EIGHT = np.ones((3, 3), dtype=bool)  # parts that touch at a corner are one, as supervision's tracing has it


@dataclass(frozen=True, slots=True)
class Outline:
    """A mask as polygons.

    Attributes:
        parts: One polygon a part, the largest first, int64 [n, 2] pixels (x, y); a hole is joined to the polygon around
            it by a seam.
        bridged: Whether there is such a seam.
        filled: Whether holes were lost, because no seam was found.
        dropped: Number of parts that are too thin for a polygon.
        boxed: Whether no part has a polygon, so that there is the box of the mask instead.
    """

    parts: list[IntArray]
    bridged: bool
    filled: bool
    dropped: int
    boxed: bool


def outline(mask: BoolArray) -> Outline:
    """Trace a mask, bool [H, W], that is not empty.

    Raises:
        ConfigError: supervision is not installed.
    """
    trace = needed("supervision.dataset.utils", "Polygons").approximate_mask_with_polygons
    x, y, w, h = bounding_box(mask)
    crop = np.ascontiguousarray(mask[y : y + h, x : x + w])
    whole = ndimage.binary_fill_holes(crop)
    holes, filled = bool((whole != crop).any()), False
    try:
        found = trace(crop, bridge_holes=True)
    except ValueError:  # no seam
        found, filled = trace(whole), True
    parts: list[IntArray] = [np.asarray(part, dtype=np.int64) + np.array((x, y)) for part in found]
    count = ndimage.label(crop, structure=EIGHT)[1]
    if not parts:
        corners = [[x, y], [x + w - 1, y], [x + w - 1, y + h - 1], [x, y + h - 1]]
        return Outline([np.array(corners, dtype=np.int64)], False, False, 0, True)
    parts.sort(key=lambda part: -float(np.ptp(part[:, 0]) * np.ptp(part[:, 1])))
    return Outline(parts, holes and not filled, filled, max(0, count - len(parts)), False)


def object_outline(one: LabelledObject, losses: Losses) -> list[IntArray]:
    """The polygons of an object, one a part; what is lost is counted. Of a box without a mask: its four corners."""
    if one.mask is None:
        losses.add("box_polygons")
        x, y, w, h = (round(value) for value in one.box)
        right, bottom = x + max(1, w) - 1, y + max(1, h) - 1
        return [np.array([[x, y], [right, y], [right, bottom], [x, bottom]], dtype=np.int64)]
    found = outline(decode_rle(one.mask))
    for kind in ("bridged", "filled", "boxed"):
        losses.add(kind, int(getattr(found, kind)))
    losses.add("dropped", int(bool(found.dropped)))
    return found.parts


def joined(parts: list[IntArray]) -> IntArray:
    """Polygons as one: each further one, the nearest first, is reached by a line forth and back.

    Args:
        parts: int64 [n, 2] each, at least one.

    Returns:
        int64 [m, 2].
    """
    whole, rest = parts[0], list(parts[1:])
    while rest:
        links: list[tuple[float, int, int, int]] = []
        for number, part in enumerate(rest):
            distances = cdist(whole, part)
            here, there = np.unravel_index(int(distances.argmin()), distances.shape)
            links.append((float(distances[here, there]), number, int(here), int(there)))
        _, number, here, there = min(links)
        part: Any = rest.pop(number)
        around = np.concatenate([part[there:], part[: there + 1]])
        whole = np.concatenate([whole[: here + 1], around, whole[here:]])
    return whole
