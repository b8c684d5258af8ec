"""Photos and labels with everything that a format may not hold."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cuts3d.arrays import BoolArray
from cuts3d.io.coco import encode_rle

SIZE: tuple[int, int] = (90, 120)
NAMES = ("plain.jpg", "ein ordner/größe 日本.jpg", "nothing.jpg")


@dataclass(frozen=True)
class Sample:
    """A document, its photos, and the masks of each photo."""

    document: dict[str, Any]
    photos: Path
    masks: dict[str, list[BoolArray]]


def disc(row: int, column: int, radius: int) -> BoolArray:
    y, x = np.mgrid[: SIZE[0], : SIZE[1]]
    return (y - row) ** 2 + (x - column) ** 2 <= radius**2


def shapes() -> list[BoolArray]:
    """A disc, a ring, two discs as one object, and a frame with two holes."""
    frame = np.zeros(SIZE, dtype=bool)
    frame[60:85, 70:115] = True
    frame[65:70, 75:80] = frame[72:80, 90:110] = False
    return [disc(20, 20, 12), disc(30, 60, 18) & ~disc(30, 60, 8), disc(20, 100, 9) | disc(65, 20, 14), frame]


def annotation(own_id: int, image: int, mask: BoolArray) -> dict[str, Any]:
    from cuts3d.io import coco

    confidence = {"size": [1, 2], "zlib": "eJxjAAAAAQAB"}
    more = {"mean_confidence": 0.5, "confidence": confidence}
    return {"id": own_id, "image_id": image, **coco.annotation(mask, score=own_id / 10, **more)}


def speck(*pixels: tuple[int, int]) -> dict[str, Any]:
    mask = np.zeros(SIZE, dtype=bool)
    for row, column in pixels:
        mask[row, column] = True
    return encode_rle(mask)
