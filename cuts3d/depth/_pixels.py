"""From a photo to the input of a depth network, and from its raw map to the photo's aspect ratio."""

from __future__ import annotations

from typing import Literal

import torch
import torch.nn.functional as F

from cuts3d.arrays import ImageArray
from cuts3d.backbones.pixels import photo_tensor, standardise
from cuts3d.errors import InputError
from cuts3d.grids import fit_longer_side
from cuts3d.io.depth_maps import WORKING_SIDE
from cuts3d.io.limits import MIN_SIDE

Shape = tuple[int, int]

LONGEST_INPUT = 2048  # pixels; longer panoramas are squeezed, because attention grows with the square of the area


def check_side(image: ImageArray) -> None:
    """Refuse a photo that is too small for any estimator.

    Raises:
        InputError: A side has fewer than `MIN_SIDE` pixels.
    """
    height, width = image.shape[:2]
    if min(height, width) < MIN_SIDE:
        raise InputError(f"The photo is {width}×{height} pixels; at least {MIN_SIDE}×{MIN_SIDE} are needed.")


def imagenet_input(image: ImageArray, shape: Shape, *, mode: Literal["bilinear", "bicubic"]) -> torch.Tensor:
    """A photo, resized without antialiasing and standardised with ImageNet's mean and standard deviation.

    Args:
        image: uint8 [H, W, 3].
        shape: New (height, width).
        mode: Interpolation; bicubic has OpenCV's kernel (a = −0.75).

    Returns:
        float32 [3, height, width].
    """
    return standardise(F.interpolate(photo_tensor(image)[None], size=shape, mode=mode, align_corners=False)[0])


def to_multiple(length: float, step: int, *, least: int) -> int:
    """The multiple of `step` nearest to a length in pixels, at least `least`."""
    return max(least, round(length / step) * step)


def input_size(shape: Shape, target: Shape, multiple: int) -> Shape:
    """Size of a network's input: near `target`, with the photo's aspect ratio, in whole patches.

    This is the rule of MiDaS, which the processors of ZoeDepth and Depth Anything follow: the side whose scale is
    nearer to 1 decides. The processors fail on long thin photos. Here a side has at least one patch and at most
    `LONGEST_INPUT` pixels.

    Args:
        shape: (H, W) of the photo with its padding.
        target: (H, W) of the size that the network was trained for.
        multiple: Side of a patch in pixels.

    Returns:
        (h, w).
    """
    tall, wide = target[0] / shape[0], target[1] / shape[1]
    scale = wide if abs(1 - wide) < abs(1 - tall) else tall
    most = LONGEST_INPUT // multiple
    patches = [min(max(round(scale * side / multiple), 1), most) for side in shape]
    return patches[0] * multiple, patches[1] * multiple


def photo_size(shape: Shape) -> Shape:
    """Size (h, w) of a map for a photo of shape (H, W): the photo's own, with a longer side of at most `WORKING_SIDE`.

    A larger map is of no use, because the method samples depth on coarse grids.
    """
    return fit_longer_side(shape, WORKING_SIDE, enlarge=False)


def resized(values: torch.Tensor, size: Shape, *, mode: str = "bicubic") -> torch.Tensor:
    """Resize a map [h, w] to `size` without antialiasing, as the post-processors of transformers do."""
    return F.interpolate(values[None, None], size=size, mode=mode, align_corners=False)[0, 0]
