"""Depth Pro: metres, with the camera's field of view estimated from the photo. Bochkovskii et al., arXiv 2410.02073.

The network gives canonical inverse depth C and the horizontal field of view. With the focal length f in pixels and
the photo's width w, metric inverse depth is C·w/f, and w/f = 2·tan(field of view / 2).
"""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
from torch import nn

from cuts3d.arrays import ImageArray
from cuts3d.depth._pixels import Shape, photo_size, resized
from cuts3d.depth.network import NetworkEstimator
from cuts3d.depth.registry import DepthSpec, register_depth
from cuts3d.depth.transformers_network import TransformersModel, load_network, pixel_values
from cuts3d.weights.source import WeightSource

SIZE = (1536, 1536)
NEAREST, FARTHEST = 1e-4, 1e4  # metres, the bounds of the post-processor
_VIT = {
    "model_type": "dinov2",
    "image_size": 384,
    "patch_size": 16,
    "hidden_size": 1024,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "use_mask_token": False,
}


def architecture() -> tuple[Any, Any]:
    """Class and published configuration: three ViT-L/16, 952 M parameters."""
    from transformers import DepthProConfig, DepthProForDepthEstimation

    config = DepthProConfig(
        image_model_config=dict(_VIT),
        patch_model_config=dict(_VIT),
        fov_model_config=dict(_VIT),
        intermediate_hook_ids=[11, 5],
        intermediate_feature_dims=[256, 256],
        scaled_images_ratios=[0.25, 0.5, 1],
        scaled_images_overlap_ratios=[0.0, 0.5, 0.25],
        scaled_images_feature_dims=[1024, 1024, 512],
        use_fov_model=True,
    )
    return DepthProForDepthEstimation, config


REPOSITORY = "apple/DepthPro-hf"
SOURCE = WeightSource(
    name="depth_pro",
    title="Depth Pro",
    repository=REPOSITORY,
    put=f"a copy of {REPOSITORY} as a folder 'depth_pro' ('hf download {REPOSITORY} --local-dir depth_pro')",
    manual=f"no commit of {REPOSITORY} on the Hugging Face hub has been verified",
)
MODEL = TransformersModel(source=SOURCE, architecture=architecture)


@cache
def processor() -> Any:
    """The published processor, with the defaults of its class."""
    from transformers import DepthProImageProcessor

    return DepthProImageProcessor()


def prepare(image: ImageArray) -> torch.Tensor:
    """A photo, uint8 [H, W, 3], resized to the network's square, float32 [3, 1536, 1536]."""
    return pixel_values(processor(), image, SIZE)


def forward(network: nn.Module, pixels: torch.Tensor) -> torch.Tensor:
    """Metric inverse depth.

    Args:
        network: The network.
        pixels: float32 [B, 3, h, w].

    Returns:
        1/metres, float [B, h, w].
    """
    output = network(pixel_values=pixels)
    width_per_focal = 2 * torch.tan(0.5 * torch.deg2rad(output.field_of_view))  # [B]
    return output.predicted_depth * width_per_focal[:, None, None]


def finish(raw: torch.Tensor, shape: Shape) -> torch.Tensor:
    """Depth in metres from metric inverse depth, float [h, w], at the photo's aspect ratio: float [h', w']."""
    inverse = resized(raw, photo_size(shape), mode="bilinear")
    return 1 / inverse.clamp(1 / FARTHEST, 1 / NEAREST)


def wrap(network: nn.Module) -> NetworkEstimator:
    """An estimator that runs a network."""
    return NetworkEstimator(
        network=network, prepare=prepare, forward=forward, finish=finish, kind="metric", title=SOURCE.title
    )


def load() -> NetworkEstimator:
    """The estimator.

    Raises:
        WeightsUnavailableError: Its weights are missing.
    """
    return wrap(load_network(MODEL))


register_depth(
    DepthSpec(
        name=SOURCE.name,
        title=SOURCE.title,
        kind="metric",
        source=SOURCE.origin,
        trained_on="a mix of real and synthetic data sets, then only synthetic ones for sharp edges",
        licence="apple-amlr (Apple's licence for research)",
        load=load,
        weights=SOURCE,
        input_rule="resized to 1536×1536 whatever the aspect ratio; mean and standard deviation 0.5; the network "
        "estimates the field of view",
        download_mb=1900,
    )
)
