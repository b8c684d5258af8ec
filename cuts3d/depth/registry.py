"""The registry of depth estimators: for each name a declaration and a function from a photo to a `DepthMap`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cuts3d.arrays import ImageArray
from cuts3d.errors import ConfigError, shown
from cuts3d.types import DepthKind, DepthMap, PatchFeatures
from cuts3d.weights.source import WeightSource

Estimate = Callable[[ImageArray, PatchFeatures | None], DepthMap]


@dataclass(frozen=True, slots=True, kw_only=True)
class DepthSpec:
    """Declaration of one depth estimator.

    Attributes:
        name: Registry name, the value of `DepthConfig.depth`.
        title: Name for people.
        kind: What its values mean.
        source: Where the weights come from, for people.
        trained_on: What the network was trained on, for people.
        licence: Licence of the weights.
        load: Builds the estimator, a function of a photo, uint8 [H, W, 3], and the features of `tokens_of`.
        weights: Where the weights are kept; None if they come with the package.
        tokens_of: Registry name of the backbone whose tokens the estimator reads; empty if it reads none.
        token_layers: Blocks of that backbone whose tokens the estimator reads.
        embedded: Whether the estimator works without a download.
        input_rule: How the photo is resized and normalised, for people.
        download_mb: Size of the weights in megabytes.
        packages: Arguments of `pip install` for packages beyond the requirements, separated by spaces.
    """

    name: str
    title: str
    kind: DepthKind
    source: str
    trained_on: str
    licence: str
    load: Callable[[], Estimate]
    weights: WeightSource | None = None
    tokens_of: str = ""
    token_layers: tuple[int, ...] = ()
    embedded: bool = False
    input_rule: str = ""
    download_mb: float = 0.0
    packages: str = ""


_SPECS: dict[str, DepthSpec] = {}


def register_depth(spec: DepthSpec) -> DepthSpec:
    """Add an estimator to the registry. It replaces an earlier one of the same name."""
    _SPECS[spec.name] = spec
    return spec


def get_depth(name: str) -> DepthSpec:
    """Return the declaration called `name`.

    Raises:
        ConfigError: No estimator has that name.
    """
    try:
        return _SPECS[name]
    except KeyError:
        raise ConfigError(f"Unknown depth estimator {shown(name)}; choose one of: {', '.join(_SPECS)}.") from None


def list_depths() -> tuple[DepthSpec, ...]:
    """All registered estimators, the embedded one first."""
    return tuple(_SPECS.values())
