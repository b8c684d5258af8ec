"""Reading photos: any file format, mode and orientation that Pillow knows, as a uint8 RGB array."""

from __future__ import annotations

import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from cuts3d.errors import InputError, shown
from cuts3d.grids import fit_longer_side

ImageInput = str | Path | Image.Image | np.ndarray

MAX_PIXELS = 120_000_000  # larger files are refused before they are decoded
WORKING_SIDE = 2048  # longer side to which larger photos are reduced, pixels
MIN_SIDE = 8  # pixels
DRAWINGS = ("EPS", "WMF")  # to read them, Pillow would run another program


def read_image(source: ImageInput, *, max_side: int | None = WORKING_SIDE) -> NDArray[np.uint8]:
    """Read a photo as RGB.

    The EXIF orientation is applied, transparent pixels are blended with white, 16-bit and float images are scaled to
    their range, and of an animation the first frame is taken.

    Args:
        source: Path, PIL image, or array: uint8/uint16/float [H, W], [H, W, 1], [H, W, 3] or [H, W, 4]
            (float in [0, 1]).
        max_side: Larger photos are reduced to this longer side in pixels, with a shorter side of at least 8; None keeps
            the size.

    Returns:
        uint8 [H, W, 3].

    Raises:
        InputError: The file is missing, not an image, damaged, too large or too small.
    """
    if isinstance(source, Image.Image):
        return _decoded(source, "The photo", max_side)
    if isinstance(source, np.ndarray):
        return _decoded(_from_array(source), "The photo", max_side)
    if not isinstance(source, str | Path):
        raise InputError(f"A photo must be a path, a PIL image or an array; this one is a {type(source).__name__}.")
    with _open(Path(source)) as image:
        return _decoded(image, shown(Path(source).name), max_side)


def _decoded(image: Image.Image, name: str, max_side: int | None) -> NDArray[np.uint8]:
    if image.width * image.height > MAX_PIXELS:
        raise InputError(
            f"{name} has {image.width}×{image.height} pixels; the limit is {MAX_PIXELS // 10**6} megapixels."
        )
    if min(image.size) < MIN_SIDE:
        raise InputError(
            f"The photo is {image.width}×{image.height} pixels; at least {MIN_SIDE}×{MIN_SIDE} are needed."
        )
    if image.format in DRAWINGS:
        raise InputError(f"{name} is a drawing ({image.format}), not a photo; save it as PNG or JPEG.")
    try:
        if max_side is not None and max(image.size) > max_side:
            image.draft("RGB", (max_side, max_side))  # lets the JPEG decoder skip pixels
        image = _reduced(_upright(image), max_side)
        return np.array(_to_rgb(image), dtype=np.uint8)
    except Exception as error:  # decoders raise various errors; AVIF's is RuntimeError
        raise InputError(f"The photo could not be decoded: the file is damaged or incomplete ({error}).") from error


def _upright(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:  # with damaged EXIF data the photo is still usable; damaged pixels raise later
        return image


def _open(path: Path) -> Image.Image:
    try:
        if path.is_fifo():  # opening one blocks until another process writes to it
            raise InputError(f"{shown(path.name)} is a pipe; choose an image file.")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            return Image.open(path)
    except InputError:
        raise
    except FileNotFoundError:
        raise InputError(f"There is no file {shown(path.name)}.") from None
    except IsADirectoryError:
        raise InputError(f"{shown(str(path))} is a folder; choose one photo.") from None
    except Image.DecompressionBombError:
        raise InputError(f"{shown(path.name)} is too large; the limit is {MAX_PIXELS // 10**6} megapixels.") from None
    except Exception as error:  # decoders raise various errors
        raise InputError(f"{shown(path.name)} is not an image that can be read ({type(error).__name__}).") from error


def _from_array(array: np.ndarray) -> Image.Image:
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (3, 4)) or array.size == 0:
        raise InputError(f"An image array must be [H, W], [H, W, 3] or [H, W, 4]; this one is {list(array.shape)}.")
    if array.dtype == np.uint8:
        return Image.fromarray(array)
    if array.dtype == np.uint16:
        return Image.fromarray((array // 257).astype(np.uint8))
    if array.dtype == np.bool_:
        return Image.fromarray(array.astype(np.uint8) * 255)
    if np.issubdtype(array.dtype, np.floating):
        return Image.fromarray(np.rint(np.clip(np.nan_to_num(array), 0, 1) * 255).astype(np.uint8))
    raise InputError(f"An image array must be uint8, uint16, or float in [0, 1]; this one is {array.dtype}.")


def _reduced(image: Image.Image, max_side: int | None) -> Image.Image:
    if max_side is None or max(image.size) <= max_side:
        return image
    height, width = fit_longer_side((image.height, image.width), max_side, least=MIN_SIDE)
    if image.mode == "P":
        image = image.convert("RGBA")
    return image.resize(
        (width, height), Image.Resampling.BOX if image.mode.startswith("I") else Image.Resampling.LANCZOS
    )


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode in ("I;16", "I;16B", "I;16L", "I", "F"):
        values = np.nan_to_num(np.array(image, dtype=np.float32), copy=False)
        high = 65535 if image.mode != "F" and values.max() > 255 else max(1, values.max())
        values *= np.float32(255 / high)
        return Image.fromarray(np.clip(values, 0, 255, out=values).astype(np.uint8)).convert("RGB")
    if image.mode in ("RGBA", "LA", "PA", "La", "RGBa") or "transparency" in image.info:
        rgba = image.convert("RGBA")
        background = Image.new("RGBA", rgba.size, "white")
        return Image.alpha_composite(background, rgba).convert("RGB")
    return image.convert("RGB")
