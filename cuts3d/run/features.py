"""Features of a photo as its configuration wants them: the one place where a large network runs, on a GPU if any."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from cuts3d.arrays import ImageArray
from cuts3d.backbones import extract_batch, get_backbone
from cuts3d.backbones.loaded import loaded_backbone
from cuts3d.config import FeatureConfig
from cuts3d.run.stages import Memo
from cuts3d.types import PatchFeatures

Runner = Callable[..., Any]


def _directly(function: Callable[..., Any], *arguments: Any) -> Any:
    return function(*arguments)


_runner: Runner = _directly


def use_runner(runner: Runner = _directly) -> None:
    """Let `runner(function, *arguments)` call the network, on a GPU that is lent for a call, say.

    Args:
        runner: Calls the function and returns its result; both travel pickled where it is another process.
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


def remembered_vectors(
    image: ImageArray, options: FeatureConfig, memo: Memo, token_layers: tuple[int, ...] = ()
) -> PatchFeatures:
    """Features of a photo through a memo, whose key is (options, token_layers); see `photo_vectors`."""
    return memo("features", (options, token_layers), lambda: photo_vectors(image, options, token_layers))


def compute(image: ImageArray, options: FeatureConfig, token_layers: tuple[int, ...]) -> PatchFeatures:
    """Run the backbone here and now; see `photo_vectors`."""
    return batch_vectors([image], options, token_layers)[0]


def batch_vectors(
    images: Sequence[ImageArray], options: FeatureConfig, token_layers: tuple[int, ...] = ()
) -> list[PatchFeatures]:
    """Features of several photos in one pass, here and now; see `photo_vectors`."""
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
