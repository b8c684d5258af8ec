"""Photos of every mode, size and format, whole and damaged."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from benchmarks.strange.case import Case, Rng, chance, one_of
from benchmarks.strange.damage import damaged, imposter
from cuts3d.arrays import ImageArray
from cuts3d.io.limits import MIN_SIDE
from cuts3d.io.photos import read_photo

FORMATS = {
    "png": ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"),
    "jpg": ("L", "RGB", "CMYK"),
    "gif": ("1", "L", "P", "RGB"),
    "webp": ("RGB", "RGBA"),
    "tiff": ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16", "I;16B", "I", "F", "YCbCr", "LAB"),
    "bmp": ("1", "L", "P", "RGB"),
    "ppm": ("1", "L", "RGB"),
    "ico": ("RGBA",),
    "jp2": ("L", "LA", "RGB", "RGBA"),
    "tga": ("L", "RGB", "RGBA"),
    "avif": ("RGB", "RGBA"),
    "qoi": ("RGB", "RGBA"),
}
ANIMATED = ("gif", "webp", "tiff", "png")
ORIENTATION = 0x0112  # the EXIF tag
SIDES = (None, None, 2048, 64, 16)  # longer sides to which photos are reduced


def size_of(rng: Rng) -> tuple[int, int]:
    """Width and height: mostly small, often at the lower limit, sometimes a strip."""
    side = lambda high: int(rng.integers(1, high))  # noqa: E731
    return one_of(
        rng,
        (
            lambda: (side(64), side(64)),
            lambda: (side(64), side(64)),
            lambda: (1, 1),
            lambda: (MIN_SIDE - 1 + side(4), MIN_SIDE - 1 + side(4)),
            lambda: (side(3000), MIN_SIDE),
            lambda: (MIN_SIDE, side(3000)),
            lambda: (side(400), side(400)),
        ),
    )()


def pixels(rng: Rng, size: tuple[int, int], channels: int = 3) -> ImageArray:
    """uint8 [h, w, channels]: noise, one colour, two colours, a ramp, or a disc on a background."""
    w, h = size
    two = rng.integers(256, size=(2, channels))
    y, x = np.mgrid[:h, :w]
    return one_of(
        rng,
        (
            lambda: rng.integers(256, size=(h, w, channels)),
            lambda: np.broadcast_to(two[0], (h, w, channels)),
            lambda: two[(x < w / 2).astype(int)],
            lambda: two[((x + y) % 2)],
            lambda: np.repeat((x * 255 // max(1, w - 1))[..., None], channels, 2),
            lambda: two[((x - w / 2) ** 2 + (y - h / 2) ** 2 < (min(w, h) / 3) ** 2).astype(int)],
        ),
    )().astype(np.uint8)


def picture(rng: Rng, mode: str, size: tuple[int, int]) -> Image.Image:
    """An image of a Pillow mode."""
    grey = pixels(rng, size, 1)[..., 0]
    if mode in ("I;16", "I;16B"):
        values = grey.astype(np.uint16) * int(one_of(rng, (1, 257)))
        return Image.fromarray(values.astype(">u2") if mode == "I;16B" else values)
    if mode == "I":
        return Image.fromarray(grey.astype(np.int32) * int(one_of(rng, (1, 257, -1, 2**23))))
    if mode == "F":
        values = grey.astype(np.float32) * float(one_of(rng, (1 / 255, 1, -1, 1e36)))
        values.ravel()[: int(rng.integers(3))] = one_of(rng, (np.nan, np.inf, -np.inf))
        return Image.fromarray(values)
    if mode in ("LA", "RGBA"):
        return Image.fromarray(pixels(rng, size, 4)).convert(mode)
    return Image.new(mode, size) if mode == "LAB" else Image.fromarray(pixels(rng, size)).convert(mode)


def encoded(rng: Rng, suffix: str, mode: str, size: tuple[int, int]) -> bytes:
    """An image file, sometimes with an orientation, a second frame or a transparent colour."""
    content = io.BytesIO()
    options: dict[str, Any] = {}
    if chance(rng, 0.3) and suffix in ("jpg", "png", "webp", "tiff", "avif"):
        exif = Image.Exif()
        exif[ORIENTATION] = int(rng.integers(0, 12))
        options["exif"] = exif.tobytes() if chance(rng, 0.7) else b"Exif\0\0" + rng.bytes(int(rng.integers(60)))
    if chance(rng, 0.2) and suffix in ANIMATED and mode != "I;16B":
        options |= {"save_all": True, "append_images": [picture(rng, mode, size)], "duration": 40}
    if chance(rng, 0.2) and suffix in ("png", "gif") and mode in ("P", "L", "1"):
        options["transparency"] = 0
    formats = {"jpg": "JPEG", "jp2": "JPEG2000"}
    try:
        picture(rng, mode, size).save(content, formats.get(suffix, suffix.upper()), **options)
    except (OSError, ValueError, TypeError, SyntaxError):  # Pillow cannot write this mode in this format
        picture(rng, mode, size).convert("RGB").save(content, "PNG")
    return content.getvalue()


def photo_bytes(rng: Rng) -> tuple[str, bytes]:
    """A description of a photo file, and its bytes."""
    suffix = one_of(rng, tuple(FORMATS))
    mode, size = one_of(rng, FORMATS[suffix]), size_of(rng)
    return f"{suffix} {mode} {size[0]}×{size[1]}", encoded(rng, suffix, mode, size)


def whole_photo(rng: Rng, folder: Path) -> Case:
    """A valid photo file, with the right suffix or a wrong one."""
    description, content = photo_bytes(rng)
    return _read(rng, folder, description, content)


def damaged_photo(rng: Rng, folder: Path) -> Case:
    """A damaged photo file."""
    description, content = photo_bytes(rng)
    return _read(rng, folder, f"damaged {description}", damaged(rng, content))


def no_photo(rng: Rng, folder: Path) -> Case:
    """A file that is no photo, or whose header claims a huge size."""
    content = imposter(rng, folder / "victim")
    return _read(rng, folder, f"imposter {content[:16]!r}", content)


def array_photo(rng: Rng, folder: Path) -> Case:
    """An array of any type and shape, or something that is no array."""
    del folder
    dtype = one_of(rng, ("u1", "u1", "u2", "f2", "f4", "f8", "?", "i1", "i8", "c8", "O", "U2", "f16"))
    shape = tuple(int(rng.integers(0, 40)) for _ in range(int(rng.integers(0, 5))))
    if chance(rng, 0.7):
        shape = (*size_of(rng)[::-1], int(one_of(rng, (1, 3, 3, 4, 2))))
    with np.errstate(all="ignore"):
        array: Any = (rng.normal(0, 200, shape)).astype(dtype)
    if array.dtype.kind == "f" and array.size:
        array.ravel()[0] = one_of(rng, (np.nan, np.inf, -np.inf, 1e4))
    source: Any = one_of(rng, (array,) * 12 + (None, 3, b"photo.jpg", [[1, 2]], "", "\0", "x" * 5000, {}))
    description = f"array {dtype} {shape}" if source is array else f"a {type(source).__name__}"
    return Case(description, lambda: checked_photo(source, one_of(rng, SIDES)))


def large_photo(rng: Rng, folder: Path) -> Case:
    """A photo of 20 to 100 megapixels, or one just above the limit."""
    megapixels = one_of(rng, (20, 50, 100, 125))
    w = int(1000 * np.sqrt(megapixels) * rng.uniform(0.5, 2))
    size = (w, int(megapixels * 1e6 / w))
    suffix, mode = one_of(rng, (("png", "1"), ("png", "L"), ("jpg", "RGB"), ("png", "I;16"), ("jpg", "CMYK")))
    content = io.BytesIO()
    Image.new(mode, size, one_of(rng, (0, 1, 77))).save(content, "JPEG" if suffix == "jpg" else suffix)
    path = folder / f"large.{suffix}"
    path.write_bytes(content.getvalue())
    return Case(f"{suffix} {mode} of {megapixels} megapixels", lambda: checked_photo(path, one_of(rng, (None, 2048))))


def _read(rng: Rng, folder: Path, description: str, content: bytes) -> Case:
    path = folder / f"photo.{one_of(rng, ('jpg', 'png', 'tiff', 'gif', 'webp', 'JPEG', 'svg', 'bin'))}"
    path.write_bytes(content)
    side = one_of(rng, SIDES)
    return Case(f"{description}, as {path.name}, to {side}", lambda: checked_photo(path, side))


def checked_photo(source: Any, side: int | None) -> ImageArray:
    """Read a photo, and check the result."""
    photo = read_photo(source, max_side=side)
    assert all(note.strip() and "\n" not in note for note in photo.notes)
    found = photo.pixels
    assert found.dtype == np.uint8
    assert found.ndim == 3
    assert found.shape[2] == 3
    assert min(found.shape[:2]) >= MIN_SIDE
    assert side is None or max(found.shape[:2]) <= side
    return found
