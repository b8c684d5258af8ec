"""A mask as a COCO annotation, with its spatial confidence in a few dozen bytes."""

from __future__ import annotations

import base64
import zlib
from typing import Any

import numpy as np

from cuts3d.arrays import FloatArray
from cuts3d.errors import InputError, shown
from cuts3d.io import coco
from cuts3d.types import FoundMask

LEVELS = 255  # steps of the quantised confidence
LONGEST_SIDE = 4096  # of a confidence map: a few bytes must not request gigabytes of memory


def annotation(found: FoundMask) -> dict[str, Any]:
    """The record of one mask, without `id` and `image_id`.

    In addition to COCO's own fields it has `score`, `mean_confidence`, `confidence` (see `decode_confidence`) and
    `fallback`; the last three are None where the method does not give them.
    """
    values = found.coarse_confidence
    return coco.annotation(
        found.mask,
        score=found.score,
        mean_confidence=None if values is None else round(found.mean_confidence, 6),
        confidence=None if values is None else encode_confidence(values),
        fallback=found.fallback or None,
    )


def encode_confidence(values: FloatArray) -> dict[str, Any]:
    """A confidence map, quantised to 255 steps, deflated, as base64 text.

    Args:
        values: float [h, w] in [0, 1] on the grid of the cut, 1 outside the mask.
    """
    levels = np.rint(np.clip(values, 0.0, 1.0) * LEVELS).astype(np.uint8)
    return {"size": list(levels.shape), "zlib": base64.b64encode(zlib.compress(levels.tobytes(), 9)).decode("ascii")}


def decode_confidence(record: dict[str, Any]) -> FloatArray:
    """The inverse of `encode_confidence`, to within 1/510.

    Returns:
        float32 [h, w] in [0, 1].

    Raises:
        InputError: It is not such a record.
    """
    try:
        h, w = (int(side) for side in record["size"])
        if not (0 < h <= LONGEST_SIDE and 0 < w <= LONGEST_SIDE):
            raise ValueError(f"its size is {shown(h)}×{shown(w)}")
        unpacker = zlib.decompressobj()
        content = unpacker.decompress(base64.b64decode(record["zlib"], validate=True), h * w + 1)
        return np.frombuffer(content, dtype=np.uint8).reshape(h, w).astype(np.float32) / LEVELS
    except (KeyError, TypeError, ValueError, OverflowError, zlib.error) as error:
        raise InputError(f"This is no confidence map in the format of 'cuts3d extract' ({error}).") from error
