"""Detections: as the network gives them (tensors), and drawn into the photo (arrays)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from torch import Tensor

from cuts3d.arrays import BoolArray

Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class RawDetections:
    """The output of the network for one photo, best score first.

    Attributes:
        boxes: float32 [n, 4], xyxy in pixels of the network's input.
        scores: float32 [n] in [0, 1].
        masks: Probabilities inside the boxes, float32 [n, 28, 28].
    """

    boxes: Tensor
    scores: Tensor
    masks: Tensor


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Detection:
    """One object that a detector found in a photo.

    Attributes:
        mask: bool [H, W] at the photo's size, never empty; it exceeds the box by less than a pixel.
        box: The network's box, (x0, y0, x1, y1) in pixels of the photo.
        score: Confidence in [0, 1].
    """

    mask: BoolArray
    box: Box
    score: float

    @property
    def area(self) -> int:
        """Pixels of the mask."""
        return int(np.count_nonzero(self.mask))

    @property
    def bbox(self) -> Box:
        """The network's box as COCO has it: (x, y, width, height) in pixels."""
        x0, y0, x1, y1 = self.box
        return (x0, y0, x1 - x0, y1 - y0)
