"""Reading a depth map of the user, which replaces the depth estimator."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import numpy as np

from cuts3d.arrays import BoolArray
from cuts3d.errors import ConfigError, InputError, shown
from cuts3d.io.depth_files import read_depth_file
from cuts3d.io.depth_frames import in_photo_frame
from cuts3d.io.depth_holes import find_unknown
from cuts3d.types import DepthKind, DepthMap

DepthInput = str | Path | np.ndarray | DepthMap
WORKING_SIDE = 1024  # enough: depth is used on grids of at most 240 points a side
INVERSE = ("disparity", "disp", "inverse_depth")  # names of arrays that say what their values mean


def read_depth(
    source: DepthInput,
    *,
    kind: DepthKind = "relative",
    photo_shape: tuple[int, int] | None = None,
    orientation: int = 1,
) -> DepthMap:
    """Read a depth map, and mark the values that are unknown.

    Args:
        source: PNG or TIFF of any number type (one channel, or equal ones; fully transparent pixels are unknown),
            `.npy`, `.npz` (one array, or one that is named depth, disparity or arr_0), `.pfm`, `.exr` (with the package
            OpenEXR), an array [H', W'], or a `DepthMap`, which is returned as it is.
        kind: What the values mean; see `DepthMap`.
        photo_shape: (H, W) of the photo as seen; the depth map must have the same aspect ratio.
        orientation: EXIF orientation that was applied to the photo (`Photo.orientation`). A depth map with the aspect
            ratio of the stored photo is turned in the same way.

    Returns:
        The depth map; a large one is subsampled to a longer side between 1,024 and 2,047. Unknown values (see
        `find_unknown`) are NaN. Its notes say what was found and done.

    Raises:
        InputError: It cannot be read, does not fit the photo, or holds no known value.
        ConfigError: `kind` is not one of the three.
    """
    if isinstance(source, DepthMap):
        return source
    if not isinstance(source, str | Path | np.ndarray):
        raise InputError(_other_kind(source))
    if not isinstance(kind, str) or kind not in get_args(DepthKind):
        raise ConfigError(f"depth_kind must be one of {', '.join(get_args(DepthKind))}; it is {shown(kind)}.")
    given = isinstance(source, np.ndarray)
    name = "depth array" if given else f"file {shown(Path(source).name)}"
    numbers, array_name = (source, "") if given else read_depth_file(Path(source))
    values, missing = _one_channel(numbers, name)
    turned = ""
    if photo_shape is not None:
        values, turned = in_photo_frame(values, name, photo_shape, orientation)
        missing = None if missing is None else in_photo_frame(missing, name, photo_shape, orientation)[0]
    step = max(1, max(values.shape) // WORKING_SIDE)
    values = values[::step, ::step]
    found = find_unknown(values, kind, missing=None if missing is None else missing[::step, ::step])
    if found.mask.all():
        raise InputError(f"Your {name} holds no known depth: every value is {found.reasons}.")
    with np.errstate(over="ignore"):  # values beyond float32 are unknown
        depth = values.astype(np.float32)
    depth[found.mask] = np.nan
    notes = (_array_note(array_name, kind), turned, *found.notes, _constant_note(depth))
    return DepthMap(values=depth, kind=kind, estimator=f"your {name}", notes=tuple(note for note in notes if note))


def _one_channel(values: np.ndarray, name: str) -> tuple[np.ndarray, BoolArray | None]:
    """One number per pixel [H', W'], and which pixels are masked or transparent.

    Raises:
        InputError: It has another shape or type, or its channels differ.
    """
    missing: BoolArray | None = None
    if isinstance(values, np.ma.MaskedArray):
        missing, values = np.ma.getmaskarray(values), values.data
    numbers = values.dtype.kind in "iuf" and values.dtype.itemsize <= 16
    if values.ndim == 3 and values.shape[0] == 1 and values.shape[2] > 4:  # channels first
        values, missing = values[0], None if missing is None else missing[0]
    if numbers and values.ndim == 3 and values.shape[2] == 4:  # the last channel is opacity
        clear = values[..., -1] == 0
        values, missing = values[..., :-1], clear if clear.any() and not clear.all() else None
    if numbers and values.ndim == 3 and values.shape[2] == 3 and not _equal_channels(values):
        raise InputError(
            f"Your {name} is a colour picture: its channels differ, so it does not hold one number per pixel, [H, W]; "
            "colours cannot be turned back into depth, save the numbers themselves."
        )
    if numbers and values.ndim == 3 and values.shape[2] in (1, 3):
        values, missing = (
            values[..., 0],
            missing if missing is None or missing.ndim == 2 else np.logical_or.reduce(missing, axis=2),
        )
    if not numbers or values.ndim != 2 or min(values.shape) < 2:
        raise InputError(
            f"Your {name} must hold one number per pixel, [H, W]; it is {list(values.shape)} {values.dtype}."
        )
    return values.astype(values.dtype.newbyteorder("="), copy=False), missing


def _equal_channels(values: np.ndarray) -> bool:
    """Whether all channels are equal; NaN equals NaN."""
    first = values[..., :1]
    return bool(((values == first) | (np.isnan(values) & np.isnan(first))).all())


def _other_kind(source: Any) -> str:
    hint = " Of a tensor, give tensor.cpu().numpy()." if hasattr(source, "detach") else ""
    return f"A depth map must be a path, an array or a DepthMap; this one is a {type(source).__name__}.{hint}"


def _array_note(array_name: str, kind: DepthKind) -> str:
    if array_name in INVERSE and kind != "disparity":
        return f"The array '{array_name}' was read as {kind} depth; if larger is nearer, choose disparity."
    return ""


def _constant_note(depth: np.ndarray) -> str:
    constant = np.nanmax(depth) == np.nanmin(depth)
    return "Your depth map has one value everywhere, so nothing can be cut by depth." if constant else ""
