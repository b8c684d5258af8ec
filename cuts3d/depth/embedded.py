"""The embedded depth estimator: our head on the embedded backbone's tokens. Trained by `training.depth_head`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from cuts3d.arrays import ImageArray
from cuts3d.backbones.embedded import NAME as BACKBONE
from cuts3d.depth.head import GUIDE_PER_PATCH, TOKEN_LAYERS, DepthHead
from cuts3d.depth.registry import DepthSpec, Estimate, register_depth
from cuts3d.errors import WeightsUnavailableError
from cuts3d.grids import resize_image
from cuts3d.types import DepthMap, PatchFeatures
from cuts3d.weights.files import load_safetensors
from cuts3d.weights.package_data import data_file

WEIGHTS = data_file("depth_head.safetensors")


def load_head(path: Path = WEIGHTS) -> DepthHead:
    """The trained head.

    Raises:
        WeightsUnavailableError: Its file is missing or damaged.
    """
    state = load_safetensors(path)
    if state is None:
        raise WeightsUnavailableError(
            f"The embedded depth head '{path.name}' is missing or damaged; it belongs to the package: install it "
            "again, or train it with 'python -m training.depth_head'."
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
        features: With the tokens of `TOKEN_LAYERS`.

    Returns:
        float32 [7 h, 7 w], larger = nearer.
    """
    h, w = features.grid_shape
    guide = np.array(resize_image(image, (GUIDE_PER_PATCH * h, GUIDE_PER_PATCH * w)))
    pixels = torch.from_numpy(guide).permute(2, 0, 1)[None].float() / 255
    tokens = [torch.from_numpy(np.ascontiguousarray(t))[None] for t in features.tokens]
    return head(tokens, pixels, (h, w))[0].numpy()


@dataclass(frozen=True, slots=True, eq=False)
class EmbeddedEstimator:
    """The head as an estimator of photos whose tokens are at hand."""

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
    """The estimator on the trained head."""
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
