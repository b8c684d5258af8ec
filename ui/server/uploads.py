"""How large a file of a visitor may be: the server takes checkpoints, which are larger than any photo."""

from __future__ import annotations

from pathlib import Path

from cuts3d.errors import InputError

MEGABYTE = 1_000_000
LARGEST_PHOTO = 60  # MB; depth maps too
LARGEST_CHECKPOINT = 400  # MB; detectron2's R50 checkpoints have 290
LARGEST_UPLOAD = 800  # MB at once; a dozen photos for the small training
LARGEST_REQUEST = 100  # MB of anything else; agents send photos as text


def check_size(path: str | Path, what: str, most: int = LARGEST_PHOTO) -> None:
    """Refuse a file that is too large; a missing one is left to its reader.

    Args:
        path: The file.
        what: What it is, for the sentence.
        most: Megabytes.

    Raises:
        InputError: It is larger.
    """
    try:
        size = Path(path).stat().st_size
    except OSError:
        return
    if size > most * MEGABYTE:
        raise InputError(f"The {what} has {size / MEGABYTE:,.0f} MB; at most {most} MB can be taken.")
