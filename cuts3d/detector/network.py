"""Class-agnostic Cascade Mask R-CNN on torchvision's parts (method 1.8): pyramid, proposals, cascade, masks."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models.detection.image_list import ImageList

from cuts3d.detector.backbones import Pyramid, load_pretrained, normaliser
from cuts3d.detector.config import NetworkConfig
from cuts3d.detector.losses import LossOptions
from cuts3d.detector.records import Detections
from cuts3d.detector.roi_heads import CascadeHeads
from cuts3d.detector.rpn import Proposals
from training.data.samples import Sample

DIVISIBLE = 32  # sides of a batch are padded to a multiple of it, at least


class CascadeMaskRCNN(nn.Module):
    """The detector: photos in; losses in training, detections at test.

    Args:
        config: What it is made of.

    Attributes:
        pad_to: Sides of a batch are padded to a multiple of this, in pixels; a multiple of 32.
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

    def forward(
        self, images: list[Tensor], targets: list[Sample] | None = None, options: LossOptions | None = None
    ) -> dict[str, Tensor] | list[Detections]:
        """Losses in training, else detections.

        A photo beside larger ones is padded more than alone, which its features near the padding see: for detections
        that depend on nothing else, give photos one by one or all of one size.

        Args:
            images: float32 [3, H, W] each, RGB in [0, 1], of any sizes.
            targets: Labels of each photo at its size; needed in training.
            options: Which losses are used.

        Returns:
            In training scalar losses by name, to be added up; else one `Detections` a photo, in its own pixels.

        Raises:
            ValueError: Training without targets.
        """
        if self.training and targets is None:
            raise ValueError("In training the network needs targets; call eval() before you detect.")
        batch = self.batch(images)
        features = self.backbone(batch.tensors)
        if not self.training:
            proposals, _, _ = self.rpn.propose(batch, features)
            return self.heads.detect(features, proposals, batch.image_sizes)
        assert targets is not None
        options = options or LossOptions()
        proposals, _, losses = self.rpn.propose(batch, features, targets, by_score=options.score_loss)
        return losses | self.heads.losses(features, proposals, batch.image_sizes, targets, options)

    def batch(self, images: list[Tensor]) -> ImageList:
        """Normalise photos and lay them into one tensor, padded with 0 to the right and below."""
        sizes = [(int(i.shape[-2]), int(i.shape[-1])) for i in images]
        h, w = (-(-max(side) // self.pad_to) * self.pad_to for side in zip(*sizes, strict=True))
        normal = [(image - self.mean) / self.std for image in images]
        padded = [F.pad(n, (0, w - size[1], 0, h - size[0])) for n, size in zip(normal, sizes, strict=True)]
        return ImageList(torch.stack(padded), sizes)


def build(config: NetworkConfig, *, pretrained: bool) -> CascadeMaskRCNN:
    """A network, with random heads.

    Args:
        config: What it is made of.
        pretrained: Give the backbone its weights to start from; see `backbones.load_pretrained`.

    Raises:
        WeightsUnavailableError: The backbone's weights cannot be had.
    """
    network = CascadeMaskRCNN(config)
    if pretrained:
        load_pretrained(network.backbone, config.backbone)
    return network.to(memory_format=torch.channels_last)  # pyright: ignore[reportCallIssue]  # a quarter faster on CPUs
