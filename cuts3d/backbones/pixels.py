"""From a photo to the pixels that a network reads."""

from __future__ import annotations

import numpy as np
import torch

from cuts3d.arrays import ImageArray
from cuts3d.grids import resize_image

Channels = tuple[float, float, float]  # one value per channel, RGB

IMAGENET_MEAN: Channels = (0.485, 0.456, 0.406)
IMAGENET_STD: Channels = (0.229, 0.224, 0.225)


def photo_tensor(image: ImageArray) -> torch.Tensor:
    """A photo, uint8 [H, W, 3], as float32 [3, H, W] in [0, 1]."""
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 255


def resized_tensor(image: ImageArray, size: tuple[int, int]) -> torch.Tensor:
    """A photo at a new (height, width), antialiased: float32 [3, height, width] in [0, 1].

    The photo is resized as uint8, because a float copy of 24 megapixels takes 288 MB.
    """
    return photo_tensor(resize_image(image, size))


def standardise(pixels: torch.Tensor, mean: Channels = IMAGENET_MEAN, std: Channels = IMAGENET_STD) -> torch.Tensor:
    """Subtract the mean and divide by the standard deviation of each channel; float32 [3, h, w] to the same."""
    return (pixels - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[:, None, None]
