"""Training photos with their labels, as tensors."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Sample:
    """A photo with its pseudo-labels, at one size.

    Attributes:
        image: float32 [3, H, W], RGB in [0, 1].
        masks: bool [n, H, W]; none of them empty.
        confidence: Spatial confidence, float32 [n, H, W] in [0, 1]; 1 outside the mask and where it is unknown.
        scores: Scores of the pseudo-labels, float32 [n] in [0, 1].
        mean_confidence: Mean spatial confidence inside each mask, float32 [n] in [0, 1].
        name: Name of the photo, for errors.
    """

    image: Tensor
    masks: Tensor
    confidence: Tensor
    scores: Tensor
    mean_confidence: Tensor
    name: str = ""

    @property
    def boxes(self) -> Tensor:
        """Boxes of the masks, float32 [n, 4], xyxy in pixels; right and bottom are one past the last pixel."""
        return boxes_of(self.masks)

    def keep(self, chosen: Tensor) -> Sample:
        """The photo with only some labels, chosen by bool [n] or by index."""
        names = ("masks", "confidence", "scores", "mean_confidence")
        return dataclasses.replace(self, **{name: getattr(self, name)[chosen] for name in names})

    def to(self, device: torch.device | str) -> Sample:
        """A copy on another device."""
        names = ("image", "masks", "confidence", "scores", "mean_confidence")
        moved = {name: getattr(self, name).to(device, non_blocking=True) for name in names}
        return dataclasses.replace(self, **moved)


def boxes_of(masks: Tensor) -> Tensor:
    """Boxes of masks.

    Args:
        masks: bool [n, H, W], none empty.

    Returns:
        float32 [n, 4], xyxy; right and bottom are one past the last pixel, as in COCO.
    """
    if not len(masks):
        return masks.new_zeros((0, 4), dtype=torch.float32)
    ends = []
    for axis in (1, 2):  # columns, then rows
        hit = masks.view(torch.uint8).amax(dim=axis)  # [n, W] or [n, H]; much faster than of bools
        ends.append((hit.argmax(1), hit.shape[1] - hit.flip(1).argmax(1)))
    (x0, x1), (y0, y1) = ends
    return torch.stack((x0, y0, x1, y1), dim=1).float()
