"""Opening files of photos: the reader follows the file's content, never its suffix."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from cuts3d.errors import InputError, shown
from cuts3d.io.limits import DRAWINGS, MAX_PIXELS
from cuts3d.io.signatures import ImageFile, head_of, is_heif, is_tiff, refuse_other_kinds

ANIMATIONS = ("GIF", "WEBP", "PNG", "AVIF", "HEIF")
OTHER_BYTES = {"RGB;16B": "RGB;16L", "RGBA;16B": "RGBA;16L", "LA;16B": "RGBA"}  # as Pillow names orders of bytes
DARK = 64  # of 255; a picture of 16 bits that is darker everywhere uses 14 of them or fewer


def name_of(source: ImageFile) -> str:
    """The name of a photo in messages."""
    return shown(source.name) if isinstance(source, Path) else "The photo"


def first_bytes(path: ImageFile) -> bytes:
    """The first bytes of a photo's file, after it was checked that it is a file of a kind that may be read.

    Raises:
        InputError: It is missing, a folder, a pipe, or a file of a kind that is no photo.
    """
    name = name_of(path)
    try:
        if isinstance(path, Path) and path.is_fifo():  # opening one blocks until another process writes to it
            raise InputError(f"{name} is a pipe; choose an image file.")
        head = head_of(path)
    except InputError:
        raise
    except FileNotFoundError:
        raise InputError(f"There is no file {name}.") from None
    except IsADirectoryError:
        raise InputError(f"{shown(str(path))} is a folder; choose one photo.") from None
    except Exception as error:
        raise InputError(f"{name} is not an image that can be read ({type(error).__name__}).") from error
    refuse_other_kinds(head, name, path.suffix.lower() if isinstance(path, Path) else "")
    return head


@contextmanager
def open_picture(source: ImageFile, head: bytes) -> Iterator[Image.Image]:
    """Open a photo with Pillow; its pixels are not decoded yet.

    Args:
        source: The file.
        head: Its first bytes.

    Raises:
        InputError: It is no picture that can be read, too large, a drawing, or a HEIC photo without its package.
    """
    name = name_of(source)
    if is_heif(head):
        _learn_heif(name)
    with ExitStack() as opened:
        yield _opened(source, name, opened, as_stream=is_tiff(head))


def _opened(source: ImageFile, name: str, opened: ExitStack, *, as_stream: bool) -> Image.Image:
    """A TIFF is opened as a stream: of a path, Pillow maps the pixels, and scrambles those that are turned sideways."""
    try:
        file = opened.enter_context(source.open("rb")) if as_stream and isinstance(source, Path) else source
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = opened.enter_context(Image.open(file))
    except Image.DecompressionBombError:
        raise InputError(f"{name} is too large; the limit is {MAX_PIXELS // 10**6} megapixels.") from None
    except Exception as error:  # decoders raise various errors
        raise InputError(f"{name} is not an image that can be read ({type(error).__name__}).") from error
    if image.format in DRAWINGS:
        raise InputError(f"{name} is a drawing ({image.format}), not a photo; save it as PNG or JPEG.")
    return image


def frames_note(image: Image.Image) -> str:
    """A note if a file that Pillow has opened has more than one frame or page, of which the first is taken."""
    try:
        several = image.format in (*ANIMATIONS, "TIFF") and getattr(image, "is_animated", False)
    except Exception:  # the later frames are damaged
        return ""
    if not several:
        return ""
    pages = "The file has several pages" if image.format in ("TIFF", "HEIF") else "The file is an animation"
    return f"{pages}; the first {'page' if image.format == 'TIFF' else 'picture'} was taken."


def is_dark(image: Image.Image) -> bool:
    """Whether no colour of a picture that Pillow reduced from 16 to 8 bits uses the upper two bits."""
    return image.mode in ("RGB", "RGBA") and max(high for _, high in image.getextrema()[:3]) < DARK  # pyright: ignore


def deep_png(source: ImageFile) -> np.ndarray:
    """All 16 bits of a PNG with several channels, uint16 [H, W, C].

    Pillow keeps the upper byte of each sample. Told that the bytes lie the other way round, it keeps the lower one; and
    told that grey with transparency is four channels of 8 bits, it keeps all bytes.
    """
    with Image.open(rewound(source)) as image:
        order = str(image.tile[0].args)
        upper = np.asarray(image)
    with Image.open(rewound(source)) as image:
        image.tile = [image.tile[0]._replace(args=OTHER_BYTES[order])]
        found = np.array(image)
    return found.view(">u2") if order == "LA;16B" else upper.astype(np.uint16) << 8 | found


def _learn_heif(name: str) -> None:
    try:
        import pi_heif
    except ImportError:
        raise InputError(f"{name} is a HEIC photo; to read it, run 'pip install \"cuts3d[heic]\"'.") from None
    pi_heif.register_heif_opener()


def rewound(source: ImageFile) -> ImageFile:
    """A stream at its start; a path as it is."""
    if isinstance(source, io.BytesIO):
        source.seek(0)
    return source


def is_picture(path: Path) -> bool:
    """Whether a file is a picture, or a photo of a kind that is refused with a reason, whatever its suffix."""
    try:
        head = head_of(path)
        if is_tiff(head) or is_heif(head):
            return True
        with Image.open(path):
            return True
    except Exception:  # decoders raise their own kinds
        return False
