"""EXIF orientation: how a stored picture is turned to be seen upright."""

from __future__ import annotations

from typing import Any

import numpy as np
from PIL import Image

TAG = 0x0112
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
SIDEWAYS = (5, 6, 7, 8)  # width and height are exchanged


def known_orientation(value: Any) -> int:
    """An EXIF orientation from 1 to 8; 1 if the value is none."""
    return value if isinstance(value, int) and value in TURNS else 1


def orientation_of(image: Image.Image) -> int:
    """The EXIF orientation of a picture that Pillow has opened and not yet loaded; 1 if it has none."""
    try:
        return known_orientation(image.getexif().get(TAG))
    except Exception:  # with damaged EXIF data the photo is still usable
        return 1


def upright(image: Image.Image, orientation: int) -> Image.Image:
    """A stored picture as it is seen."""
    return image.transpose(TURNS[orientation]) if orientation in TURNS else image


def upright_map(values: np.ndarray, orientation: int) -> np.ndarray:
    """A stored map [H, W] or [H, W, C] as it is seen, by the same turns."""
    if orientation in SIDEWAYS:
        values = values.swapaxes(0, 1)  # then 6 and 8 differ from 5 by a mirror each
    flips = {2: (1, -1), 3: (-1, -1), 4: (-1, 1), 6: (1, -1), 7: (-1, -1), 8: (-1, 1)}
    rows, columns = flips.get(orientation, (1, 1))
    return values[::rows, ::columns]
