"""Training photos at another size, or mirrored, with their labels."""

from __future__ import annotations

import dataclasses

import torch
import torch.nn.functional as F
from torch import Tensor

from training.records import Sample

LEAST_PIXELS = 16  # a label of fewer pixels is no object any more


def resize(sample: Sample, short: int, max_side: int) -> Sample:
    """A photo at another size, its aspect ratio kept; labels that shrink to a speck are dropped.

    Args:
        sample: The photo.
        short: Its new shorter side, in pixels.
        max_side: Its longer side at most, which makes the shorter one shorter still.
    """
    h, w = sample.image.shape[1:]
    return resize_to(sample, resized_shape((h, w), short, max_side))


def resized_shape(shape: tuple[int, int], short: int, max_side: float) -> tuple[int, int]:
    """(height, width) that `resize` gives a photo of this one."""
    scale = min(short / min(shape), max_side / max(shape))
    return max(1, round(shape[0] * scale)), max(1, round(shape[1] * scale))


def resize_to(sample: Sample, shape: tuple[int, int]) -> Sample:
    """A photo at a given (height, width): bilinear, antialiased; masks nearest; confidence bilinear inside its mask."""
    if tuple(sample.image.shape[1:]) == shape:
        return sample
    masks = nearest(sample.masks, shape)
    confidence = sample.confidence.new_ones(masks.shape)
    known = sample.confidence.flatten(1).amin(dim=1) < 1  # where all is 1 it stays so
    if known.any():
        confidence[known] = _bilinear(sample.confidence[known], shape).masked_fill_(~masks[known], 1.0)
    resized = dataclasses.replace(sample, image=_bilinear(sample.image, shape), masks=masks, confidence=confidence)
    return without_specks(resized)


def flip(sample: Sample) -> Sample:
    """A photo mirrored, left to right."""
    names = ("image", "masks", "confidence")
    return dataclasses.replace(sample, **{name: getattr(sample, name).flip(-1) for name in names})


def without_specks(sample: Sample) -> Sample:
    """A photo without its labels of fewer than LEAST_PIXELS pixels."""
    large = areas(sample.masks) >= LEAST_PIXELS
    return sample if large.all() else sample.keep(large)


def areas(masks: Tensor) -> Tensor:
    """Pixels of each mask, int32 [n], of bool [n, h, w]."""
    return masks.flatten(1).view(torch.uint8).sum(dim=1, dtype=torch.int32)  # of bools it takes three times as long


def nearest(masks: Tensor, shape: tuple[int, int]) -> Tensor:
    """Masks at another size, each pixel that of the nearest pixel's centre.

    Args:
        masks: bool [n, h, w].
        shape: New (height, width).

    Returns:
        bool [n, height, width].
    """
    if tuple(masks.shape[1:]) == shape:
        return masks
    rows, columns = (
        ((torch.arange(new, device=masks.device) + 0.5) * (old / new)).long().clamp_(max=old - 1)
        for new, old in zip(shape, masks.shape[1:], strict=True)
    )
    return masks.index_select(1, rows).index_select(2, columns)


def _bilinear(maps: Tensor, shape: tuple[int, int]) -> Tensor:
    """Float32 [n, h, w] in [0, 1] at another size, antialiased when it shrinks."""
    shrinks = shape[0] < maps.shape[1] or shape[1] < maps.shape[2]
    resized = F.interpolate(maps[None], size=shape, mode="bilinear", align_corners=False, antialias=shrinks)
    return resized[0].clamp_(0, 1)
