"""The records that flow through training: a photo with its labels, and what the network finds."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Detections:
    """What the network finds in a photo, best first.

    Attributes:
        boxes: float32 [n, 4], xyxy in pixels of the photo.
        scores: float32 [n] in [0, 1].
        masks: Probabilities inside the boxes, float32 [n, 28, 28].
    """

    boxes: Tensor
    scores: Tensor
    masks: Tensor
