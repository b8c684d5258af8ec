"""Detections in one photo: masks and boxes at the photo's own size."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F

from cuts3d.arrays import BoolArray, FloatArray, ImageArray
from cuts3d.detector.network import CascadeMaskRCNN
from cuts3d.detector.records import Box, Detection, RawDetections
from cuts3d.errors import InputError
from cuts3d.grids import fit_shorter_side

MASK_THRESHOLD = 0.5  # of a pixel's probability
TINY = 1e-6  # pixels


def detect(network: CascadeMaskRCNN, image: ImageArray, *, score_threshold: float = 0.0) -> list[Detection]:
    """Find the objects of a photo.

    Args:
        network: The detector, on any device. Its training mode is restored afterwards.
        image: uint8 [H, W, 3]; it is resized to the configuration's `test_short_side`.
        score_threshold: Least score, in [0, 1]. A higher one is faster, because each mask is drawn at the photo's size.

    Returns:
        Detections, best first.

    Raises:
        InputError: The image is not such an array.
    """
    return list(detections(network, image, score_threshold=score_threshold))


def detections(network: CascadeMaskRCNN, image: ImageArray, *, score_threshold: float = 0.0) -> Iterator[Detection]:
    """Like `detect`, one detection at a time: all masks of a large photo may not fit into memory."""
    if image.ndim != 3 or image.shape[2] != 3 or image.dtype != np.uint8:
        raise InputError(f"A photo must be uint8 [H, W, 3]; this one is {image.dtype} {list(image.shape)}.")
    h, w = image.shape[:2]
    small = fit_shorter_side((h, w), network.config.test_short_side, network.config.test_max_side)
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
def _run(network: CascadeMaskRCNN, image: ImageArray, shape: tuple[int, int]) -> RawDetections:
    """The network's output for the photo resized to (h, w), in pixels of that size."""
    device = next(network.parameters()).device
    pixels = torch.tensor(image, device=device).permute(2, 0, 1)[None].float().div_(255)
    pixels = F.interpolate(pixels, size=shape, mode="bilinear", antialias=True)
    was_training = network.training
    network.eval()
    try:
        return network([pixels[0]])[0]
    finally:
        network.train(was_training)


def pasted(mask: FloatArray, box: Box, shape: tuple[int, int]) -> BoolArray:
    """A mask of a box, drawn into the photo: bilinear between the centres of its cells, 0 outside the box.

    It is done in NumPy: when other programs use the processor too, Torch's threads wait for each other at every small
    step.

    Args:
        mask: Probabilities inside the box, float32 [m, m].
        box: xyxy in pixels.
        shape: (H, W) of the photo.

    Returns:
        bool [H, W], True where the probability is at least 0.5; stored column by column, as run lengths need it.
    """
    x0, x1, across = _weights(box[0], box[2], mask.shape[1], shape[1])
    y0, y1, down = _weights(box[1], box[3], mask.shape[0], shape[0])
    transposed = np.zeros(shape[::-1], dtype=np.bool_)  # [W, H]
    transposed[x0:x1, y0:y1] = across @ mask.T @ down.T >= MASK_THRESHOLD
    return transposed.T


def _weights(start: float, end: float, cells: int, length: int) -> tuple[int, int, FloatArray]:
    """Bilinear weights along one side: the pixels [low, high) that a box covers, and a matrix [pixels, cells]."""
    low = max(0, math.floor(start))
    high = max(low, min(length, math.ceil(end)))
    position = (np.arange(low, high) + 0.5 - start) * (cells / max(end - start, TINY)) - 0.5  # in cells
    return low, high, np.maximum(1 - abs(position[:, None] - np.arange(cells)), 0).astype(np.float32)
