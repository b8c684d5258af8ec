"""Outlines of masks as SVG paths, and where the number of a mask is written."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from PIL import Image
from scipy.ndimage import distance_transform_edt
from skimage.measure import find_contours

from cuts3d.arrays import BoolArray, FloatArray
from cuts3d.grids import bounding_box

OUTLINE_SIDE = 480  # longer side of the photo at which outlines are traced, pixels
DETAIL_SIDE = 120  # a reduced mask keeps at least so many pixels along its longer side, if it has them
LABEL_SIDE = 96  # longer side of the crop in which the position of the number is searched
TOLERANCE = 0.5  # largest distance of an outline from the traced one, pixels of the reduced mask


@dataclass(frozen=True, slots=True)
class Outline:
    """What is drawn of a mask; computed once for a mask that is drawn many times.

    Attributes:
        path: The rings of `outline_path`; empty for an empty mask.
        spot: Position (x, y) of its number, in fractions of the width and height.
        area: Number of pixels.
    """

    path: str
    spot: tuple[float, float]
    area: int


def outlined(mask: BoolArray) -> Outline:
    """What `mask_view` draws of a mask, bool [H, W]."""
    if not mask.any():
        return Outline("", (0.0, 0.0), 0)
    return Outline(outline_path(mask), inner_point(mask), int(np.count_nonzero(mask)))


def outline_path(mask: BoolArray) -> str:
    """Outlines of a mask as the `d` of an SVG path, photo pixels, for fill-rule evenodd; holes are kept.

    Args:
        mask: bool [H, W].

    Returns:
        Closed rings; empty for an empty mask.
    """
    if not mask.any():
        return ""
    top, left, crop = _crop(mask)
    factor = max(1, int(min(max(mask.shape) / OUTLINE_SIDE, max(crop.shape) / DETAIL_SIDE)))
    rings = _trace(_cover(crop, factor))
    if not rings and factor > 1:  # everything is thinner than half a reduced pixel
        factor, rings = 1, _trace(_cover(crop, 1))
    corner, limit = np.array([top, left]), np.array(crop.shape)
    return "".join(_ring(corner + np.minimum(ring * factor, limit)) for ring in rings)


def inner_point(mask: BoolArray) -> tuple[float, float]:
    """A point far inside a mask that is not empty: (x, y) in fractions of the width and height."""
    top, left, crop = _crop(mask)
    step = max(1, -(-max(crop.shape) // LABEL_SIDE))
    small = crop[step // 2 :: step, step // 2 :: step]
    if not small.any():
        small, step = crop, 1
    depth = np.asarray(distance_transform_edt(np.pad(small, 1)))[1:-1, 1:-1]
    row, column = np.unravel_index(int(depth.argmax()), depth.shape)
    y, x = (int(i) * step + step // 2 + 0.5 for i in (row, column))
    return (left + x) / mask.shape[1], (top + y) / mask.shape[0]


def _crop(mask: BoolArray) -> tuple[int, int, BoolArray]:
    left, top, width, height = bounding_box(mask)
    return top, left, mask[top : top + height, left : left + width]


def _cover(mask: BoolArray, factor: int) -> FloatArray:
    """Covered fraction of each factor × factor block, float32 in [0, 1], with a border of zeros."""
    image = Image.fromarray(np.ascontiguousarray(mask).view(np.uint8) * np.uint8(255))
    return np.pad(np.asarray(image.reduce(factor), dtype=np.float32) / 255.0, 1)


def _trace(cover: FloatArray) -> list[FloatArray]:
    """Simplified rings round the blocks that are at least half covered; float64 [m, 2] each: (row, column) of edges."""
    rings = find_contours(cover, 0.5)
    if not rings:
        return []
    points = np.concatenate(rings)
    starts = np.cumsum([0, *(len(r) for r in rings)])
    kept = simplify(points, starts)
    simple = [points[kept[(kept >= a) & (kept < b)]] for a, b in pairwise(starts)]
    return [ring - 0.5 for ring in simple]  # the border shifts by one pixel, pixel centres shift half a pixel back


def simplify(points: FloatArray, starts: np.ndarray, tolerance: float = TOLERANCE) -> np.ndarray:
    """Ramer, Douglas and Peucker's simplification of all rings at once, one level of the recursion at a time.

    scikit-image's `approximate_polygon` loops over segments in Python and takes ten times as long.

    Args:
        points: Closed rings one after another, float64 [n, 2]; the last point of each equals its first.
        starts: First point of each ring, and n; int [rings + 1].
        tolerance: Largest distance from the old line to the new one.

    Returns:
        Indices of the points that are kept, ascending.
    """
    first, last = starts[:-1], starts[1:] - 1
    ring = np.repeat(np.arange(len(first)), np.diff(starts))
    from_start = ((points - points[first][ring]) ** 2).sum(axis=1)
    far = _first_of_each(from_start, first, ring)
    kept = np.unique(np.concatenate([first, far, last]))
    while True:
        segment = np.repeat(np.arange(len(kept) - 1), np.diff(kept))
        begin = points[kept[:-1]]
        chord = points[kept[1:]] - begin
        chord /= np.maximum(np.hypot(chord[:, 0], chord[:, 1]), 1e-9)[:, None]
        offset, direction = points[: len(segment)] - begin[segment], chord[segment]
        distance = np.abs(direction[:, 0] * offset[:, 1] - direction[:, 1] * offset[:, 0])
        worst = _first_of_each(distance, kept[:-1], segment)
        worst = worst[distance[worst] > tolerance]
        if not worst.size:
            return kept
        kept = np.sort(np.concatenate([kept, worst]))


def _first_of_each(values: FloatArray, starts: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Index of the first maximum of each group of consecutive values."""
    largest = np.flatnonzero(values == np.maximum.reduceat(values, starts)[group])
    return largest[np.unique(group[largest], return_index=True)[1]]


def _ring(points: FloatArray) -> str:
    spots = " ".join(f"{x:.7g},{y:.7g}" for y, x in points[:-1].round(1).tolist())
    return f"M{spots}Z"
