"""What looks like a mistake of a file: boxes that do not fit masks or images, and repeated annotations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence

import numpy as np

from cuts3d.arrays import BoolArray, FloatArray
from cuts3d.errors import InputError
from cuts3d.evaluate.items import Item
from cuts3d.evaluate.notices import Notice, counted, examples
from cuts3d.io.coco import ImageId, Size, rle_boxes

TOLERANCE = 0.25  # of a side of the mask's box, by which an edge of a stated box may differ …
PIXELS = 3.0  # … or pixels, if they are more
BEYOND = 2.0  # pixels that a box may reach beyond its image
LEAST = 0.01  # fraction of wrong boxes worth a sentence where another reading of them fits …
MOST = 0.5  # … and where none does: boxes of a network often differ from its masks (a fifth of them in our detector)
READINGS: Mapping[str, Callable[[FloatArray], FloatArray]] = {
    "(x, y, x2, y2)": lambda b: np.stack([b[:, 0], b[:, 1], b[:, 2] - b[:, 0], b[:, 3] - b[:, 1]], axis=1),
    "(centre x, centre y, width, height)": lambda b: np.stack(
        [b[:, 0] - b[:, 2] / 2, b[:, 1] - b[:, 3] / 2, b[:, 2], b[:, 3]], axis=1
    ),
    "(y, x, height, width)": lambda b: b[:, [1, 0, 3, 2]],
}
"""Other orders of the four numbers, as boxes (x, y, width, height); both float64 [n, 4]."""


def check_agreement(noun: str, whose: str, found: Sequence[Item], sizes: Mapping[ImageId, Size]) -> list[Notice]:
    """What looks like a mistake.

    Args:
        noun: "object" or "prediction".
        whose: What an error calls the document.
        found: Its annotations.
        sizes: (h, w) of the images in pixels, where they are known.

    Raises:
        InputError: All boxes lie between 0 and 1, so they are fractions of the image.
    """
    sized = [item for item in found if item.image in sizes]
    boxes = np.array([item.box for item in sized], dtype=np.float64).reshape(-1, 4)
    sides = np.array([sizes[item.image][::-1] for item in sized], dtype=np.float64).reshape(-1, 2)  # w, h
    if len(boxes) and (boxes[:, :2] + boxes[:, 2:]).max() <= 1 < sides.min():
        raise InputError(f"{whose}: all boxes lie between 0 and 1; give pixels, not fractions of the image.")
    bare = np.array([item.mask is None for item in sized], dtype=np.bool_)
    outside = _boxes_in_images(noun, boxes[bare], sides[bare])
    return [*_boxes_of_masks(noun, found), *outside, *_repeated(noun, found)]


def _boxes_of_masks(noun: str, found: Sequence[Item]) -> list[Notice]:
    """Says how many boxes differ clearly from those of their masks, and which reading would fit."""
    both = [item for item in found if item.mask is not None]
    if not both:
        return []
    boxes = np.array([item.box for item in both], dtype=np.float64)
    wanted = rle_boxes([item.mask for item in both if item.mask is not None])
    wrong = ~_fits(boxes, wanted)
    count = int(wrong.sum())
    hints = {reading: _fits(read(boxes[wrong]), wanted[wrong]) for reading, read in READINGS.items()}
    hint = _best(hints)
    if not count or count < (LEAST if hint else MOST) * len(both):
        return []
    text = (
        f"The boxes of {count} of {counted(len(both), noun)} differ clearly from the boxes of their masks{hint or '.'}"
    )
    return [Notice(f"{noun}_boxes", count, text)]


def _boxes_in_images(noun: str, boxes: FloatArray, sides: FloatArray) -> list[Notice]:
    """Says how many boxes without a mask reach beyond their images, and which reading would keep them inside."""
    wrong = ~_inside(boxes, sides)
    count = int(wrong.sum())
    hint = _best({reading: _inside(read(boxes), sides) for reading, read in READINGS.items()}, least=1.0)
    if not count or count < (LEAST if hint else MOST) * len(boxes):
        return []
    text = f"The boxes of {count} of {counted(len(boxes), noun)} reach beyond their images{hint or '.'}"
    return [Notice(f"{noun}_boxes_beyond", count, text)]


def _fits(boxes: FloatArray, wanted: FloatArray) -> BoolArray:
    """Whether all four edges are near those of the wanted boxes; bool [n]."""
    allowed = np.maximum(TOLERANCE * wanted[:, 2:], PIXELS)
    start = np.abs(boxes[:, :2] - wanted[:, :2])
    end = np.abs(boxes[:, :2] + boxes[:, 2:] - wanted[:, :2] - wanted[:, 2:])
    return np.asarray(np.all((start <= allowed) & (end <= allowed), axis=1))


def _inside(boxes: FloatArray, sides: FloatArray) -> BoolArray:
    """Whether boxes have an area and lie inside their images; bool [n]."""
    inside = (boxes[:, :2] >= -BEYOND) & (boxes[:, :2] + boxes[:, 2:] <= sides + BEYOND) & (boxes[:, 2:] > 0)
    return np.asarray(inside.all(axis=1))


def _best(hints: Mapping[str, BoolArray], *, least: float = 0.5) -> str:
    """The reading that fits most boxes, as a question; empty if it fits too few."""
    reading, fits = max(hints.items(), key=lambda one: int(one[1].sum()))
    return f"; are they {reading}?" if fits.size and fits.mean() >= least else ""


def _repeated(noun: str, found: Sequence[Item]) -> list[Notice]:
    """Says which ids and which whole annotations occur more than once; all of them are counted."""
    ids = _twice(item.key for item in found if item.key is not None)
    wholes = _twice((item.image, item.mask and item.mask["counts"], item.box, item.score) for item in found)
    notices = []
    if ids:
        text = f"{counted(len(ids), 'annotation id')} of the {noun}s used more than once, such as {examples(ids)}."
        notices.append(Notice(f"repeated_{noun}_ids", len(ids), text))
    if wholes:
        images = dict.fromkeys(whole[0] for whole in wholes)  # pyright: ignore[reportIndexIssue]
        text = f"{counted(len(wholes), noun)} more than once on the same image, with the same mask, box and score; all "
        text += f"count (images {examples(images)})."
        notices.append(Notice(f"repeated_{noun}s", len(wholes), text))
    return notices


def _twice(keys: Iterable[Hashable]) -> list[Hashable]:
    return [key for key, times in Counter(keys).items() if times > 1]
