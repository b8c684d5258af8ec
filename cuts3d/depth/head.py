"""The embedded depth head: a small convolutional decoder on backbone tokens, guided by the photo.

The tokens of four blocks carry the depth. A shallow stem on the photo at half resolution finds the edges. The output of
the network is smooth; a step without weights then sharpens its depth borders and aligns them with those of the photo.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import nn

TOKEN_LAYERS = (2, 5, 8, 11)
GUIDE_PER_PATCH = 7  # the guide is the photo at half the backbone's resolution

COLOUR_SIGMA = 0.12  # standard deviation of the joint bilateral filter, for colours in [0, 1]
WINDOW = 9  # side of the window that must contain both sides of a border, in pixels of the output
RISE = (0.05, 0.11)  # as a fraction of the depth range across a window: a floor stays below, a border rises above both
STEEPER = 3.0  # factor by which a border becomes steeper


def smooth_size(grid: int) -> int:
    """Side of the smooth depth for a grid side: a quarter of the backbone's input."""
    return (GUIDE_PER_PATCH * grid + 1) // 2


def output_size(grid: int) -> int:
    """Side of the head's output for a grid side: half the backbone's input."""
    return GUIDE_PER_PATCH * grid


def sharpen(smooth: torch.Tensor, guide: torch.Tensor) -> torch.Tensor:
    """Depth at the photo's size, with steep borders that follow those of the photo.

    Args:
        smooth: Float [B, h, w].
        guide: The photo in [0, 1], float [B, 3, H, W].

    Returns:
        Float [B, H, W].
    """
    fitted = fit_to_photo(smooth, F.interpolate(guide, smooth.shape[-2:], mode="area"))
    return steepen(F.interpolate(fitted[:, None], guide.shape[-2:], mode="bilinear", align_corners=False)[:, 0])


def fit_to_photo(depth: torch.Tensor, photo: torch.Tensor, radius: int = 2) -> torch.Tensor:
    """Mean of the depth around each pixel, weighted by similarity of colour (joint bilateral filter).

    Args:
        depth: Float [B, h, w].
        photo: In [0, 1], float [B, 3, h, w].
        radius: Radius of the window in pixels.

    Returns:
        Float [B, h, w].
    """
    (h, w), pad = depth.shape[-2:], (radius,) * 4
    padded, colours = F.pad(depth[:, None], pad, mode="replicate")[:, 0], F.pad(photo, pad, mode="replicate")
    total, weights = torch.zeros_like(depth), torch.zeros_like(depth)
    for y in range(2 * radius + 1):
        for x in range(2 * radius + 1):
            distance = (colours[:, :, y : y + h, x : x + w] - photo).square().sum(dim=1)
            weight = torch.exp(distance * (-0.5 / COLOUR_SIGMA**2))
            weights += weight
            total += weight * padded[:, y : y + h, x : x + w]
    return total / weights


def steepen(depth: torch.Tensor) -> torch.Tensor:
    """Make steep ramps three times as steep, within the extremes of their window; gentle slopes do not change.

    Args:
        depth: Float [B, H, W].

    Returns:
        Float [B, H, W]; each value lies between the extremes of its window.
    """
    low, high = -_largest(-depth, WINDOW), _largest(depth, WINDOW)
    rise = high - low
    ends = torch.quantile(depth[:, ::2, ::2].flatten(1), depth.new_tensor([0.01, 0.99]), dim=1)
    scale = (ends[1] - ends[0])[:, None, None].clamp_min(1e-9)
    gentle, steep = RISE
    border = ((rise / scale - gentle) / (steep - gentle)).clamp(0, 1)
    steeper = (STEEPER * ((depth - low) / rise.clamp_min(1e-9) - 0.5) + 0.5).clamp(0, 1)
    return torch.lerp(depth, low + steeper * rise, border)


def _largest(x: torch.Tensor, window: int) -> torch.Tensor:
    pad = window // 2  # along rows, then along columns: much cheaper than a square window
    return F.max_pool2d(F.max_pool2d(x, (1, window), 1, (0, pad)), (window, 1), 1, (pad, 0))


def _conv(cin: int, cout: int, *, stride: int = 1) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(cin, cout, 3, stride, 1, bias=False), nn.GroupNorm(8, cout), nn.GELU())


class Residual(nn.Module):
    """Two 3×3 convolutions with a skip connection."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.body = nn.Sequential(_conv(channels, channels), nn.Conv2d(channels, channels, 3, padding=1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Float [B, C, h, w] to the same."""
        return x + self.body(x)


class DepthHead(nn.Module):
    """Predicts relative inverse depth, larger = nearer, at half the backbone's input resolution.

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
        """Decode and sharpen.

        Args:
            tokens: One float [B, h*w, C] per entry of `TOKEN_LAYERS`.
            guide: The photo in [0, 1], float [B, 3, 7h, 7w].
            grid: Patch grid (h, w).

        Returns:
            Inverse depth up to scale and shift, float [B, 7h, 7w].
        """
        return sharpen(self.smooth(tokens, guide, grid), guide)

    def smooth(self, tokens: list[torch.Tensor], guide: torch.Tensor, grid: tuple[int, int]) -> torch.Tensor:
        """Decode without sharpening, as in training; arguments as in `forward`, float [B, ceil(3.5h), ceil(3.5w)]."""
        layers = zip(tokens, self.norms, self.reduce, strict=True)
        summed = torch.stack([reduce(norm(t)) for t, norm, reduce in layers]).sum(dim=0)
        coarse = self.coarse(summed.transpose(1, 2).unflatten(2, grid))  # [B, width, h, w]
        middle = self.middle(F.interpolate(coarse, scale_factor=2, mode="bilinear", align_corners=False))
        edges = self.stem(guide * 4 - 2)  # [B, fine, 3.5h, 3.5w]
        middle = F.interpolate(middle, size=edges.shape[-2:], mode="bilinear", align_corners=False)
        return self.out(self.fuse(torch.cat([middle, edges], dim=1)))[:, 0]
