"""Reading a depth map of the user, which replaces the depth estimator."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import numpy as np
from PIL import Image

from cuts3d.errors import ConfigError, InputError, shown
from cuts3d.io.limits import DRAWINGS, MAX_PIXELS
from cuts3d.types import DepthKind, DepthMap

DepthInput = str | Path | np.ndarray | DepthMap
WORKING_SIDE = 1024  # enough: depth is used on grids of at most 240 points a side


def read_depth(
    source: DepthInput, *, kind: DepthKind = "relative", photo_shape: tuple[int, int] | None = None
) -> DepthMap:
    """Read a depth map.

    Args:
        source: PNG or TIFF of 8 or 16 bit (one channel, or three equal ones), `.npy`, `.exr` (where the OpenEXR
            package is installed), an array [H', W'], or a `DepthMap`, which is returned as it is. In integer files 0
            means unknown if `kind` is metric.
        kind: What the values mean; see `DepthMap`.
        photo_shape: (H, W) of the photo; the depth map must have the same aspect ratio.

    Returns:
        The depth map; a large one is subsampled to a longer side between 1,024 and 2,047.

    Raises:
        InputError: It cannot be read or does not fit the photo.
        ConfigError: `kind` is not one of the three.
    """
    if isinstance(source, DepthMap):
        return source
    if not isinstance(source, str | Path | np.ndarray):
        raise InputError(f"A depth map must be a path, an array or a DepthMap; this one is a {type(source).__name__}.")
    if not isinstance(kind, str) or kind not in get_args(DepthKind):
        raise ConfigError(f"depth_kind must be one of {', '.join(get_args(DepthKind))}; it is {shown(kind)}.")
    given = isinstance(source, np.ndarray)
    name = "depth array" if given else f"file {shown(Path(source).name)}"
    values = source if given else _read_file(Path(source))
    numbers = values.dtype.kind in "iuf"
    if numbers and values.ndim == 3 and values.shape[2] in (1, 3) and _equal_channels(values):
        values = values[..., 0]
    if not numbers or values.ndim != 2 or min(values.shape) < 2:
        raise InputError(
            f"Your {name} must hold one number per pixel, [H, W]; it is {list(values.shape)} {values.dtype}."
        )
    if photo_shape is not None:
        _check_aspect(name, values.shape, photo_shape)
    step = max(1, max(values.shape) // WORKING_SIDE)
    with np.errstate(over="ignore"):  # values beyond float32 become infinite, then unknown
        values = values[::step, ::step].astype(np.float32)
    values[~np.isfinite(values)] = np.nan
    return DepthMap(values=values, kind=kind, estimator=f"your {name}")


def _equal_channels(values: np.ndarray) -> bool:
    """Whether all channels are equal; NaN equals NaN."""
    first = values[..., :1]
    return bool(((values == first) | (np.isnan(values) & np.isnan(first))).all())


def _check_aspect(name: str, shape: tuple[int, ...], photo_shape: tuple[int, int]) -> None:
    ratio = (shape[0] / shape[1]) / (photo_shape[0] / photo_shape[1])
    if not 0.97 < ratio < 1 / 0.97:
        raise InputError(
            f"Your {name} is {shape[1]}×{shape[0]} and the photo {photo_shape[1]}×{photo_shape[0]}: "
            "their aspect ratios differ, so they cannot show the same scene."
        )


def _read_file(path: Path) -> np.ndarray:
    try:
        if not path.is_file():
            raise InputError(f"There is no file {shown(path.name)}.")
        if path.suffix.lower() == ".npy":
            return _read_npy(path)
        if path.suffix.lower() == ".exr":
            return _read_exr(path)
        with Image.open(path) as image:
            if image.format in DRAWINGS:
                raise ValueError("it is a drawing")
            if image.width * image.height > MAX_PIXELS:
                raise InputError(f"{shown(path.name)} is too large; the limit is {MAX_PIXELS // 10**6} megapixels.")
            return np.asarray(image.convert("RGB") if image.mode in ("P", "RGBA", "LA") else image)
    except InputError:
        raise
    except Exception as error:
        raise InputError(
            f"{shown(path.name)} is not a depth map that can be read ({type(error).__name__}); "
            "use PNG, TIFF, NPY or EXR."
        ) from error


def _read_npy(path: Path) -> np.ndarray:
    with path.open("rb") as file:  # `np.load` would also open an archive of arrays with this name
        return np.lib.format.read_array(file, allow_pickle=False)


def _read_exr(path: Path) -> np.ndarray:
    try:
        import OpenEXR  # pyright: ignore[reportMissingImports]
    except ImportError:
        raise InputError("Reading EXR needs the package OpenEXR: run 'pip install OpenEXR', or save as NPY.") from None
    with OpenEXR.File(str(path)) as file:
        channels = file.channels()
        first = next((channels[c] for c in ("Z", "Y", "R") if c in channels), next(iter(channels.values())))
        pixels = np.asarray(first.pixels)
        return pixels[..., 0] if pixels.ndim == 3 else pixels
