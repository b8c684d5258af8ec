"""Anchors as in detectron2: not rounded, centred on multiples of each level's stride."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torchvision.models.detection.image_list import ImageList

RATIOS = (0.5, 1.0, 2.0)  # height over width


class Anchors(nn.Module):
    """Anchors of one size and three aspect ratios per level; it replaces torchvision's `AnchorGenerator`.

    Torchvision rounds anchors and computes the stride from the padded photo's size, which is wrong for levels of odd
    size.

    Args:
        sizes: Square root of the anchors' area, in pixels, by level.
        strides: Strides of the levels, in pixels.
    """

    def __init__(self, sizes: tuple[int, ...], strides: tuple[int, ...]) -> None:
        super().__init__()
        self.sizes, self.strides = sizes, strides

    def num_anchors_per_location(self) -> list[int]:
        """Number of anchors at each cell, by level."""
        return [len(RATIOS)] * len(self.sizes)

    def forward(self, images: ImageList, features: list[Tensor]) -> list[Tensor]:
        """Anchors of each photo of a batch, float32 [sum of h * w * 3, 4], xyxy; they are the same for all photos."""
        levels = zip(self.sizes, self.strides, features, strict=True)
        anchors = torch.cat([_level(size, stride, f) for size, stride, f in levels])
        return [anchors] * len(images.image_sizes)


def _level(size: int, stride: int, feature: Tensor) -> Tensor:
    h, w = feature.shape[-2:]
    ratios = torch.tensor(RATIOS, device=feature.device)
    widths = size / ratios.sqrt()
    half = torch.stack((widths, widths * ratios), dim=1) / 2  # [3, 2]
    y, x = torch.meshgrid(
        torch.arange(h, device=feature.device) * stride, torch.arange(w, device=feature.device) * stride, indexing="ij"
    )
    centres = torch.stack((x, y), dim=-1).reshape(-1, 1, 2).float()
    return torch.cat((centres - half, centres + half), dim=-1).reshape(-1, 4)
