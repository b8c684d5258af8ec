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


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class NetworkEstimator:
    """A depth network with its input rule.

    Attributes:
        network: In evaluation mode.
        prepare: From a photo, uint8 [H, W, 3], to its input, float32 [3, h, w].
        forward: From the network and inputs of one shape, float32 [B, 3, h, w], to its raw maps, float [B, h', w'].
        finish: From one raw map and the photo's shape to the map without padding, float [h'', w''].
        kind: What the values mean.
        title: Who made them, for people.
    """

    network: nn.Module
    prepare: Callable[[ImageArray], torch.Tensor]
    forward: Callable[[nn.Module, torch.Tensor], torch.Tensor]
    finish: Callable[[torch.Tensor, Shape], torch.Tensor]
    kind: DepthKind
    title: str

    def __call__(self, image: ImageArray, features: PatchFeatures | None = None) -> DepthMap:
        """Depth of one photo; see `batch`."""
        del features
        return self.batch([image])[0]

    @torch.inference_mode()
    def batch(self, images: Sequence[ImageArray]) -> list[DepthMap]:
        """Depth of several photos; those whose inputs have one shape run together.

        Args:
            images: uint8 [H, W, 3] each, of any sizes.

        Returns:
            One map per photo, in their order.
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
