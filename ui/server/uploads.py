"""Size limits of uploaded files."""

from __future__ import annotations

from pathlib import Path

from cuts3d.errors import InputError

MEGABYTE = 1_000_000
LARGEST_PHOTO = 60  # MB; depth maps too
LARGEST_CHECKPOINT = 400  # MB; R50 checkpoints of detectron2 have 290
LARGEST_UPLOAD = 800  # MB in one request; twelve photos for the small training
LARGEST_REQUEST = 100  # MB in any other request; agents send photos as text


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
