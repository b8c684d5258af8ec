"""Features of boxes, pooled from the level of the pyramid that fits their size."""

from __future__ import annotations

import torch
import torchvision.ops
from torch import Tensor, nn

from cuts3d.detector.roi_align import roi_align

SMALL_MAP = 4096  # cells; up to this size matrix products are faster on a CPU


class Pooler(nn.Module):
    """RoIAlign with `aligned=True`, as in detectron2: without the half-pixel shift of torchvision's own pooler.

    Args:
        side: Cells along a side of the result.
        strides: Strides of the levels, in pixels, each twice the one before.
        canonical: Side of a box that is pooled at stride 16, in pixels.
    """

    def __init__(self, side: int, strides: tuple[int, ...], canonical: int) -> None:
        super().__init__()
        self.side, self.strides, self.canonical = side, strides, canonical

    def forward(self, features: list[Tensor], boxes: list[Tensor]) -> Tensor:
        """Pooled features, float32 [sum n, C, side, side], of each photo's boxes [n, 4] (xyxy)."""
        photos = torch.cat([torch.full((len(b), 1), float(i), device=b.device) for i, b in enumerate(boxes)])
        rois = torch.cat((photos, torch.cat(boxes).float()), dim=1)
        pooled = rois.new_zeros((len(rois), features[0].shape[1], self.side, self.side))  # float32 under autocast too
        levels = self._levels(rois[:, 1:])
        for level, (feature, stride) in enumerate(zip(features, self.strides, strict=False)):
            here = torch.nonzero(levels == level)[:, 0]
            pooled = pooled.index_put((here,), self._pool(feature.float(), rois[here], 1 / stride))
        return pooled

    def _pool(self, feature: Tensor, rois: Tensor, scale: float) -> Tensor:
        if feature.device.type == "cpu" and feature.shape[2] * feature.shape[3] <= SMALL_MAP:
            return roi_align(feature, rois, self.side, scale)
        return torchvision.ops.roi_align(feature, rois, self.side, scale, 0, aligned=True)

    def _levels(self, boxes: Tensor) -> Tensor:
        """Index of each box's level, int64 [n] (FPN, Eq. 1): stride 16 at the canonical side, one level a doubling."""
        sides = ((boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])).clamp(min=0).sqrt()
        first = self.strides[0].bit_length() - 1
        levels = torch.floor(4 + torch.log2(sides / self.canonical + 1e-8)).long()
        return levels.clamp(first, first + len(self.strides) - 1) - first
