"""What a detector finds in one photo: masks and boxes at the photo's own size."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F

from cuts3d.arrays import BoolArray, FloatArray, ImageArray
from cuts3d.detector.network import CascadeMaskRCNN
from cuts3d.detector.records import Detections
from cuts3d.errors import InputError
from training.data.augment import resized_shape

MASK_THRESHOLD = 0.5  # of a pixel's probability
TINY = 1e-6  # pixels
Box = tuple[float, float, float, float]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Detection:
    """One object that was found.

    Attributes:
        mask: bool [H, W] at the photo's size, never empty; inside the box to a pixel.
        box: xyxy in pixels of the photo, as the network has it.
        score: In [0, 1].
    """

    mask: BoolArray
    box: Box
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
    boxes = found.boxes.cpu().numpy() * np.array((w / small[1], h / small[0]) * 2)
    for (x0, y0, x1, y1), score, mask in zip(
        boxes.tolist(), found.scores.tolist(), found.masks.cpu().numpy(), strict=True
    ):
        if score >= score_threshold:
            full = pasted(mask, (x0, y0, x1, y1), (h, w))
            if full.any():
                yield Detection(mask=full, box=(x0, y0, x1, y1), score=score)


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


def pasted(mask: FloatArray, box: Box, shape: tuple[int, int]) -> BoolArray:
    """A mask of a box, drawn into the photo: bilinear between its cells' centres, 0 outside the box.

    In NumPy: where other programs use the processor too, Torch's threads wait for each other at every small step.

    Args:
        mask: Probabilities inside the box, float32 [m, m].
        box: xyxy in pixels.
        shape: (H, W) of the photo.

    Returns:
        bool [H, W], True from a probability of 0.5 on; columns lie together in memory, as run lengths want them.
    """
    x0, x1, across = _weights(box[0], box[2], mask.shape[1], shape[1])
    y0, y1, down = _weights(box[1], box[3], mask.shape[0], shape[0])
    turned = np.zeros(shape[::-1], dtype=np.bool_)  # [W, H]
    turned[x0:x1, y0:y1] = across @ mask.T @ down.T >= MASK_THRESHOLD
    return turned.T


def _weights(start: float, end: float, cells: int, length: int) -> tuple[int, int, FloatArray]:
    """Along one side: the pixels [low, high) that a box touches, and each one's share of each cell, [pixels, cells]."""
    low = max(0, math.floor(start))
    high = max(low, min(length, math.ceil(end)))
    place = (np.arange(low, high) + 0.5 - start) * (cells / max(end - start, TINY)) - 0.5  # in cells
    return low, high, np.maximum(1 - abs(place[:, None] - np.arange(cells)), 0).astype(np.float32)
