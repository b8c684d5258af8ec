"""Reading photos: any file format, mode, range and orientation, as a uint8 RGB array and notes on what was done."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cuts3d.errors import InputError
from cuts3d.grids import fit_longer_side
from cuts3d.io.channels import other_kind
from cuts3d.io.limits import MIN_SIDE
from cuts3d.io.pictures import Picture, damaged, picture_from_array, picture_from_file, picture_from_image
from cuts3d.io.transparency import blended, nearly_uniform

ImageInput = str | Path | io.BytesIO | Image.Image | np.ndarray

WORKING_SIDE = 2048  # longer side to which larger photos are reduced, pixels
UNIFORM = "The photo is nearly uniform: it shows next to nothing that could be segmented; check the file."


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Photo:
    """A photo as it was read.

    Attributes:
        pixels: uint8 [H, W, 3], upright.
        full_shape: (height, width) of the upright photo before it was reduced.
        orientation: The EXIF orientation that was applied, 1 to 8; 1 for arrays.
        notes: What was done to it, or what is strange about it, one sentence each; empty for ordinary photos.
    """

    pixels: NDArray[np.uint8]
    full_shape: tuple[int, int]
    orientation: int = 1
    notes: tuple[str, ...] = ()


def read_image(source: ImageInput, *, max_side: int | None = WORKING_SIDE) -> NDArray[np.uint8]:
    """Read a photo as RGB, uint8 [H, W, 3]; see `read_photo`, which also says what was done to it."""
    return read_photo(source, max_side=max_side).pixels


def read_photo(source: ImageInput, *, max_side: int | None = WORKING_SIDE) -> Photo:
    """Read a photo as RGB, with notes.

    The reader follows the file's content, not its suffix. The EXIF orientation is applied. Transparent pixels are
    blended with white, or with grey where white would hide the picture. Values of more than 8 bits are scaled from the
    range that they use (see `levels_of`). Of an animation or a file of several pages the first is taken. Colour
    profiles are not applied.

    Args:
        source: Path, the bytes of a file as a stream, PIL image, or array: boolean, integer or float [H, W],
            [H, W, 1], [H, W, 3] or [H, W, 4] (with transparency).
        max_side: Larger photos are reduced to this longer side in pixels, with a shorter side of at least 8; None keeps
            the size.

    Returns:
        The photo.

    Raises:
        InputError: The file is missing, no photo, damaged, too large or too small, or its colours are not known.
    """
    picture = _picture(source, max_side)
    try:
        pixels, note = _pixels(picture, max_side)
    except InputError:
        raise
    except Exception as error:  # Pillow decodes some files only here
        raise damaged(error) from error
    notes = (*picture.notes, note, UNIFORM if nearly_uniform(pixels) else "")
    return Photo(
        pixels=pixels,
        full_shape=(picture.full_size[1], picture.full_size[0]),
        orientation=picture.orientation,
        notes=tuple(sentence for sentence in notes if sentence),
    )


def _picture(source: ImageInput, max_side: int | None) -> Picture:
    if isinstance(source, str | Path):
        return picture_from_file(Path(source), max_side)
    if isinstance(source, io.BytesIO):
        return picture_from_file(source, max_side)
    if isinstance(source, Image.Image):
        return picture_from_image(source, max_side)
    if isinstance(source, np.ndarray):
        return picture_from_array(source)
    raise InputError(other_kind(source))


def _pixels(picture: Picture, max_side: int | None) -> tuple[NDArray[np.uint8], str]:
    image = _reduced(picture.image, max_side)
    if picture.levels is not None:
        image = Image.fromarray(picture.levels.apply(np.asarray(image)))
    image, note = blended(image)
    return np.array(image, dtype=np.uint8), note


def _reduced(image: Image.Image, max_side: int | None) -> Image.Image:
    if max_side is None or max(image.size) <= max_side:
        return image
    height, width = fit_longer_side((image.height, image.width), max_side, least=MIN_SIDE)
    if image.mode == "P":
        image = image.convert("RGBA")
    return image.resize(
        (width, height), Image.Resampling.BOX if image.mode.startswith("I") else Image.Resampling.LANCZOS
    )
