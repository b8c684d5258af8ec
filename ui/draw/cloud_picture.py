"""A small still picture of the point cloud, for the overview. The 3D tab has the viewer that can be moved."""

from __future__ import annotations

import numpy as np

from cuts3d.arrays import BoolArray, FloatArray, ImageArray
from cuts3d.grids import fit_longer_side, resize_image, resize_mask, sample_map
from ui.draw.picture import Picture

POINTS_SIDE = 150
WIDTH = 360
YAW, PITCH = np.radians(32.0), np.radians(18.0)
DEPTH_STRETCH = 0.85


def cloud_picture(
    image: ImageArray, z: FloatArray, mask: BoolArray | None, region: BoolArray | None, colour: ImageArray
) -> Picture:
    """The cloud seen from the side: the cut-out part in colour, the rest of B as in the photo, everything else dimmed.

    Args:
        image: uint8 [H, W, 3].
        z: Depth in [0, 1], 0 = nearest, float [h', w'].
        mask: Source side of the cut, bool [h, w]; None: no cut yet.
        region: B, bool [h, w].
        colour: Colour of the cut-out part, uint8 [3].
    """
    h, w = image.shape[:2]
    shape = fit_longer_side((h, w), POINTS_SIDE)
    colours = resize_image(image, shape).reshape(-1, 3).astype(np.float32)
    if region is not None and mask is not None:
        cut, inside = resize_mask(mask, shape).ravel(), resize_mask(region, shape).ravel()
        colours[cut] = 0.35 * colours[cut] + 0.65 * colour
        colours[~inside & ~cut] *= 0.42
    positions = _project(sample_map(z, shape), (h, w))
    pixels = _paint(*positions, colours, (h, w))
    return Picture(alt="The photo as a point cloud, the cut-out part in colour", pixels=pixels, smooth=True)


def _project(z: FloatArray, photo_shape: tuple[int, int]) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Right, down and away of every point in the turned view; centred, in lengths of the longer image side."""
    h, w = z.shape
    extent = np.array(photo_shape) / max(photo_shape)
    y, x = np.meshgrid(np.linspace(-0.5, 0.5, h) * extent[0], np.linspace(-0.5, 0.5, w) * extent[1], indexing="ij")
    away = (z - 0.5) * DEPTH_STRETCH
    right = x * np.cos(YAW) + away * np.sin(YAW)
    back = -x * np.sin(YAW) + away * np.cos(YAW)
    down = y * np.cos(PITCH) - back * np.sin(PITCH)
    return right.ravel(), down.ravel(), (y * np.sin(PITCH) + back * np.cos(PITCH)).ravel()


def _paint(
    right: FloatArray, down: FloatArray, away: FloatArray, colours: FloatArray, photo_shape: tuple[int, int]
) -> ImageArray:
    """Paint the points, far ones first; uint8 [h, w, 4] with the photo's proportions."""
    height, width = fit_longer_side(photo_shape, WIDTH)
    scale = 0.94 * min(width / max(float(np.ptp(right)), 1e-9), height / max(float(np.ptp(down)), 1e-9))
    columns = (right - (right.max() + right.min()) / 2) * scale + width / 2
    rows = (down - (down.max() + down.min()) / 2) * scale + height / 2
    canvas = np.zeros((height, width, 4), dtype=np.uint8)
    order = np.argsort(-away, kind="stable")
    painted = np.column_stack([colours, np.full(len(colours), 255)]).astype(np.uint8)[order]
    reach = np.arange(max(2, round(scale / POINTS_SIDE * 1.4)))
    y = np.clip(rows[order, None, None] + reach[:, None], 0, height - 1).astype(int)
    x = np.clip(columns[order, None, None] + reach, 0, width - 1).astype(int)
    canvas[y, x] = painted[:, None, None]
    return canvas
