"""From a photo to the input of a depth network."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
import torch.nn.functional as F

from cuts3d.arrays import ImageArray

Shape = tuple[int, int]

_MEAN = (0.485, 0.456, 0.406)  # ImageNet's
_STD = (0.229, 0.224, 0.225)


def photo_tensor(image: ImageArray) -> torch.Tensor:
    """A photo, uint8 [H, W, 3], as float32 [3, H, W] in [0, 1]."""
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 255


def imagenet_input(image: ImageArray, shape: Shape, *, mode: Literal["bilinear", "bicubic"]) -> torch.Tensor:
    """A photo, resized without antialiasing and normalised by ImageNet's mean and deviation.

    Args:
        image: uint8 [H, W, 3].
        shape: New (height, width).
        mode: Interpolation; bicubic has OpenCV's kernel (a = −0.75).

    Returns:
        float32 [3, height, width].
    """
    pixels = F.interpolate(photo_tensor(image)[None], size=shape, mode=mode, align_corners=False)[0]
    return (pixels - torch.tensor(_MEAN)[:, None, None]) / torch.tensor(_STD)[:, None, None]


def to_multiple(length: float, step: int, *, least: int) -> int:
    """The multiple of `step` nearest to a length in pixels, at least `least`."""
    return max(least, round(length / step) * step)
