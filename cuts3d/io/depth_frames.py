"""Whether a depth map shows the frame of the photo: its aspect ratio, and the photo's EXIF orientation."""

from __future__ import annotations

import numpy as np

from cuts3d.errors import InputError
from cuts3d.io.orientation import SIDEWAYS, upright_map

TOLERANCE = 0.97  # of the aspect ratio; rounding of small maps


def in_photo_frame(
    values: np.ndarray, name: str, photo_shape: tuple[int, int], orientation: int
) -> tuple[np.ndarray, str]:
    """The depth map as the photo is seen, and a note if it had to be turned or if that cannot be known.

    Args:
        values: The depth map [H', W', ...].
        name: What it is called in messages.
        photo_shape: (H, W) of the photo as it is seen.
        orientation: EXIF orientation that was applied to the photo, 1 to 8.

    Raises:
        InputError: Its aspect ratio is neither that of the photo as seen nor that of the photo as stored.
    """
    rows, columns = values.shape[:2]
    stored = (photo_shape[1], photo_shape[0]) if orientation in SIDEWAYS else photo_shape
    seen = _same_aspect((rows, columns), photo_shape)
    if seen and orientation != 1 and _same_aspect((rows, columns), stored):
        return values, (
            f"The photo is turned by its EXIF orientation ({orientation}); your {name} was taken to be turned already."
        )
    if seen:
        return values, ""
    if orientation in SIDEWAYS and _same_aspect((rows, columns), stored):
        return upright_map(values, orientation), (
            f"Your {name} has the frame of the stored photo; it was turned like the photo, by EXIF orientation "
            f"{orientation}."
        )
    hint = "; it would fit if it were turned by 90°" if _same_aspect((columns, rows), photo_shape) else ""
    raise InputError(
        f"Your {name} is {columns}×{rows} and the photo {photo_shape[1]}×{photo_shape[0]}: "
        f"their aspect ratios differ, so they cannot show the same scene{hint}."
    )


def _same_aspect(shape: tuple[int, int], other: tuple[int, int]) -> bool:
    return TOLERANCE < (shape[0] / shape[1]) / (other[0] / other[1]) < 1 / TOLERANCE
