"""Photos of more than 8 bits or more than three bands: TIFF of every layout, deep PNG, HEIC; whole and damaged."""

from __future__ import annotations

import io
import os
import struct
import zlib
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from benchmarks.strange.case import Case, Rng, chance, one_of
from benchmarks.strange.damage import damaged
from benchmarks.strange.photos import checked_photo, size_of

HEIC_VARIABLE = "CUTS3D_HEIC"  # path of a HEIC photo, as none can be written here
TYPES = ("u1", "u1", "u2", "u2", "u4", "i1", "i2", "i4", "f2", "f4", "f8")
RANGES = (1, 255, 1023, 4095, 65535, 1e6, 0.01)


def values_of(rng: Rng, shape: tuple[int, ...]) -> np.ndarray:
    """Numbers of any type and range, some with outliers, negative or unknown values."""
    values = rng.random(shape) * one_of(rng, RANGES) - one_of(rng, (0, 0, 0.5))
    dtype = np.dtype(one_of(rng, TYPES))
    if dtype.kind == "f" and chance(rng, 0.3):
        values.ravel()[: int(rng.integers(1, 9))] = one_of(rng, (np.nan, np.inf, -np.inf, 1e30))
    limits = np.iinfo(dtype) if dtype.kind in "iu" else np.finfo(dtype)
    with np.errstate(all="ignore"):
        return np.clip(values, float(limits.min), float(limits.max)).astype(dtype)


def tiff_bytes(rng: Rng) -> tuple[str, bytes]:
    """A description of a TIFF file, and its bytes."""
    width, height = size_of(rng)
    bands = one_of(rng, (1, 1, 2, 3, 3, 4, 5, 9))
    planar = bands > 1 and chance(rng, 0.5)
    values = values_of(rng, (bands, height, width) if planar else (height, width, bands))
    options: dict[str, Any] = {
        "photometric": one_of(rng, ("rgb", "minisblack", "miniswhite", "separated", "cielab", "palette")),
        "planarconfig": ("separate" if planar else "contig") if bands > 1 else None,
        "compression": one_of(rng, (None, None, "zlib")),
        "byteorder": one_of(rng, "<>"),
        "bigtiff": chance(rng, 0.2),
        "rowsperstrip": one_of(rng, (None, 3)),
    }
    if chance(rng, 0.3):
        options["extratags"] = [(274, "H", 1, int(rng.integers(0, 12)), True)]
    content = io.BytesIO()
    try:
        tifffile.imwrite(content, values if bands > 1 else values.reshape(height, width), **options)
    except Exception:  # the layout does not exist
        content = io.BytesIO()
        tifffile.imwrite(content, values, photometric="minisblack")
    return f"tiff {values.dtype} {values.shape} {options}", content.getvalue()


def deep_png_bytes(rng: Rng) -> tuple[str, bytes]:
    """A description of a PNG of 16 bits in several channels, and its bytes."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    width, height = size_of(rng)
    colour_type, channels = one_of(rng, ((2, 3), (4, 2), (6, 4)))
    values = rng.integers(0, one_of(rng, (256, 4096, 65536)), (height, width * channels)).astype(">u2")
    rows = b"".join(b"\0" + row.tobytes() for row in values)
    header = struct.pack(">IIBBBBB", width, height, 16, colour_type, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return f"deep png {colour_type} {width}×{height}", b"\x89PNG\r\n\x1a\n" + body


def heic_bytes(rng: Rng) -> tuple[str, bytes]:
    """A HEIC photo, or what only begins as one."""
    boxes = b"".join(
        struct.pack(">I", int(rng.integers(0, 90)))
        + one_of(rng, (b"meta", b"iprp", b"iinf", b"iloc", b"mdat", b"pitm"))
        for _ in range(5)
    )
    brand = one_of(rng, (b"heic", b"mif1", b"hevc"))
    made = struct.pack(">I", 24) + b"ftyp" + brand + b"\0\0\0\0mif1heic" + boxes + rng.bytes(int(rng.integers(400)))
    return "heic", one_of(rng, (_heic_photo() or made, _heic_photo() or made, made))


@cache
def _heic_photo() -> bytes:
    path = os.environ.get(HEIC_VARIABLE)
    return Path(path).read_bytes() if path else b""


def wide_photo(rng: Rng, folder: Path) -> Case:
    """A photo of many bits or bands, half of them damaged, by path, as bytes or as a Pillow image's file."""
    description, content = one_of(rng, (tiff_bytes, tiff_bytes, tiff_bytes, deep_png_bytes, heic_bytes))(rng)
    if chance(rng, 0.5):
        description, content = f"damaged {description}", damaged(rng, content)
    path = folder / f"photo.{one_of(rng, ('tif', 'png', 'heic', 'jpg', 'bin'))}"
    path.write_bytes(content)
    source = io.BytesIO(content) if chance(rng, 0.3) else path
    side = one_of(rng, (None, 64, 16))
    return Case(f"{description}, as {path.name}, to {side}", lambda: checked_photo(source, side))
