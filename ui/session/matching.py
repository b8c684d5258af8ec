"""Masks of several pictures that show the same object."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cuts3d.io.coco import rle_iou

PSEUDO_SCORE = 2.0  # stands for the score of a pseudo-mask, so that it is numbered before every detection


def same_objects(views: Sequence[Sequence[tuple[float, dict[str, Any]]]], *, least_iou: float = 0.5) -> list[list[int]]:
    """Number the objects of several views; the same object has the same number in each.

    Masks are matched in the order of their scores. So a lower threshold only adds numbers at the end; the numbers of
    the other masks stay the same.

    Args:
        views: For each view a list of (score, run lengths); masks with a score above 1 come first.
        least_iou: Least IoU of two masks of the same object.

    Returns:
        A number for each mask, from 0; no two masks of one view have the same number.
    """
    entries = [(score, v, index, rle) for v, view in enumerate(views) for index, (score, rle) in enumerate(view)]
    entries.sort(key=lambda entry: (-entry[0], entry[1], entry[2]))
    numbers = [[-1] * len(view) for view in views]
    if not entries:
        return numbers
    rles = [entry[3] for entry in entries]
    overlap = rle_iou(rles, rles)
    count, taken = 0, []
    for n, (_, view, index, _) in enumerate(entries):
        others = [(float(overlap[n, m]), number) for m, number in enumerate(taken) if number not in numbers[view]]
        best, number = max(others, default=(0.0, -1))
        if best < least_iou:
            number, count = count, count + 1
        numbers[view][index] = number
        taken.append(number)
    return numbers
