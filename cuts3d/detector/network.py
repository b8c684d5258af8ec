"""Class-agnostic Cascade Mask R-CNN from torchvision's parts (method 1.8): pyramid, proposals, cascade, masks."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models.detection.image_list import ImageList

from cuts3d.detector.backbones import Pyramid, load_pretrained, normaliser
from cuts3d.detector.config import NetworkConfig
from cuts3d.detector.records import RawDetections
from cuts3d.detector.roi_heads import CascadeHeads
from cuts3d.detector.rpn import Proposals

DIVISIBLE = 32  # sides of a batch are padded to a multiple of it, at least


class CascadeMaskRCNN(nn.Module):
    """The detector: photos in, detections out. Its losses are computed by `training.loop.objective`.

    Args:
        config: Architecture and thresholds.

    Attributes:
        pad_to: Sides of a batch are padded to a multiple of this, in pixels; itself a multiple of 32.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config, self.pad_to = config, DIVISIBLE
        self.backbone = Pyramid(config)
        self.rpn = Proposals(config, self.backbone.strides)
        self.heads = CascadeHeads(config, self.backbone.strides[:-1])
        mean, std = normaliser(config.backbone)
        self.register_buffer("mean", mean, persistent=False)
        self.register_buffer("std", std, persistent=False)

    def forward(self, images: list[Tensor]) -> list[RawDetections]:
        """Detect objects.

        In a batch a photo is padded to the size of the largest one, and its features near the padding see that. For
        detections that depend on the photo alone, give photos one by one, or all of one size.

        Args:
            images: float32 [3, H, W] each, RGB in [0, 1], of any sizes.

        Returns:
            The detections of each photo, in its own pixels.

        Raises:
            ValueError: The network is in training mode.
        """
        if self.training:
            raise ValueError("The network is in training mode; call eval() before you detect.")
        batch = self.batch(images)
        features = self.backbone(batch.tensors)
        proposals, _ = self.rpn.select(self.rpn.predict(batch, features), batch.image_sizes)
        return self.heads.detect(features, proposals, batch.image_sizes)

    def batch(self, images: list[Tensor]) -> ImageList:
        """Normalise photos and put them into one tensor, padded with 0 at the right and at the bottom."""
        sizes = [(int(i.shape[-2]), int(i.shape[-1])) for i in images]
        h, w = (-(-max(side) // self.pad_to) * self.pad_to for side in zip(*sizes, strict=True))
        normal = [(image - self.mean) / self.std for image in images]
        padded = [F.pad(n, (0, w - size[1], 0, h - size[0])) for n, size in zip(normal, sizes, strict=True)]
        return ImageList(torch.stack(padded), sizes)


def build(config: NetworkConfig, *, pretrained: bool) -> CascadeMaskRCNN:
    """A new network with random heads.

    Args:
        config: Architecture and thresholds.
        pretrained: Load pretrained weights into the backbone; see `backbones.load_pretrained`.

    Raises:
        WeightsUnavailableError: The backbone's weights cannot be found.
    """
    network = CascadeMaskRCNN(config)
    if pretrained:
        load_pretrained(network.backbone, config.backbone)
    return network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]  # a quarter faster on CPUs
