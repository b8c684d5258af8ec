"""What all downloaded depth networks share: one photo or a batch in, depth maps out, on a GPU if there is one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from cuts3d.arrays import ImageArray
from cuts3d.types import DepthKind, DepthMap, PatchFeatures

Shape = tuple[int, int]


def _apply(network: nn.Module, pixels: torch.Tensor) -> torch.Tensor:
    return network(pixels)


def _unchanged(raw: torch.Tensor, shape: Shape) -> torch.Tensor:
    del shape
    return raw


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class NetworkEstimator:
    """A depth network with its input rule.

    Attributes:
        network: The network in evaluation mode.
        prepare: Turns a photo, uint8 [H, W, 3], into the network's input, float32 [3, h, w].
        kind: What the values mean.
        title: Name of the estimator, for people.
        forward: Turns inputs of one shape, float32 [B, 3, h, w], into raw maps, float [B, h', w'].
        finish: Turns a raw map and the photo's (H, W) into a map without padding, float [h'', w''].
    """

    network: nn.Module
    prepare: Callable[[ImageArray], torch.Tensor]
    kind: DepthKind
    title: str
    forward: Callable[[nn.Module, torch.Tensor], torch.Tensor] = _apply
    finish: Callable[[torch.Tensor, Shape], torch.Tensor] = _unchanged

    def __call__(self, image: ImageArray, features: PatchFeatures | None = None) -> DepthMap:
        """Depth of one photo; see `batch`."""
        del features
        return self.batch([image])[0]

    @torch.inference_mode()
    def batch(self, images: Sequence[ImageArray]) -> list[DepthMap]:
        """Depth of several photos. Photos whose inputs have the same shape pass through the network together.

        Args:
            images: uint8 [H, W, 3] each, of any sizes.

        Returns:
            One map per photo, in the order of the photos.
        """
        device = "cuda" if torch.cuda.is_available() else "cpu"
        network = self.network.to(device)
        inputs = [self.prepare(image) for image in images]
        groups: dict[Shape, list[int]] = {}
        for index, pixels in enumerate(inputs):
            groups.setdefault((pixels.shape[1], pixels.shape[2]), []).append(index)
        found: dict[int, DepthMap] = {}
        for members in groups.values():
            raw = self.forward(network, torch.stack([inputs[i] for i in members]).to(device)).float().cpu()
            for index, one in zip(members, raw, strict=True):
                shape = (images[index].shape[0], images[index].shape[1])
                values = np.ascontiguousarray(self.finish(one, shape).numpy(), dtype=np.float32)
                found[index] = DepthMap(values=values, kind=self.kind, estimator=self.title)
        return [found[index] for index in range(len(images))]
