"""Depth Anything V2 small and base: inverse depth up to scale and shift. Yang et al., arXiv 2406.09414."""

from __future__ import annotations

from functools import cache, partial
from typing import Any

import torch
from torch import nn

from cuts3d.arrays import ImageArray
from cuts3d.backbones.pixels import IMAGENET_MEAN, IMAGENET_STD
from cuts3d.depth._pixels import Shape, check_side, input_size, photo_size, resized
from cuts3d.depth.network import NetworkEstimator
from cuts3d.depth.registry import DepthSpec, register_depth
from cuts3d.depth.transformers_network import TransformersModel, load_network, pixel_values, predicted_depth
from cuts3d.weights.source import WeightSource

TARGET = (518, 518)
PATCH = 14


def architecture(hidden_size: int, heads: int, fusion_size: int, neck_sizes: tuple[int, ...]) -> tuple[Any, Any]:
    """Class and published configuration.

    Args:
        hidden_size: Width of the DINOv2 backbone.
        heads: Number of its attention heads.
        fusion_size: Channels of the fusion layers.
        neck_sizes: Channels of the four scales.
    """
    from transformers import DepthAnythingConfig, DepthAnythingForDepthEstimation

    config = DepthAnythingConfig(
        backbone_config={
            "model_type": "dinov2",
            "image_size": 518,
            "patch_size": PATCH,
            "hidden_size": hidden_size,
            "num_attention_heads": heads,
            "out_indices": [3, 6, 9, 12],
            "reshape_hidden_states": False,
        },
        reassemble_hidden_size=hidden_size,
        fusion_hidden_size=fusion_size,
        neck_hidden_sizes=list(neck_sizes),
    )
    return DepthAnythingForDepthEstimation, config


@cache
def processor() -> Any:
    """The published processor of both sizes."""
    from transformers import DPTImageProcessor

    return DPTImageProcessor(
        size={"height": TARGET[0], "width": TARGET[1]},
        keep_aspect_ratio=True,
        ensure_multiple_of=PATCH,
        image_mean=list(IMAGENET_MEAN),
        image_std=list(IMAGENET_STD),
    )


def prepare(image: ImageArray) -> torch.Tensor:
    """A photo, uint8 [H, W, 3], as the network's input, float32 [3, h, w]."""
    check_side(image)
    return pixel_values(processor(), image, input_size((image.shape[0], image.shape[1]), TARGET, PATCH))


def finish(raw: torch.Tensor, shape: Shape) -> torch.Tensor:
    """Resize a raw map, float [h, w], to the photo's aspect ratio: float [h', w'] of `photo_size(shape)`."""
    return resized(raw, photo_size(shape))


def wrap(network: nn.Module, *, title: str) -> NetworkEstimator:
    """An estimator that runs a network."""
    return NetworkEstimator(
        network=network, prepare=prepare, forward=predicted_depth, finish=finish, kind="disparity", title=title
    )


def load(model: TransformersModel) -> NetworkEstimator:
    """An estimator.

    Raises:
        WeightsUnavailableError: Its weights are missing.
    """
    return wrap(load_network(model), title=model.source.title)


# Both commits are pinned by several unrelated public projects.
SMALL = TransformersModel(
    source=WeightSource(
        name="depth_anything_v2_small",
        title="Depth Anything V2 small",
        repository="depth-anything/Depth-Anything-V2-Small-hf",
        revision="5426e4f0f36572d16453bbda7a8389317b1bef99",
    ),
    architecture=partial(architecture, 384, 6, 64, (48, 96, 192, 384)),
)
BASE = TransformersModel(
    source=WeightSource(
        name="depth_anything_v2_base",
        title="Depth Anything V2 base",
        repository="depth-anything/Depth-Anything-V2-Base-hf",
        revision="b1958afc87fb45a9e3746cb387596094de553ed8",
    ),
    architecture=partial(architecture, 768, 12, 128, (96, 192, 384, 768)),
)


def _declare(model: TransformersModel, *, licence: str, download_mb: float) -> None:
    register_depth(
        DepthSpec(
            name=model.source.name,
            title=model.source.title,
            kind="disparity",
            source=model.source.origin,
            trained_on="595,000 synthetic images, then 62 million real images with pseudo-labels of a larger network",
            licence=licence,
            load=partial(load, model),
            weights=model.source,
            input_rule="near 518×518 with the aspect ratio kept, in multiples of 14; ImageNet's mean and standard "
            "deviation",
            download_mb=download_mb,
        )
    )


_declare(SMALL, licence="Apache-2.0", download_mb=99)
_declare(BASE, licence="CC-BY-NC-4.0 (not for commercial use)", download_mb=390)
