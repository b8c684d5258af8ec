"""What a detector finds in one photo: masks and boxes at the photo's own size."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from cuts3d.errors import InputError
from cuts3d.types import BoolArray, ImageArray
from training.augment import resized_shape
from training.cascade import CascadeMaskRCNN
from training.records import Detections

MASK_THRESHOLD = 0.5  # of a pixel's probability
TINY = 1e-6  # pixels


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Detection:
    """One object that was found.

    Attributes:
        mask: bool [H, W] at the photo's size, never empty; inside the box to a pixel.
        box: xyxy in pixels of the photo, as the network has it.
        score: In [0, 1].
    """

    mask: BoolArray
    box: tuple[float, float, float, float]
    score: float


def detect(network: CascadeMaskRCNN, image: ImageArray, *, score_threshold: float = 0.0) -> list[Detection]:
    """Find objects in a photo.

    Args:
        network: The detector, on any device; in training or not, it is left as it was.
        image: uint8 [H, W, 3]; the network sees it at its configuration's `test_short_side`.
        score_threshold: Least score, in [0, 1]; a higher one is faster, since each mask is drawn at the photo's size.

    Returns:
        Detections, best first.

    Raises:
        InputError: The image is no such array.
    """
    return list(detections(network, image, score_threshold=score_threshold))


def detections(network: CascadeMaskRCNN, image: ImageArray, *, score_threshold: float = 0.0) -> Iterator[Detection]:
    """As `detect`, one by one: all masks of a large photo may not fit into memory."""
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise InputError(f"A photo must be uint8 [H, W, 3]; this one is {image.dtype} {list(image.shape)}.")
    h, w = image.shape[:2]
    small = resized_shape((h, w), network.config.test_short_side, network.config.test_max_side)
    found = _run(network, image, small)
    boxes = found.boxes.cpu() * torch.tensor((w / small[1], h / small[0]) * 2)
    for box, score, mask in zip(boxes, found.scores.tolist(), found.masks.cpu(), strict=True):
        if score >= score_threshold:
            full = pasted(mask, box, (h, w))
            if full.any():
                yield Detection(mask=full, box=tuple(box.tolist()), score=score)


@torch.inference_mode()
def _run(network: CascadeMaskRCNN, image: ImageArray, shape: tuple[int, int]) -> Detections:
    """What the network finds in the photo at a size, in that size's pixels."""
    device = next(network.parameters()).device
    pixels = torch.tensor(image, device=device).permute(2, 0, 1)[None].float().div_(255)
    pixels = F.interpolate(pixels, size=shape, mode="bilinear", antialias=True)
    trained = network.training
    network.eval()
    try:
        found = network([pixels[0]])
    finally:
        network.train(trained)
    assert isinstance(found, list)
    return found[0]


def pasted(mask: Tensor, box: Tensor, shape: tuple[int, int]) -> BoolArray:
    """A mask of a box, drawn into the photo: bilinear between its cells' centres, 0 outside the box.

    Args:
        mask: Probabilities inside the box, float32 [m, m].
        box: xyxy in pixels, float32 [4].
        shape: (H, W) of the photo.

    Returns:
        bool [H, W], True from a probability of 0.5 on; columns lie together in memory, as run lengths want them.
    """
    full = np.zeros(shape, dtype=np.bool_, order="F")
    left, top, right, bottom = box.tolist()
    x0, x1, across = _weights(left, right, mask.shape[1], shape[1])
    y0, y1, down = _weights(top, bottom, mask.shape[0], shape[0])
    full[y0:y1, x0:x1] = (down @ mask @ across.T >= MASK_THRESHOLD).numpy()
    return full


def _weights(start: float, end: float, cells: int, length: int) -> tuple[int, int, Tensor]:
    """Along one side: the pixels [low, high) that a box touches, and each one's share of each cell, [pixels, cells]."""
    low = max(0, math.floor(start))
    high = max(low, min(length, math.ceil(end)))
    place = (torch.arange(low, high) + 0.5 - start) * (cells / max(end - start, TINY)) - 0.5  # in cells
    return low, high, (1 - (place[:, None] - torch.arange(cells)).abs()).clamp_(min=0)
