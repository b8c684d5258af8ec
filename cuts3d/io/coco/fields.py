"""Fields of an untrusted annotation. The message of each ValueError completes "annotation 3 …"."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Sized
from typing import Any

from cuts3d.errors import shown
from cuts3d.io.coco.faults import EmptyMaskError, GeometryError, Size
from cuts3d.io.coco.numbers import as_flag, as_number
from cuts3d.io.coco.rle import RLE, rle_area, to_rle


def mask_field(entry: Mapping[str, Any], size: Size | None) -> RLE | None:
    """The `segmentation`, checked; None where there is none.

    Raises:
        EmptyMaskError: It has no pixel. See `to_rle` for the other errors.
    """
    segmentation = entry.get("segmentation")
    if _is_empty(segmentation):
        return None
    found = to_rle(segmentation, size)
    if not rle_area(found):
        raise EmptyMaskError("has a mask without any pixel inside its image")
    return found


def box_field(entry: Mapping[str, Any], size: Size | None) -> tuple[float, ...] | None:
    """The `bbox` (x, y, width, height) in pixels; None where there is none.

    Raises:
        GeometryError: It is not four finite numbers, has no area, or does not touch its image of `size` (h, w).
    """
    box = entry.get("bbox")
    if _is_empty(box):
        return None
    values = [as_number(value) for value in box or ()] if _is_list(box) else []
    if len(values) != 4 or None in values or min(value or 0 for value in values[2:]) < 0:
        raise GeometryError(f"has the box {shown(box)}: four numbers x, y, width, height are expected")
    x, y, w, h = (value or 0.0 for value in values)
    if not w or not h:
        raise GeometryError(f"has the box {shown(box)}, which has no area")
    if size is not None and (x >= size[1] or y >= size[0] or x + w <= 0 or y + h <= 0):
        raise GeometryError(f"has the box {shown(box)}, which is outside of its image of {size[1]}×{size[0]} pixels")
    return x, y, w, h


def number_field(entry: Mapping[str, Any], key: str) -> float:
    """A field that must be a finite number, or text of one.

    Raises:
        ValueError: It is missing, or it is something else.
    """
    if key not in entry:
        raise ValueError(f"has no '{key}'")
    value = as_number(entry[key])
    if value is None:
        raise ValueError(f"has the {key} {shown(entry[key])}: a finite number is expected")
    return value


def crowd_field(entry: Mapping[str, Any]) -> bool:
    """The `iscrowd`: 0 or 1, also as true or false, as a float or as text; False where it is missing.

    Raises:
        ValueError: It is something else.
    """
    value = entry.get("iscrowd")
    found = False if value is None else as_flag(value)
    if found is None:
        raise ValueError(f"has the iscrowd {shown(value)}: 0 or 1 is expected")
    return found


def _is_list(value: Any) -> bool:
    return isinstance(value, list) or (isinstance(value, Sequence) and not isinstance(value, str | bytes))


def _is_empty(value: Any) -> bool:
    """COCO writes an empty list where there is nothing, some tools an empty list in a list."""
    if isinstance(value, dict):
        return not value
    if _is_list(value) and len(value) == 1 and _is_list(value[0]):
        value = value[0]
    return value is None or (isinstance(value, Sized) and not len(value))
