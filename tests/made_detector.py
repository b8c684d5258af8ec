"""A tiny detector that detects something without training, and photos for it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw

from cuts3d.arrays import ImageArray
from cuts3d.detector.checkpoint import save_network
from cuts3d.detector.config import NetworkConfig
from cuts3d.detector.network import CascadeMaskRCNN, build

TINY = NetworkConfig(
    backbone="efficientnet_lite0",
    channels=16,
    pyramid_norm=False,
    freeze_norm=True,
    levels=(3, 4, 5),
    frozen_blocks=2,
    anchor_sizes=(16, 32, 64, 128),
    canonical_box=64,
    rpn_train=(100, 40),
    rpn_test=(50, 20),
    rpn_batch=32,
    box_width=32,
    box_batch=16,
    mask_width=16,
    mask_convs=1,
    test_short_side=64,
    test_max_side=128,
)


def made_network(seed: int = 0) -> CascadeMaskRCNN:
    """Random weights, whose masks nearly fill their boxes and whose scores differ."""
    torch.manual_seed(seed)
    network = build(TINY, pretrained=False).eval()
    with torch.no_grad():
        for stage in network.heads.stages:
            stage.cls_score.weight.mul_(100)  # pyright: ignore[reportCallIssue, reportAttributeAccessIssue]
        network.heads.mask_head[-1].bias.fill_(2.0)  # pyright: ignore[reportCallIssue]
    return network


def made_checkpoint(folder: Path, seed: int = 0) -> Path:
    path = folder / f"made-{seed}.safetensors"
    save_network(made_network(seed), path, {"made": True})
    return path


def made_photo(size: tuple[int, int] = (64, 96)) -> ImageArray:
    """Two coloured shapes on grey, uint8 [*size, 3]; the same scene at any size."""
    h, w = size
    image = Image.new("RGB", (w, h), (120, 125, 130))
    draw = ImageDraw.Draw(image)
    draw.ellipse((0.1 * w, 0.2 * h, 0.4 * w, 0.8 * h), fill=(220, 40, 30))
    draw.rectangle((0.55 * w, 0.3 * h, 0.9 * w, 0.9 * h), fill=(20, 60, 200))
    return np.array(image)
