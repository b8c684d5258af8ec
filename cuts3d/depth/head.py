"""The embedded depth head: a small convolutional decoder on backbone tokens, guided by the photo.

Tokens of four blocks say what is near; a shallow stem on the half-resolution photo says where its edges are.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

TOKEN_LAYERS = (2, 5, 8, 11)
GUIDE_PER_PATCH = 7  # the guide is the photo at half the backbone's resolution


def output_size(grid: int) -> int:
    """Side of the head's output for a grid side: a quarter of the backbone's input."""
    return (GUIDE_PER_PATCH * grid + 1) // 2


def _conv(cin: int, cout: int, *, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(cin, cout, 3, stride, 1, bias=False), nn.GroupNorm(8, cout), nn.GELU())


class Residual(nn.Module):
    """Two 3x3 convolutions with a skip."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(_conv(channels, channels), nn.Conv2d(channels, channels, 3, padding=1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float [B, C, h, w] to the same."""
        return x + self.body(x)


class DepthHead(nn.Module):
    """Predicts relative inverse depth, larger = nearer, at a quarter of the backbone's input resolution.

    Args:
        channels: Width of the tokens.
        width: Width of the decoder on the patch grid.
        middle: Width of the decoder at twice the patch grid.
        fine: Width of the decoder on the fine grid.
    """

    def __init__(self, channels: int = 384, width: int = 128, middle: int = 64, fine: int = 32) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(channels) for _ in TOKEN_LAYERS)
        self.reduce = nn.ModuleList(nn.Linear(channels, width) for _ in TOKEN_LAYERS)
        self.coarse = nn.Sequential(_conv(width, width), Residual(width))
        self.middle = nn.Sequential(_conv(width, middle), Residual(middle))
        self.stem = nn.Sequential(_conv(3, 16, stride=2), _conv(16, fine))
        self.fuse = nn.Sequential(_conv(middle + fine, fine), Residual(fine))
        self.out = nn.Conv2d(fine, 1, 3, padding=1)

    def forward(self, tokens: list[torch.Tensor], guide: torch.Tensor, grid: tuple[int, int]) -> torch.Tensor:
        """Decode.

        Args:
            tokens: One float [B, h*w, C] per entry of `TOKEN_LAYERS`.
            guide: The photo in [0, 1], float [B, 3, 7h, 7w].
            grid: Patch grid (h, w).

        Returns:
            Inverse depth up to scale and shift, float [B, ceil(3.5h), ceil(3.5w)].
        """
        layers = zip(tokens, self.norms, self.reduce, strict=True)
        summed = torch.stack([reduce(norm(t)) for t, norm, reduce in layers]).sum(dim=0)
        coarse = self.coarse(summed.transpose(1, 2).unflatten(2, grid))  # [B, width, h, w]
        middle = self.middle(F.interpolate(coarse, scale_factor=2, mode="bilinear", align_corners=False))
        edges = self.stem(guide * 4 - 2)  # [B, fine, 3.5h, 3.5w]
        middle = F.interpolate(middle, size=edges.shape[-2:], mode="bilinear", align_corners=False)
        return self.out(self.fuse(torch.cat([middle, edges], dim=1)))[:, 0]
