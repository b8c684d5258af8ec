"""Features of photos with the options of a configuration. The backbone runs here and nowhere else, on a GPU if any."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from cuts3d.arrays import ImageArray
from cuts3d.backbones.loaded import loaded_backbone
from cuts3d.backbones.registry import get_backbone
from cuts3d.backbones.vit import extract_batch
from cuts3d.config import FeatureConfig
from cuts3d.types import PatchFeatures

Runner = Callable[..., Any]


def _directly(function: Callable[..., Any], *arguments: Any) -> Any:
    return function(*arguments)


_runner: Runner = _directly


def use_runner(runner: Runner = _directly) -> None:
    """Run the network of `photo_vectors` through `runner(function, *arguments)`, for example on a rented GPU.

    Args:
        runner: Calls the function and returns its result. If it runs another process, both are pickled.
    """
    global _runner  # noqa: PLW0603 - one per process, as the loaded networks are
    _runner = runner


def photo_vectors(image: ImageArray, options: FeatureConfig, token_layers: tuple[int, ...] = ()) -> PatchFeatures:
    """Features of a photo, through the runner.

    Args:
        image: uint8 [H, W, 3].
        options: Backbone and how it is used.
        token_layers: Blocks whose tokens are kept for a depth head.

    Raises:
        ConfigError: The options do not fit the network.
        WeightsUnavailableError: Its weights cannot be had.
    """
    return _runner(compute, image, options, token_layers)


def compute(image: ImageArray, options: FeatureConfig, token_layers: tuple[int, ...]) -> PatchFeatures:
    """Run the backbone in this process, without the runner; see `photo_vectors`."""
    return batch_vectors([image], options, token_layers)[0]


def batch_vectors(
    images: Sequence[ImageArray], options: FeatureConfig, token_layers: tuple[int, ...] = ()
) -> list[PatchFeatures]:
    """Features of several photos in one pass of the backbone, without the runner; see `photo_vectors`."""
    network = loaded_backbone(options.backbone).to("cuda" if torch.cuda.is_available() else "cpu")
    return extract_batch(
        network,
        get_backbone(options.backbone),
        images,
        image_size=options.image_size,
        feature=options.feature,
        layer=options.layer,
        center=options.center,
        token_layers=token_layers,
    )
