"""What a depth estimator is: a declaration and a function from a photo to a `DepthMap`, found by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from cuts3d.arrays import ImageArray
from cuts3d.errors import ConfigError, shown
from cuts3d.types import DepthKind, DepthMap, PatchFeatures

Estimate = Callable[[ImageArray, PatchFeatures | None], DepthMap]


@dataclass(frozen=True, slots=True, kw_only=True)
class DepthSpec:
    """Declaration of one depth estimator.

    Attributes:
        name: Registry name, the value of `DepthConfig.depth`.
        title: Name for people.
        kind: What its values mean.
        source: Where it comes from.
        trained_on: What it was trained on.
        licence: Licence of its weights.
        load: Builds the estimator: a function of the photo, uint8 [H, W, 3], and the features below.
        tokens_of: Backbone whose tokens it reads; empty where it needs none.
        token_layers: Blocks of that backbone whose tokens it reads.
        embedded: True where it needs no download.
        input_rule: What the photo becomes before the network, for people.
        download_mb: Size of the weights, megabytes.
        revision: Commit of the hub repository that is read.
        packages: What `pip install` must bring beyond the requirements; empty where nothing.
    """

    name: str
    title: str
    kind: DepthKind
    source: str
    trained_on: str
    licence: str
    load: Callable[[], Estimate]
    tokens_of: str = ""
    token_layers: tuple[int, ...] = ()
    embedded: bool = False
    input_rule: str = ""
    download_mb: float = 0.0
    revision: str = ""
    packages: str = ""


_SPECS: dict[str, DepthSpec] = {}


def register_depth(spec: DepthSpec) -> DepthSpec:
    """Add an estimator to the registry; the last registration of a name wins."""
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
    """All declared estimators, the embedded one first."""
    return tuple(_SPECS.values())
