"""The embedded depth estimator: a head on the tokens of the embedded backbone, trained by `training.depth_head`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from cuts3d.arrays import ImageArray
from cuts3d.backbones.embedded import NAME as BACKBONE
from cuts3d.backbones.pixels import resized_tensor
from cuts3d.depth.head import GUIDE_PER_PATCH, TOKEN_LAYERS, DepthHead
from cuts3d.depth.registry import DepthSpec, Estimate, register_depth
from cuts3d.errors import WeightsUnavailableError
from cuts3d.types import DepthMap, PatchFeatures
from cuts3d.weights.files import load_safetensors
from cuts3d.weights.package_data import data_file

WEIGHTS = data_file("depth_head.safetensors")


def load_head(path: Path = WEIGHTS) -> DepthHead:
    """The trained head.

    Raises:
        WeightsUnavailableError: The file is missing or damaged.
    """
    state = load_safetensors(path)
    if state is None:
        raise WeightsUnavailableError(
            f"The embedded depth head '{path.name}' is missing or damaged. It belongs to the package: install the "
            "package again, or train the head with 'python -m training.depth_head'."
        )
    head = DepthHead()
    head.load_state_dict({k: v.float() for k, v in state.items()})
    return head.eval().requires_grad_(False)


@torch.inference_mode()
def predict(head: DepthHead, image: ImageArray, features: PatchFeatures) -> np.ndarray:
    """Inverse depth of a photo from its tokens.

    Args:
        head: The network.
        image: uint8 [H, W, 3].
        features: Features of the photo with the tokens of `TOKEN_LAYERS`.

    Returns:
        float32 [7h, 7w], larger = nearer.
    """
    tokens, guide, grid = head_input(image, features)
    return head(tokens, guide, grid)[0].numpy()


def head_input(image: ImageArray, features: PatchFeatures) -> tuple[list[torch.Tensor], torch.Tensor, tuple[int, int]]:
    """Arguments of `DepthHead.forward` for a photo: tokens [1, h*w, C], guide [1, 3, 7h, 7w] and grid (h, w)."""
    h, w = features.grid_shape
    guide = resized_tensor(image, (GUIDE_PER_PATCH * h, GUIDE_PER_PATCH * w))[None]
    return [torch.from_numpy(np.ascontiguousarray(t))[None] for t in features.tokens], guide, (h, w)


@dataclass(frozen=True, slots=True, eq=False)
class EmbeddedEstimator:
    """The head as an estimator for photos with known tokens."""

    network: DepthHead

    def __call__(self, image: ImageArray, features: PatchFeatures | None) -> DepthMap:
        """Depth of a photo from the tokens of `TOKEN_LAYERS`.

        Raises:
            ValueError: The tokens are missing.
        """
        if features is None or len(features.tokens) != len(TOKEN_LAYERS):
            raise ValueError(f"The embedded depth head needs the tokens of layers {TOKEN_LAYERS} of {BACKBONE}.")
        values = predict(self.network, image, features)
        return DepthMap(values=values, kind="disparity", estimator="embedded depth head")


def load_embedded() -> Estimate:
    """The estimator with the trained head."""
    return EmbeddedEstimator(load_head())


register_depth(
    DepthSpec(
        name="embedded",
        title="Embedded depth head",
        kind="disparity",
        source="cuts3d/data/depth_head.safetensors (trained by this project)",
        trained_on="2,096 views of unlabelled COCO-like and ImageNet photos, taught by a small monocular depth network",
        licence="Apache-2.0",
        load=load_embedded,
        tokens_of=BACKBONE,
        token_layers=TOKEN_LAYERS,
        embedded=True,
    )
)
