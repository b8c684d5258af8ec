"""Which files of a folder are photos: by the suffix of their name, as Pillow registers it."""

from __future__ import annotations

import os
from functools import cache

ALWAYS = frozenset((".avif", ".avifs", ".heic", ".heics", ".heif", ".heifs", ".hif"))
"""Listed even where the package that reads them is missing: such a photo then fails with a reason."""
NO_PHOTOS = frozenset(
    (
        *("EPS", "WMF", "XBM", "XPM"),  # drawings
        *("PDF", "MPEG", "FLI"),  # documents and films
        *("ICO", "ICNS", "CUR", "GBR"),  # icons and brushes
        *("BUFR", "GRIB", "HDF5", "IPTC"),  # Pillow knows their names only
    )
)
NUMBERS = frozenset((".pfm",))  # maps of depth or disparity, which lie next to the photos that they belong to
WITHOUT = "without a suffix"


@cache
def photo_suffixes() -> frozenset[str]:
    """The suffixes of photos, in lower case with their dot."""
    from PIL import Image

    registered = Image.registered_extensions()  # loads all of Pillow's readers
    read = {suffix for suffix, name in registered.items() if name in Image.OPEN or name == "MPO"}
    return frozenset(s.lower() for s in read if registered[s] not in NO_PHOTOS) - NUMBERS | ALWAYS


def is_photo_name(name: str) -> bool:
    """Whether a file of this name is a photo; the file is not opened."""
    return os.path.splitext(name)[1].lower() in photo_suffixes()


def kind_of_name(name: str) -> str:
    """The suffix of a file name in lower case, `.tar.gz` as one; `without a suffix` where there is none."""
    stem, suffix = os.path.splitext(name.rsplit("/", 1)[-1].lower())
    return f".tar{suffix}" if stem.endswith(".tar") else suffix or WITHOUT
