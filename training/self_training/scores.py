"""Scores of detections, before and after ranking."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cuts3d.errors import shown
from cuts3d.io.coco.numbers import as_number

DETECTOR_SCORE = "detector_score"  # where `rank_detections` keeps the detector's own score
ScoreRange = tuple[float, float]


def detector_score(entry: Mapping[str, Any]) -> float:
    """The detector's own score of a detection, ranked or not.

    Raises:
        ValueError: There is none; the message is the end of the sentence "annotation 3 …".
    """
    value = entry.get(DETECTOR_SCORE, entry.get("score"))
    number = as_number(value)
    if number is None:
        raise ValueError(f"has the 'score' {shown(value)}, which is no number; give what 'cuts3d detect' wrote")
    return number


def rescaled(score: float, old: ScoreRange, new: ScoreRange) -> float:
    """A score mapped linearly from one range to another; scores outside the old range become an end of the new one."""
    if old == new:
        return score
    fraction = min(max((score - old[0]) / (old[1] - old[0]), 0.0), 1.0)
    return new[0] + fraction * (new[1] - new[0])
