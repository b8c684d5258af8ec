"""ZoeDepth, the depth estimator of the paper, as transformers implements it; metric depth.

Padding, heads and configuration are those of Intel/zoedepth-nyu-kitti ("ZoeD_NK" in transformers' conversion script).
Bhat et al., arXiv 2302.12288.
"""

from __future__ import annotations

from functools import cache
from math import sqrt
from typing import Any

import torch
from torch import nn

from cuts3d.arrays import ImageArray
from cuts3d.depth._pixels import Shape, check_side, input_size, photo_size, resized
from cuts3d.depth.network import NetworkEstimator
from cuts3d.depth.registry import DepthSpec, register_depth
from cuts3d.depth.transformers_network import TransformersModel, load_network, pixel_values, predicted_depth
from cuts3d.weights.source import WeightSource

TARGET = (384, 512)
MULTIPLE = 32


def architecture() -> tuple[Any, Any]:
    """Class and published configuration: 345 M parameters."""
    from transformers import ZoeDepthConfig, ZoeDepthForDepthEstimation

    config = ZoeDepthConfig(
        backbone_config={
            "model_type": "beit",
            "image_size": 384,
            "hidden_size": 1024,
            "num_hidden_layers": 24,
            "num_attention_heads": 16,
            "intermediate_size": 4096,
            "use_relative_position_bias": True,
            "reshape_hidden_states": False,
            "out_features": ["stage6", "stage12", "stage18", "stage24"],
        },
        neck_hidden_sizes=[256, 512, 1024, 1024],
        bin_configurations=[
            {"name": "nyu", "n_bins": 64, "min_depth": 1e-3, "max_depth": 10.0},
            {"name": "kitti", "n_bins": 64, "min_depth": 1e-3, "max_depth": 80.0},
        ],
        num_patch_transformer_layers=4,
        patch_transformer_hidden_size=128,
        patch_transformer_intermediate_size=1024,
        patch_transformer_num_attention_heads=4,
    )
    return ZoeDepthForDepthEstimation, config


SOURCE = WeightSource(
    name="zoedepth",
    title="ZoeDepth (NYU + KITTI)",
    repository="Intel/zoedepth-nyu-kitti",
    revision="f364d4c7936e91f465abba182208dd68142bf0ca",  # pinned by three unrelated public projects
)
MODEL = TransformersModel(source=SOURCE, architecture=architecture)


@cache
def processor() -> Any:
    """The published processor. Its `ensure_multiple_of` is 32; the default of its class is 1/32."""
    from transformers import ZoeDepthImageProcessor

    return ZoeDepthImageProcessor(
        size={"height": TARGET[0], "width": TARGET[1]}, keep_aspect_ratio=True, ensure_multiple_of=MULTIPLE
    )


def padding(side: int) -> int:
    """Pixels of padding at each end of a side; it avoids artefacts at the borders."""
    return int(sqrt(side / 2) * 3)


def prepare(image: ImageArray) -> torch.Tensor:
    """A photo, uint8 [H, W, 3], padded by reflection and resized to the network's input, float32 [3, h, w]."""
    check_side(image)
    height, width = (side + 2 * padding(side) for side in image.shape[:2])
    return pixel_values(processor(), image, input_size((height, width), TARGET, MULTIPLE))


def forward(network: nn.Module, pixels: torch.Tensor) -> torch.Tensor:
    """Raw maps, one photo at a time, because the network chooses one of its two heads for a whole batch.

    Args:
        network: The network.
        pixels: float32 [B, 3, h, w].

    Returns:
        Metres, float [B, h, w].
    """
    return torch.cat([predicted_depth(network, one[None]) for one in pixels])


def finish(raw: torch.Tensor, shape: Shape) -> torch.Tensor:
    """Remove the padding by the rule of the post-processor, at the scale of `photo_size`.

    Args:
        raw: Map with padding, float [h, w].
        shape: (H, W) of the photo.

    Returns:
        Map of the photo without padding, float [h', w'].
    """
    size = photo_size(shape)
    scale = min(1.0, max(size) / max(shape))
    start = [round(scale * padding(side)) for side in shape]
    whole = [
        max(round(scale * (side + 2 * padding(side))), s + n) for side, s, n in zip(shape, start, size, strict=True)
    ]
    padded = resized(raw, (whole[0], whole[1]))
    return padded[start[0] : start[0] + size[0], start[1] : start[1] + size[1]]


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
        trained_on="12 data sets of relative depth (MiDaS), then NYU Depth v2 and KITTI",
        licence="MIT",
        load=load,
        weights=SOURCE,
        input_rule="padded by reflection, then near 384×512 with the aspect ratio kept, in multiples of 32; mean and "
        "standard deviation 0.5; the padding is removed from the map",
        download_mb=1380,
    )
)
