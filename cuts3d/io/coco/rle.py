"""Run-length masks: encoding and decoding, checks of untrusted segmentations, areas, boxes and overlaps.

COCO has polygons and two kinds of run lengths; all become compressed run lengths. They are checked here because
pycocotools does not check them: its overlap loop never ends on run lengths that do not fill their image.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pycocotools.mask

from cuts3d.arrays import BoolArray, FloatArray, IntArray
from cuts3d.errors import shown
from cuts3d.io.coco.faults import EmptyMaskError, FrameError, GeometryError, Size, frame_difference
from cuts3d.io.coco.numbers import as_number
from cuts3d.io.limits import MAX_PIXELS

RLE = dict[str, Any]  # size [h, w], counts as bytes or ASCII text
_coco: Any = pycocotools.mask  # its type annotations are narrower than what it accepts
LONGEST_SIDE = 100_000  # pixels
LONGEST_RUN_CODES = 7  # of five bits each: more than 2³² pixels
FARTHEST = 2  # image sides that a polygon may reach beyond its image: pycocotools follows its border pixel by pixel


def encode_rle(mask: BoolArray) -> RLE:
    """Compressed run lengths of a mask, with `counts` as text, ready for JSON.

    Args:
        mask: bool [H, W].
    """
    rle = _coco.encode(np.asfortranarray(mask.astype(np.uint8)))
    return {"size": [int(s) for s in rle["size"]], "counts": rle["counts"].decode("ascii")}


def decode_rle(rle: RLE) -> BoolArray:
    """The mask of checked run lengths, bool [H, W], column by column in memory."""
    return _coco.decode(rle).view(np.bool_)


def to_rle(segmentation: Any, size: Size | None) -> RLE:
    """Check an untrusted COCO segmentation and compress it, without making a dense mask.

    Args:
        segmentation: Polygons, or run lengths with `counts` as text, bytes or a list.
        size: (h, w) of the image in pixels; None where the document does not state it.

    Returns:
        `size` [h, w] and `counts` (bytes).

    Raises:
        GeometryError: It cannot be used. Its subclass EmptyMaskError: no polygon has three points.
        FrameError: It is of the turned or resized image, so that no mask of its document fits.
        ValueError: It needs a size, and there is none. All messages complete "annotation 3 …".
    """
    if isinstance(segmentation, Mapping):
        return _from_runs(segmentation, size)
    if isinstance(segmentation, Sequence) and not isinstance(segmentation, (str, bytes)):
        return _from_polygons(segmentation, size)
    raise GeometryError("has a segmentation that is neither polygons nor run lengths")


def _from_runs(segmentation: Mapping[str, Any], size: Size | None) -> RLE:
    if "size" not in segmentation or "counts" not in segmentation:
        raise GeometryError("has run lengths without 'size' or without 'counts'")
    h, w = _stated_size(segmentation["size"])
    if size is not None and (h, w) != size:
        what = f"has a segmentation of {w}×{h} pixels on an image of {size[1]}×{size[0]}"
        reason = frame_difference((h, w), size)
        raise FrameError(f"{what}: {reason}") if reason else GeometryError(what)
    counts = segmentation["counts"]
    if isinstance(counts, str):
        counts = counts.encode("utf-8", "replace")
    runs = run_lengths(counts) if isinstance(counts, bytes) else _listed_runs(counts)
    if runs.min(initial=0) < 0 or runs.max(initial=0) > h * w or runs.sum() != h * w:
        raise GeometryError(f"has broken run lengths: they do not add up to {w}×{h} pixels")
    if isinstance(counts, bytes):
        return {"size": [h, w], "counts": counts}
    rle = _coco.frPyObjects({"size": [h, w], "counts": runs.tolist()}, h, w)
    return {"size": [h, w], "counts": rle["counts"]}


def _stated_size(size: Any) -> Size:
    sides = [as_number(side) for side in size] if isinstance(size, list | Sequence | np.ndarray) else []
    if len(sides) != 2 or any(side is None or side < 1 or side != int(side) for side in sides):
        raise GeometryError("has run lengths whose 'size' is not [height, width]")
    h, w = (int(side or 0) for side in sides)
    _check_pixels((h, w))
    return h, w


def _check_pixels(size: Size) -> None:
    """A few bytes can describe a mask of any size, so refuse masks that are larger than any photo."""
    if size[0] * size[1] > MAX_PIXELS or max(size) > LONGEST_SIDE:
        raise GeometryError(f"is on an image of {shown(size[1])}×{shown(size[0])} pixels, more than any photo has")


def _listed_runs(counts: Any) -> IntArray:
    try:
        return np.asarray(counts, dtype=np.int64).reshape(-1)
    except (TypeError, ValueError, OverflowError):
        raise GeometryError("has broken run lengths: 'counts' is neither text nor a list of whole numbers") from None


def run_lengths(counts: bytes) -> IntArray:
    """Decode COCO's compressed text to run lengths, background first; int64 [n].

    A character carries five bits of a number, the lowest bits first. Bit 32 says that the number continues; the last
    character of a number carries its sign. From the fourth run on, a number is the difference to the run two before.

    Raises:
        GeometryError: The text does not have this form.
    """
    codes = np.frombuffer(counts, dtype=np.uint8).astype(np.int64) - 48
    if not codes.size or codes.min() < 0 or codes.max() > 63 or codes[-1] & 32:
        raise GeometryError("has broken run lengths: 'counts' is not COCO's compressed text")
    ends = np.flatnonzero((codes & 32) == 0)
    starts = np.concatenate([[0], ends[:-1] + 1])
    lengths = ends - starts + 1
    if lengths.max() > LONGEST_RUN_CODES:
        raise GeometryError("has broken run lengths: a run is longer than any image")
    positions = np.arange(codes.size) - np.repeat(starts, lengths)  # of a character inside its number
    runs = np.add.reduceat((codes & 31) << (5 * positions), starts)
    runs -= np.where(codes[ends] & 16, np.left_shift(1, 5 * lengths), 0)
    runs[1::2] = np.cumsum(runs[1::2])
    runs[2::2] = np.cumsum(runs[2::2])
    return runs


def _from_polygons(segmentation: Sequence[Any], size: Size | None) -> RLE:
    if not len(segmentation):
        raise GeometryError("has an empty segmentation")
    if size is None:
        raise ValueError("has polygons, but its image states no 'width' and 'height'")
    try:
        polygons = [np.asarray(polygon, dtype=np.float64) for polygon in segmentation]
    except (TypeError, ValueError, OverflowError):
        raise GeometryError("has polygons that are not lists of numbers") from None
    if any(p.ndim != 1 or p.size % 2 or not np.isfinite(p).all() for p in polygons):
        raise GeometryError("has a polygon that is not x, y, x, y, …")
    polygons = [p for p in polygons if p.size >= 6]  # others have no area
    if not polygons:
        raise EmptyMaskError("has no polygon of three points or more")
    _check_pixels(size)
    if any(abs(p).max() > (1 + FARTHEST) * max(size) for p in polygons):
        raise GeometryError(f"has a polygon that reaches far beyond its image of {size[1]}×{size[0]} pixels")
    parts = _coco.frPyObjects([p.tolist() for p in polygons], *size)
    merged = _coco.merge(parts)
    return {"size": [int(s) for s in merged["size"]], "counts": merged["counts"]}


def rle_area(rle: RLE) -> float:
    """Pixels of a mask."""
    return float(_coco.area(rle))


def rle_box(rle: RLE) -> tuple[float, ...]:
    """Box (x, y, width, height) of a mask, in pixels."""
    return tuple(float(v) for v in _coco.toBbox(rle))


def rle_boxes(rles: Sequence[RLE]) -> FloatArray:
    """Boxes (x, y, width, height) of masks, in pixels; float64 [n, 4]."""
    return np.asarray(_coco.toBbox(list(rles))).reshape(-1, 4)


def rle_iou(first: Sequence[RLE], second: Sequence[RLE]) -> FloatArray:
    """IoU of every mask of the first list with every mask of the second; float64 [n, m]."""
    if not first or not second:
        return np.zeros((len(first), len(second)))
    return np.asarray(_coco.iou(list(first), list(second), [0] * len(second)))


def box_iou(first: Sequence[Sequence[float]], second: Sequence[Sequence[float]]) -> FloatArray:
    """IoU of boxes (x, y, width, height) of two lists, each with each; float64 [n, m]."""
    if not first or not second:
        return np.zeros((len(first), len(second)))
    boxes = [np.asarray(part, dtype=np.float64) for part in (first, second)]
    return np.asarray(_coco.iou(*boxes, [0] * len(second)))
