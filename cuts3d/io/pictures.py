"""Decoding photos: from a file, a Pillow image or an array to an upright picture and notes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from cuts3d.errors import InputError
from cuts3d.io.channels import bands_note, picture_of_array, picture_of_samples
from cuts3d.io.levels import Levels, levels_of
from cuts3d.io.limits import DRAWINGS, MAX_PIXELS, check_size
from cuts3d.io.orientation import SIDEWAYS, orientation_of, upright
from cuts3d.io.photo_files import deep_png, first_bytes, frames_note, is_dark, name_of, open_picture, rewound
from cuts3d.io.signatures import ImageFile, is_deep_colour_png, is_tiff
from cuts3d.io.tiff import RGB, SIGNED, Layout, layout_of, layout_of_image, read_samples, refuse_raw

NUMBERS = ("I;16", "I;16B", "I;16L", "I;16N", "I")  # modes of whole numbers of more than 8 bits


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Picture:
    """A decoded photo.

    Attributes:
        image: Upright; of a mode of 8 bits, or one of `NUMBERS`. A large JPEG is already reduced.
        full_size: (width, height) of the upright photo.
        levels: The range of the values of `NUMBERS`.
        orientation: The EXIF orientation that was applied.
        notes: One sentence each; some may be empty.
    """

    image: Image.Image
    full_size: tuple[int, int]
    levels: Levels | None = None
    orientation: int = 1
    notes: tuple[str, ...] = ()


def picture_from_array(array: np.ndarray) -> Picture:
    """The picture of an array; see `picture_of_array`.

    Raises:
        InputError: It is no photo.
    """
    image, notes = picture_of_array(array)
    check_size(image.size, "The photo")
    return Picture(image=image, full_size=image.size, notes=notes)


def picture_from_file(source: ImageFile, max_side: int | None) -> Picture:
    """The picture in a file: by tifffile where Pillow would misread it, else by Pillow.

    Args:
        source: The file, or its bytes.
        max_side: A JPEG that is larger than this is decoded at a lower resolution that is still larger.

    Raises:
        InputError: It cannot be read.
    """
    head, name = first_bytes(source), name_of(source)
    layout = layout_of(source) if is_tiff(head) else None
    refuse_raw(layout, name)
    if layout is not None and layout.misread:
        return _from_samples(source, layout, name)
    with open_picture(rewound(source), head) as image:
        note = frames_note(image)
        found = picture_from_pillow(image, max_side, name=name, layout=layout)
        found = replace(found, notes=(*found.notes, note))
        deep = (layout is not None and layout.bits == 16) or is_deep_colour_png(head)
        if not (deep and is_dark(found.image)):  # of 16 bits, Pillow keeps the upper 8
            return found
    return _whole_png(source, found) if layout is None else _from_samples(source, layout, name, note)


def picture_from_pillow(
    image: Image.Image, max_side: int | None, *, name: str = "The photo", layout: Layout | None = None
) -> Picture:
    """The picture of an image that Pillow has opened.

    Args:
        image: It is left as it is, except that an undecoded JPEG is decoded at a lower resolution.
        max_side: See `picture_from_file`.
        name: Its name, for messages.
        layout: How it was stored, if it is a TIFF file.

    Raises:
        InputError: It cannot be decoded.
    """
    check_size(image.size, name)
    if image.format in DRAWINGS:
        raise InputError(f"{name} is a drawing ({image.format}), not a photo; save it as PNG or JPEG.")
    orientation = orientation_of(image)
    turned = orientation in SIDEWAYS and image.format != "TIFF"  # Pillow turns a TIFF itself
    full_size = (image.height, image.width) if turned else image.size
    try:
        if max_side is not None and max(image.size) > max_side:
            image.draft("RGB", (max_side, max_side))  # lets the JPEG decoder skip pixels
        image = _exif_applied(image)
        image.load()
        image, levels = _with_levels(image, layout)
    except InputError:
        raise
    except Exception as error:  # decoders raise various errors; AVIF's is RuntimeError
        raise damaged(error) from error
    left = layout.samples - 3 if layout is not None and layout.photometric == RGB and image.mode == "RGB" else 0
    notes = (levels.note if levels else "", bands_note(left) if left > 0 else "")
    return Picture(
        image=image,
        full_size=full_size,
        levels=levels if image.mode in NUMBERS else None,
        orientation=orientation,
        notes=notes,
    )


def picture_from_image(image: Image.Image, max_side: int | None) -> Picture:
    """The picture of a user's Pillow image; a TIFF file that Pillow would misread is read again from its file.

    Raises:
        InputError: It cannot be decoded, or it would be misread and has no file.
    """
    layout = layout_of_image(image) if image.format == "TIFF" else None
    refuse_raw(layout, "The photo")
    scrambled = (
        layout is not None and layout.orientation in SIDEWAYS and not layout.compressed and getattr(image, "tile", None)
    )
    if layout is None or not (layout.misread or scrambled):
        return picture_from_pillow(image, max_side, layout=layout)
    path = Path(getattr(image, "filename", "") or "")
    if not path.is_file():
        raise InputError("Pillow cannot read this kind of TIFF rightly; give the path of the file instead.")
    return picture_from_file(path, max_side)


def damaged(error: Exception) -> InputError:
    """What is said of a photo that a decoder gave up."""
    reason = " ".join(str(error).split())  # libheif ends its lines
    return InputError(f"The photo could not be decoded: the file is damaged or incomplete ({reason}).")


def _from_samples(source: ImageFile, layout: Layout, name: str, note: str = "") -> Picture:
    samples = read_samples(source, name, MAX_PIXELS)
    image, notes = picture_of_samples(samples, layout, name)
    check_size(image.size, name)
    image = upright(image, layout.orientation)
    return Picture(image=image, full_size=image.size, orientation=layout.orientation, notes=(*notes, note))


def _whole_png(source: ImageFile, found: Picture) -> Picture:
    try:
        values = deep_png(source)
        image, notes = picture_of_array(values[..., [0, 0, 0, 1]] if values.shape[2] == 2 else values)
    except Exception as error:
        raise damaged(error) from error
    return replace(found, image=upright(image, found.orientation), notes=(*notes, *found.notes))


def _exif_applied(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # with damaged EXIF data the photo is still usable; damaged pixels raise later
        return image


def _with_levels(image: Image.Image, layout: Layout | None) -> tuple[Image.Image, Levels | None]:
    """Floats become 8 bits at once; whole numbers only get their range, and are scaled after they were reduced."""
    if image.mode == "F":
        values = np.asarray(image)
        levels = levels_of(values)
        return Image.fromarray(levels.apply(values)), levels
    if image.mode not in NUMBERS:
        return image, None
    values = np.asarray(image)
    signed = layout is not None and (layout.bits, layout.format) == (16, SIGNED)
    return image, levels_of(values.astype(np.int16) if signed else values)
