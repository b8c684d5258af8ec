"""Size limits of uploaded files."""

from __future__ import annotations

import contextlib
from pathlib import Path

from cuts3d.errors import InputError
from cuts3d.io.photo_files import first_bytes, open_picture

MEGABYTE = 1_000_000
LARGEST_PHOTO = 60  # MB; depth maps too
MOST_MEGAPIXELS = 65  # of a photo, so that one of a 64-megapixel camera fits; an open one takes three bytes a pixel
LARGEST_CHECKPOINT = 400  # MB; R50 checkpoints of detectron2 have 290
LARGEST_UPLOAD = 800  # MB in one request; twelve photos for the small training
LARGEST_REQUEST = 100  # MB in any other request; agents send photos as text


def check_photo(path: str | Path) -> None:
    """Refuse a photo that is too large for the server, before it is decoded.

    Args:
        path: The file. One that is missing or cannot be opened is reported by the function that reads it.

    Raises:
        InputError: It is too large.
    """
    check_size(path, "photo")
    width = height = 0
    with contextlib.suppress(Exception), open_picture(Path(path), first_bytes(Path(path))) as picture:
        width, height = picture.size
    if width * height > MOST_MEGAPIXELS * 10**6:
        raise InputError(
            f"The photo has {width}×{height} pixels; the page takes {MOST_MEGAPIXELS} megapixels at most. Make it "
            "smaller, or use the command `cuts3d segment`."
        )


def check_size(path: str | Path, what: str, most: int = LARGEST_PHOTO) -> None:
    """Refuse a file that is too large; a missing file is reported by the function that reads it.

    Args:
        path: The file.
        what: Name of the file in the error.
        most: Limit in megabytes.

    Raises:
        InputError: The file is larger.
    """
    try:
        size = Path(path).stat().st_size
    except OSError:
        return
    if size > most * MEGABYTE:
        raise InputError(f"The {what} has {size / MEGABYTE:,.0f} MB; at most {most} MB are allowed.")
