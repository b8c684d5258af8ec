"""Files of depth maps: pictures of 8 or 16 bits, TIFF of any number type, PFM, NPY, NPZ, EXR."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import IO, Any

import numpy as np
from PIL import Image

from cuts3d.errors import InputError, shown
from cuts3d.io.channels import ALPHA
from cuts3d.io.limits import DRAWINGS, MAX_PIXELS
from cuts3d.io.orientation import orientation_of, upright, upright_map
from cuts3d.io.photo_files import deep_png
from cuts3d.io.signatures import head_of, is_deep_colour_png, is_tiff
from cuts3d.io.tiff import layout_of, read_samples, refuse_raw

NAMES = ("depth", "depth_map", "depths", "z", "disparity", "disp", "inverse_depth", "arr_0")  # in NPZ, best first
FORMATS = "use PNG, TIFF, NPY, NPZ, PFM or EXR"
EXR_MAGIC, ZIP_MAGIC = b"v/1\x01", b"PK\x03\x04"
LARGEST_ARRAY = 4 * MAX_PIXELS  # values


def read_depth_file(path: Path) -> tuple[np.ndarray, str]:
    """The numbers of a depth file [H, W] or [H, W, C], and the name of the array if it has several.

    Raises:
        InputError: It is missing, no depth map, damaged or too large; or its package is not installed.
    """
    try:
        if not path.is_file():
            raise InputError(f"There is no file {shown(path.name)}.")
        head, suffix = head_of(path), path.suffix.lower()
        if suffix == ".npy":
            with path.open("rb") as file:  # `np.load` would also open an archive of arrays with this name
                return _read_npy(file, path), ""
        if suffix == ".npz" or head.startswith(ZIP_MAGIC):
            return _read_npz(path)
        if suffix == ".exr" or head.startswith(EXR_MAGIC):
            return _read_exr(path), ""
        return (_read_tiff(path) if is_tiff(head) else _read_picture(path, head)), ""
    except InputError:
        raise
    except Exception as error:  # decoders raise various errors
        raise InputError(
            f"{shown(path.name)} is not a depth map that can be read ({type(error).__name__}); {FORMATS}."
        ) from error


def _read_picture(path: Path, head: bytes) -> np.ndarray:
    with path.open("rb") as file, Image.open(file) as opened:  # of a path, Pillow scrambles some turned TIFFs
        if opened.format in DRAWINGS:
            raise ValueError("it is a drawing")
        if opened.width * opened.height > MAX_PIXELS:
            raise InputError(f"{shown(path.name)} is too large; the limit is {MAX_PIXELS // 10**6} megapixels.")
        if is_deep_colour_png(head):  # Pillow would keep 8 of its 16 bits
            return upright_map(_with_colours(deep_png(path)), orientation_of(opened))
        image = _upright(opened)
        if image.mode in ("P", "PA"):
            image = image.convert("RGBA" if image.mode == "PA" or "transparency" in image.info else "RGB")
        return np.asarray(image.convert("RGBA") if image.mode == "LA" else image)


def _upright(image: Image.Image) -> Image.Image:
    orientation = orientation_of(image)
    image.load()
    return image if image.format == "TIFF" else upright(image, orientation)  # Pillow turns a TIFF itself


def _read_tiff(path: Path) -> np.ndarray:
    layout = layout_of(path)
    refuse_raw(layout, shown(path.name))
    colours_of_16_bits = layout is not None and layout.bits == 16 and layout.samples > 1
    if layout is None or not (layout.misread or colours_of_16_bits):
        return _read_picture(path, b"")
    samples = read_samples(path, shown(path.name), MAX_PIXELS)
    bands = samples.shape[2] if samples.ndim == 3 else 1
    if bands > 1 and bands != 3 and not (bands in (2, 4) and layout.extra and layout.extra[0] in ALPHA):
        raise InputError(f"Your file {shown(path.name)} must hold one number per pixel, [H, W]; it has {bands} bands.")
    return upright_map(_with_colours(samples), layout.orientation)


def _with_colours(values: np.ndarray) -> np.ndarray:
    """Grey and opacity [H, W, 2] as colours and opacity [H, W, 4]; anything else as it is."""
    return values[..., [0, 0, 0, 1]] if values.ndim == 3 and values.shape[2] == 2 else values


def _read_npy(file: IO[bytes], path: Path) -> np.ndarray:
    version = np.lib.format.read_magic(file)
    read_header = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read_header(file)
    if int(np.prod(shape, dtype=object)) > LARGEST_ARRAY:
        raise InputError(f"{shown(path.name)} is too large; the limit is {MAX_PIXELS // 10**6} megapixels.")
    if dtype.hasobject:
        raise ValueError("it holds Python objects")
    file.seek(0)
    return np.lib.format.read_array(file, allow_pickle=False)


def _read_npz(path: Path) -> tuple[np.ndarray, str]:
    with zipfile.ZipFile(path) as archive:
        names = [name.removesuffix(".npy") for name in archive.namelist() if name.endswith(".npy")]
        arrays = {name: array for name in names if (array := _member(archive, name, path)) is not None}
    if not arrays:
        raise InputError(f"{shown(path.name)} holds no array [H, W] of numbers; it has {_listed(names)}.")
    known = [name for name in NAMES if name in arrays]
    if len(arrays) > 1 and not known:
        raise InputError(
            f"{shown(path.name)} holds several arrays ({_listed(list(arrays))}); name the one of depth 'depth', or "
            "save it alone."
        )
    name = known[0] if len(arrays) > 1 else next(iter(arrays))
    return arrays[name], name


def _member(archive: zipfile.ZipFile, name: str, path: Path) -> np.ndarray | None:
    """An array of an archive; None if it cannot be a depth map."""
    with archive.open(f"{name}.npy") as file:
        try:
            array = _read_npy(file, path)  # pyright: ignore[reportArgumentType]
        except ValueError as error:
            if isinstance(error, InputError):
                raise
            return None  # objects, or no array
    return array if array.dtype.kind in "iuf" and array.ndim in (2, 3) and min(array.shape) > 0 else None


def _read_exr(path: Path) -> np.ndarray:
    try:
        import OpenEXR  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise InputError(
            "Reading EXR needs the package OpenEXR: run 'pip install \"cuts3d[exr]\"' or 'pip install OpenEXR', or "
            "save as NPY."
        ) from None
    with OpenEXR.File(str(path), separate_channels=True) as file:
        channels = {name: np.asarray(channel.pixels) for name, channel in file.channels().items()}
    return _depth_channel(channels, path)


def _depth_channel(channels: dict[str, Any], path: Path) -> np.ndarray:
    """The channel of depth: Z, or one that is named after it, or the only one, or equal colours."""
    last = {name: name.rsplit(".", 1)[-1] for name in channels}
    named = [n for n in channels if last[n] == "Z"] or [n for n in channels if "depth" in n.lower()]
    grey = [n for n in channels if last[n] in ("Y", "V")]
    for found in (named, grey, list(channels) if len(channels) == 1 else []):
        if found:
            return channels[found[0]]
    colours = [n for letter in "RGB" for n in channels if last[n] == letter]
    if len(colours) == 3:
        return np.dstack([channels[name] for name in colours])
    raise InputError(f"{shown(path.name)} has no channel Z of depth; it has {_listed(list(channels))}.")


def _listed(names: list[str]) -> str:
    return shown(", ".join(names)) if names else "none"
