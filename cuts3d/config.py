"""All parameters of the method (method 1): one frozen dataclass per stage, with the symbols of the paper.

Field names are unique across the stages. Therefore `CutS3DConfig().replace(beta=0.3, tau_knn=0.1)` works, and the
command line and the page can use the same names. The text of each parameter is shown on the page, in `--help` and in
the JSON schema of the endpoints.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cache
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from cuts3d.errors import ConfigError, shown


def _param(default: Any, text: str, low: float | None = None, high: float | None = None) -> Any:
    return field(default=default, metadata={"text": text, "low": low, "high": high})


SCORE_RULES = {
    "distinct": "how clearly a mask differs from its surroundings in features, depth and completeness",
    "order": "mean spatial confidence divided by the position in the order of cutting",
    "confidence": "mean spatial confidence (paper)",
}
"""The quantity by which each rule of `MaskConfig.score` ranks the masks (method 1.10)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeatureConfig:
    """Patch features (method 1.1). `None` means the default that the backbone declares."""

    backbone: str = _param("dinov2_vits14_focus", "Self-supervised network that computes the patch features.")
    image_size: int | None = _param(
        None,
        "Side of the network's input in pixels, a multiple of the patch size; larger shows finer detail.",
        64,
        1680,
    )
    feature: Literal["key", "query", "value", "token"] | None = _param(
        None, "Which vectors of the attention block are used."
    )
    layer: int | None = _param(None, "Block whose vectors are used; -1 is the last.", -48, 47)
    center: bool | None = _param(None, "Subtract the mean feature of the photo first; DINOv2 needs it.")


@dataclass(frozen=True, slots=True, kw_only=True)
class DepthConfig:
    """Depth source (method 1.5)."""

    depth: str = _param("embedded", "Depth estimator. Your own depth map overrides it.")


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportanceConfig:
    """Spatial importance sharpening (method 1.3, paper)."""

    sharpen: bool = _param(True, "Sharpen the affinity with the depth map.")
    beta: float = _param(
        0.45, "β: importance of flat areas, the smallest one; a lower value changes flat areas less.", 0.0, 1.0
    )
    sigma: float = _param(3.0, "σ: blur of the depth, in patches; a larger value marks wider depth edges.", 0.1, 30.0)
    pair_rule: Literal["product", "mean", "max"] = _param(
        "product", "How the importances of two patches give one exponent."
    )
    direction: Literal["raise", "lower"] = _param(
        "raise", "'raise' is the paper's formula. 'lower' weakens links at depth edges instead."
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class AffinityConfig:
    """From cosine similarity to graph weights (method 1.2)."""

    tau_ncut: float | None = _param(None, "τ_ncut: patches are linked if their similarity is above it.", 0.0, 1.0)
    affinity: Literal["binary", "soft"] = _param("binary", "Weight of a link: 1 (binary) or the similarity (soft).")
    epsilon: float = _param(1e-5, "ε: weight between patches that are not linked.", 1e-9, 0.1)


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudConfig:
    """Point cloud (method 1.5, steps 1 to 3)."""

    camera: Literal["orthographic", "perspective"] = _param("orthographic", "How depth becomes 3D points.")
    field_of_view: float = _param(
        55.0, "Field of view along the longer image side, in degrees; for the perspective camera.", 5.0, 150.0
    )
    depth_scale: float = _param(
        4.0, "Depth range divided by the longer image side; a larger value moves objects apart.", 0.01, 20
    )
    depth_clip: float = _param(
        1.0, "Percentage of the depth values that is clipped at the near and at the far end.", 0.0, 20.0
    )
    background_depth: float = _param(
        2.0, "Depth of points outside the bipartition, in units of the depth range.", 0.0, 100.0
    )
    cut_size: int | None = _param(
        None, "Points along the longer side of the 3D cut's grid; None: the patch grid.", 8, 240
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class GraphConfig:
    """k-NN graph (method 1.5, step 4)."""

    k_neighbors: int = _param(
        24, "k: neighbours of each point; a larger value links the parts of an object better.", 2, 128
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalCutConfig:
    """Min-cut in 3D (method 1.5, steps 4 to 8)."""

    tau_knn: float = _param(
        0.115,
        "τ_knn: longest edge kept in 3D, as a fraction of the longer image side; smaller separates more.",
        0.001,
        2.0,
    )
    sigma_c: float = _param(
        0.025, "σ_c: length of an edge whose capacity is 1/e, as a fraction of the longer image side.", 0.001, 1.0
    )
    terminals: Literal["fraction", "single"] = _param(
        "fraction", "Sources and sinks: a fraction of all points, or one point each."
    )
    terminal_fraction: float = _param(
        0.001, "Fraction of all points that are sources; the same number are sinks.", 0.0, 0.2
    )
    capacity: Literal["gaussian", "euclidean"] = _param(
        "gaussian", "Capacity of an edge of length d: exp(−(d/σ_c)²), or d."
    )
    solver: Literal["scipy", "networkx-dinitz", "networkx-boykov-kolmogorov"] = _param(
        "scipy",
        "Program that computes the maximum flow. All give the same cut; those of NetworkX are pure Python and take many"
        " times as long.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfidenceConfig:
    """Spatial confidence (method 1.6, paper)."""

    num_cuts: int = _param(
        6, "T: number of cuts, from the smallest to the final τ_knn; their mean is the confidence.", 1, 64
    )
    tau_knn_min: float = _param(0.04, "Smallest τ_knn of the T cuts; if it is above τ_knn, τ_knn is used.", 0.0005, 2.0)
    confidence_floor: float = _param(0.5, "Smallest confidence inside a mask.", 0.0, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskConfig:
    """Which masks are kept, and when the search stops (method 1.4, 1.9, 1.10)."""

    max_instances: int = _param(3, "N: largest number of masks of a photo.", 1, 50)
    region: Literal["exhaust", "once", "recursive"] = _param(
        "exhaust",
        "'exhaust' cuts one semantic region until the rest is too small; 'once' cuts it once before the next NCut; "
        "'recursive' divides both sides of every NCut again and keeps the N masks with the highest distinctness.",
    )
    max_depth: int = _param(5, "Number of levels of NCuts in the recursive mode.", 1, 10)
    score: Literal["distinct", "order", "confidence"] = _param(
        "distinct",
        f"Score that ranks the masks: {'; '.join(f'{name}, {text}' for name, text in SCORE_RULES.items())}.",
    )
    min_area: float = _param(0.01, "Smallest fraction of the patches that a mask covers.", 0.0, 0.5)
    max_overlap: float = _param(0.5, "Largest IoU with an earlier mask.", 0.0, 1.0)
    max_ncut: float | None = _param(None, "Adaptive N: stop when the NCut value is above this; None: never.", 0.0, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class RefineConfig:
    """Mask refinement with a dense CRF (method 1.7)."""

    crf: bool = _param(True, "Fit the mask to the edges of the photo with a dense CRF.")
    crf_size: int = _param(
        119, "Pixels along a side at which the CRF works; 480 as published, fewer are faster.", 32, 1680
    )
    crf_iterations: int = _param(10, "Number of mean-field steps.", 1, 50)
    foreground_probability: float = _param(
        0.73, "Probability of foreground inside the mask before the CRF.", 0.5, 0.999
    )
    gaussian_sxy: float = _param(3.0, "Range of the smoothness term, in pixels of the network's input.", 0.5, 100)
    gaussian_compat: float = _param(7.0, "Weight of the smoothness term.", 0.0, 100)
    bilateral_sxy: float = _param(50.0, "Range of the colour term, in pixels of the network's input.", 0.5, 200)
    bilateral_srgb: float = _param(5.0, "Colour difference that counts as an edge.", 0.5, 100)
    bilateral_compat: float = _param(10.0, "Weight of the colour term.", 0.0, 100)
    crf_min_iou: float = _param(0.5, "A mask is dropped if its IoU before and after the CRF is below this.", 0.0, 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class CutS3DConfig:
    """Configuration of the whole method: one dataclass per stage."""

    features: FeatureConfig = field(default_factory=FeatureConfig)
    depth: DepthConfig = field(default_factory=DepthConfig)
    importance: ImportanceConfig = field(default_factory=ImportanceConfig)
    affinity: AffinityConfig = field(default_factory=AffinityConfig)
    cloud: CloudConfig = field(default_factory=CloudConfig)
    graph: GraphConfig = field(default_factory=GraphConfig)
    local_cut: LocalCutConfig = field(default_factory=LocalCutConfig)
    confidence: ConfidenceConfig = field(default_factory=ConfidenceConfig)
    masks: MaskConfig = field(default_factory=MaskConfig)
    refine: RefineConfig = field(default_factory=RefineConfig)

    def __post_init__(self) -> None:
        """Check the type and the range of every parameter."""
        for stage in fields(self):
            _validate(getattr(self, stage.name))

    def replace(self, /, **params: Any) -> CutS3DConfig:
        """A copy with some parameters changed, each by its name: `replace(beta=0.3, tau_knn=0.1)`.

        Raises:
            ConfigError: A name is unknown, or a value is out of its range.
        """
        stages = parameter_stages()
        changes: dict[str, dict[str, Any]] = {}
        for name, value in params.items():
            if name not in stages:
                raise ConfigError(f"Unknown parameter {shown(name)}; the parameters are: {', '.join(stages)}.")
            changes.setdefault(stages[name], {})[name] = value
        new = {stage: dataclasses.replace(getattr(self, stage), **values) for stage, values in changes.items()}
        return dataclasses.replace(self, **new)

    def to_dict(self) -> dict[str, Any]:
        """All parameters in one flat dictionary that JSON can hold."""
        return {name: getattr(getattr(self, stage), name) for name, stage in parameter_stages().items()}

    @classmethod
    def from_dict(cls, params: dict[str, Any]) -> CutS3DConfig:
        """The inverse of `to_dict`; missing parameters keep their defaults."""
        return cls().replace(**params)


OWN_FEATURES = "own_features"
OWN_AFFINITY = "own_affinity"
"""In place of a backbone's name: the features, or the affinity, were given with the photo, and no backbone ran."""

_OF_A_BACKBONE = {OWN_FEATURES: ("feature", "layer"), OWN_AFFINITY: ("feature", "layer", "center")}


def own_config(config: CutS3DConfig, source: str) -> CutS3DConfig:
    """The configuration of a run: as it is, or without the backbone that a run on given features does not use.

    Args:
        config: All parameters.
        source: `PatchFeatures.backbone` of the run. For `own_features` and `own_affinity` it becomes the backbone, and
            parameters that choose vectors of a network become None.
    """
    if source not in _OF_A_BACKBONE:
        return config
    return config.replace(backbone=source, **dict.fromkeys(_OF_A_BACKBONE[source]))


def refuse_backbone_options(params: Mapping[str, Any], source: str) -> None:
    """Raise a ConfigError if a change of parameters needs a backbone, but the features or the affinity are given."""
    for name in ("backbone", *_OF_A_BACKBONE[source]):
        if params.get(name) not in (None, source):
            raise ConfigError(
                f"{name} cannot be {shown(params[name])}: this photo was opened with {source.replace('_', ' ')}, so no "
                "backbone runs; open it without them to use one."
            )


@cache
def parameter_stages() -> Mapping[str, str]:
    """Map the name of each parameter to the name of its stage."""
    return {p.name: stage.name for stage in fields(CutS3DConfig) for p in fields(_stage_class(stage.name))}


@cache
def parameter_field(name: str) -> dataclasses.Field[Any]:
    """The dataclass field of a parameter: its default, and its `text`, `low` and `high` in `metadata`."""
    stage = _stage_class(parameter_stages()[name])
    return next(f for f in fields(stage) if f.name == name)


@cache
def parameter_type(name: str) -> tuple[Any, bool]:
    """The type of a parameter without `None`, and whether `None` is allowed."""
    return _split_optional(_hints(_stage_class(parameter_stages()[name]))[name])


def _stage_class(name: str) -> Any:
    return _hints(CutS3DConfig)[name]


@cache
def _hints(kind: Any) -> Mapping[str, Any]:
    return get_type_hints(kind)  # slow, and needed at every move of a slider


def _split_optional(hint: Any) -> tuple[Any, bool]:
    if get_origin(hint) in (Union, UnionType):
        kept = [a for a in get_args(hint) if a is not type(None)]
        return kept[0], True
    return hint, False


def _validate(stage: Any) -> None:
    hints = _hints(type(stage))
    for f in fields(stage):
        value, (kind, optional) = getattr(stage, f.name), _split_optional(hints[f.name])
        if value is None and optional:
            continue
        checked = _checked(f.name, value, kind)
        low, high = f.metadata["low"], f.metadata["high"]
        if low is not None and not low <= checked <= high:
            raise ConfigError(f"{f.name} must lie between {low:g} and {high:g}; it is {shown(value)}.")
        object.__setattr__(stage, f.name, checked)


def _checked(name: str, value: Any, kind: Any) -> Any:
    if get_origin(kind) is Literal:
        if isinstance(value, str) and value in get_args(kind):
            return value
        raise ConfigError(f"{name} must be one of {', '.join(get_args(kind))}; it is {shown(value)}.")
    number = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300
    if kind is float and number and math.isfinite(value):
        return float(value)
    if kind is int and number and math.isfinite(value) and value == int(value):
        return int(value)
    if kind in (bool, str) and isinstance(value, kind):
        return value
    words = {float: "a finite number", int: "a whole number", bool: "true or false", str: "a name"}
    raise ConfigError(f"{name} must be {words[kind]}; it is {shown(value)}.")


LITERAL = CutS3DConfig().replace(
    feature="key",
    tau_ncut=0.15,
    terminals="single",
    capacity="euclidean",
    region="once",
    score="confidence",
    crf_size=480,
)
"""The paper's text taken literally: keys, single terminals, edge lengths as capacities, one LocalCut per NCut."""

ADAPTIVE = CutS3DConfig().replace(region="recursive", max_instances=20, affinity="soft", tau_ncut=0.15, min_area=0.003)
"""Adaptive N (ours, method 1.9): up to 20 masks of a photo, which may be nested; see `benchmarks/ablation.md`."""

PRESETS = {"ours": CutS3DConfig(), "literal": LITERAL, "adaptive": ADAPTIVE}
