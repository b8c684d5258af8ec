"""Fields of an untrusted annotation. The message of each ValueError completes "annotation 3 …"."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sized
from numbers import Real
from typing import Any

import numpy as np

from cuts3d.errors import shown
from cuts3d.io.coco.images import Size
from cuts3d.io.coco.rle import RLE, to_rle


def mask_field(entry: Mapping[str, Any], size: Size | None) -> RLE | None:
    """The `segmentation`, checked; None where there is none. See `to_rle`.

    Raises:
        ValueError: It cannot be used.
    """
    segmentation = entry.get("segmentation")
    return None if _is_empty(segmentation) else to_rle(segmentation, size)


def box_field(entry: Mapping[str, Any]) -> tuple[float, ...] | None:
    """The `bbox` (x, y, width, height) in pixels; None where there is none.

    Raises:
        ValueError: It is not four finite numbers, or its width or height is negative.
    """
    box = entry.get("bbox")
    if _is_empty(box):
        return None
    try:
        values = np.asarray(box, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        values = np.empty(0)
    if values.shape != (4,) or not np.isfinite(values).all() or values[2:].min() < 0:
        raise ValueError(f"has the box {shown(box)}: four numbers x, y, width, height are expected")
    return tuple(values.tolist())


def number_field(entry: Mapping[str, Any], key: str) -> float:
    """A field that must be a finite number.

    Raises:
        ValueError: It is missing, or it is something else.
    """
    if key not in entry:
        raise ValueError(f"has no '{key}'")
    if not isinstance(entry[key], Real) or not abs(entry[key]) <= sys.float_info.max:
        raise ValueError(f"has the {key} {shown(entry[key])}: a finite number is expected")
    return float(entry[key])


def _is_empty(value: Any) -> bool:
    """COCO writes an empty list where there is nothing."""
    return value is None or (isinstance(value, Sized) and not len(value))
