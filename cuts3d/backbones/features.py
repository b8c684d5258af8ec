"""Features of a photo: the one place where the backbone runs, on a GPU if there is one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch

from cuts3d.arrays import ImageArray
from cuts3d.backbones.loaded import loaded_backbone
from cuts3d.backbones.own import used_backbone
from cuts3d.backbones.registry import get_backbone
from cuts3d.backbones.vit import extract_batch
from cuts3d.config import CutS3DConfig, FeatureConfig
from cuts3d.memo import Keyed, Memo
from cuts3d.types import PatchFeatures

FeatureRequest = tuple[FeatureConfig, tuple[int, ...]]  # options, and the blocks whose tokens are kept
Runner = Callable[..., Any]


def _directly(function: Callable[..., Any], *arguments: Any) -> Any:
    return function(*arguments)


_runner: Runner = _directly


def use_runner(runner: Runner = _directly) -> None:
    """Let `runner(function, *arguments)` call the network, for example on a GPU that is lent for one call.

    Args:
        runner: Calls the function and returns its result. Both are pickled where the runner is another process.
    """
    global _runner  # noqa: PLW0603 - one per process, like the loaded networks
    _runner = runner


def tau_ncut_of(config: CutS3DConfig) -> float:
    """τ_ncut in use: the configured one, else the default of the backbone or of given features (method 1.2)."""
    own = config.affinity.tau_ncut
    return used_backbone(config.features.backbone).tau_ncut if own is None else own


def feature_request(options: FeatureConfig) -> FeatureRequest:
    """The options, with the blocks whose tokens the depth heads of this backbone read."""
    return options, get_backbone(options.backbone).token_layers


def photo_features(image: Keyed[ImageArray], request: FeatureRequest, memo: Memo) -> Keyed[PatchFeatures]:
    """Features of a photo through a memo; see `photo_vectors`."""
    return memo("features", photo_vectors, image, *request)


def photo_vectors(image: ImageArray, options: FeatureConfig, token_layers: tuple[int, ...] = ()) -> PatchFeatures:
    """Features of a photo, through the runner.

    Args:
        image: uint8 [H, W, 3].
        options: The backbone and its options.
        token_layers: Blocks whose tokens are returned for a depth head.

    Raises:
        ConfigError: The options do not fit the network.
        WeightsUnavailableError: The weights of the network are missing.
    """
    return _runner(compute, image, options, token_layers)


def compute(image: ImageArray, options: FeatureConfig, token_layers: tuple[int, ...]) -> PatchFeatures:
    """Run the backbone in this process; see `photo_vectors`."""
    return batch_vectors([image], options, token_layers)[0]


def batch_vectors(
    images: Sequence[ImageArray], options: FeatureConfig, token_layers: tuple[int, ...] = ()
) -> list[PatchFeatures]:
    """Features of several photos in one pass, in this process; see `photo_vectors`."""
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
