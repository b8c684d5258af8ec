"""The controls of the sidebar, made from the configuration: one per parameter, grouped by stage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

import gradio as gr

from cuts3d.backbones import list_backbones
from cuts3d.config import ADAPTIVE, LITERAL, CutS3DConfig, parameter_field, parameter_type
from cuts3d.depth import list_depths
from cuts3d.errors import ConfigError

OWN = "the backbone's own"
OWN_DEPTH = "own"  # the choice of depth that takes a photo's own map where there is one


@dataclass(frozen=True, slots=True)
class Control:
    """How one parameter is shown.

    Attributes:
        name: The parameter.
        label: What stands over it, with the paper's symbol.
        low: Lower end of the slider; None: the parameter has no slider.
        high: Upper end.
        step: Step of the slider.
        none_at: Slider position that means `None`.
        choices: Fixed choices of a dropdown, as (text, value).
    """

    name: str
    label: str
    low: float | None = None
    high: float | None = None
    step: float | None = None
    none_at: float | None = None
    choices: tuple[tuple[str, Any], ...] = ()


EPSILONS = tuple((f"{e:g}", e) for e in (1e-6, 1e-5, 1e-4, 1e-3))
CUT_SIZES = (("the patch grid", None), *((f"{n} points", n) for n in (60, 90, 120)))
SIZES = ((OWN, None), *((f"{14 * n} px", 14 * n) for n in (16, 24, 34, 48, 60)))
CRF_SIZES = tuple((f"{n} px", n) for n in (119, 170, 240, 480))
DEPTHS = (("the photo's own map, else embedded", OWN_DEPTH), *((s.title, s.name) for s in list_depths()))
MAIN = (
    Control("beta", "β · sharpening", 0.0, 1.0, 0.01),
    Control("tau_knn", "τ_knn · longest link", 0.01, 0.4, 0.005),
)
GROUPS: dict[str, tuple[Control, ...]] = {
    "Networks": (
        Control("backbone", "Backbone", choices=tuple((s.title, s.name) for s in list_backbones())),
        Control("depth", "Depth", choices=DEPTHS),
        Control("image_size", "Input side", choices=SIZES),
        Control("feature", "Feature kind"),
        Control("layer", "Layer", choices=((OWN, None), *((f"{n} from the end", -n) for n in range(1, 7)))),
        Control("center", "Centre the features", choices=((OWN, None), ("yes", True), ("no", False))),
    ),
    "Spatial importance · β, σ": (
        Control("sharpen", "Sharpen by depth"),
        Control("sigma", "σ · blur of the depth, patches", 0.5, 12.0, 0.1),
        Control("pair_rule", "Pair rule"),
        Control("direction", "Direction"),
    ),
    "Affinity and NCut · τ_ncut": (
        Control("tau_ncut", "τ_ncut · threshold", 0.0, 1.0, 0.005),
        Control("affinity", "Links"),
        Control("epsilon", "ε · weight of a missing link", choices=EPSILONS),
    ),
    "Point cloud": (
        Control("depth_scale", "Depth scale", 0.25, 12.0, 0.25),
        Control("background_depth", "Background depth", 0.0, 10.0, 0.1),
        Control("depth_clip", "Clipped depth, %", 0.0, 20.0, 0.5),
        Control("camera", "Camera"),
        Control("field_of_view", "Field of view, degrees", 10.0, 120.0, 1.0),
        Control("cut_size", "Resolution of the cut", choices=CUT_SIZES),
    ),
    "k-NN graph and min-cut · k, σ_c": (
        Control("k_neighbors", "k · neighbours", 2, 64, 1),
        Control("sigma_c", "σ_c · reach of a link", 0.002, 0.2, 0.001),
        Control("terminals", "Terminals"),
        Control("terminal_fraction", "Share of points as terminals", 0.0, 0.05, 0.0005),
        Control("capacity", "Capacity of a link"),
        Control("confidence_floor", "Least confidence in a mask", 0.0, 1.0, 0.05),
    ),
    "Masks · N": (
        Control("max_instances", "N · most masks", 1, 20, 1),
        Control("region", "Cuts of a region"),
        Control("max_depth", "Levels of the recursive mode", 1, 8, 1),
        Control("score", "Rank of the masks"),
        Control("min_area", "Least area, share", 0.0, 0.2, 0.001),
        Control("max_overlap", "Greatest overlap, IoU", 0.0, 1.0, 0.05),
        Control("max_ncut", "Stop above this NCut value", 0.0, 1.0, 0.01, none_at=1.0),
    ),
    "CRF": (
        Control("crf", "Fit masks to the photo's edges"),
        Control("crf_size", "Resolution of the CRF", choices=CRF_SIZES),
        Control("crf_iterations", "Mean-field steps", 1, 30, 1),
        Control("foreground_probability", "Trust in the mask", 0.5, 0.99, 0.01),
        Control("gaussian_sxy", "Gaussian reach, px", 0.5, 30.0, 0.5),
        Control("gaussian_compat", "Gaussian weight", 0.0, 50.0, 0.5),
        Control("bilateral_sxy", "Bilateral reach, px", 1.0, 150.0, 1.0),
        Control("bilateral_srgb", "Bilateral colour step", 0.5, 50.0, 0.5),
        Control("bilateral_compat", "Bilateral weight", 0.0, 50.0, 0.5),
        Control("crf_min_iou", "Dropped below this IoU", 0.0, 1.0, 0.05),
    ),
}
CONFIDENCE = (  # they stand on the Confidence tab, beside what they change
    Control("tau_knn_min", "τ_knn from", 0.005, 0.2, 0.005),
    Control("num_cuts", "T · cuts", 1, 16, 1),
)
ALL: tuple[Control, ...] = (*MAIN, *(c for group in GROUPS.values() for c in group), *CONFIDENCE)
DEPTH_PLACE = [c.name for c in ALL].index("depth")
NETWORKS = tuple(c.name for c in GROUPS["Networks"])  # a change of these runs a network again


def changed(config: CutS3DConfig) -> dict[str, Any]:
    """The parameters in which a configuration differs from the defaults."""
    own = CutS3DConfig().to_dict()
    return {name: value for name, value in config.to_dict().items() if value != own[name]}


PRESETS: dict[str, dict[str, Any]] = {
    "Ours": {},
    "Paper": changed(LITERAL),
    "MaskCut": {
        "feature": "key",
        "tau_ncut": 0.15,
        "sharpen": False,
        "depth": "none",
        "region": "once",
        "score": "order",
        "crf_size": 480,
    },
    "Adaptive": changed(ADAPTIVE),
    "Fine": {"image_size": 840, "max_instances": 8, "max_ncut": 0.9},
}
PRESET_TEXTS = {
    "Ours": "Ours: the formulas of the paper, our choices where it is silent.",
    "Paper": "Paper: its prose to the letter. Single terminals, Euclidean capacities, one cut per NCut.",
    "MaskCut": "MaskCut: no depth and no sharpening, one mask per NCut.",
    "Adaptive": "Adaptive: as many masks as stand out, up to 20, which may lie inside one another. A few seconds.",
    "Fine": "Fine: 60×60 patches, up to 8 masks. Some ten seconds on two cores.",
}


def build(control: Control) -> Any:
    """The component of one parameter, at its default."""
    field = parameter_field(control.name)
    kind, optional = parameter_type(control.name)
    shared: dict[str, Any] = {"label": control.label, "info": field.metadata["text"], "elem_id": control.name}
    value: Any = OWN_DEPTH if control.name == "depth" else to_component(control, field.default)
    if control.low is not None:
        return gr.Slider(control.low, control.high or 1.0, value=value, step=control.step, **shared)
    if kind is bool and not control.choices:
        return gr.Checkbox(value=value, **shared)
    choices = list(control.choices) or [(str(c), c) for c in get_args(kind)]
    if optional and not control.choices:
        choices.insert(0, (OWN, None))
    return gr.Dropdown([(text, _key(v)) for text, v in choices], value=value, filterable=False, **shared)


def to_component(control: Control, value: Any) -> Any:
    """A parameter's value as its component takes it."""
    if control.low is not None:
        if value is None:
            return control.none_at if control.none_at is not None else _default_of_none(control.name)
        return min(max(value, control.low), control.high or value)
    kind, _ = parameter_type(control.name)
    if kind is bool and not control.choices:
        return value
    offered = [choice for _, choice in control.choices]
    if offered and kind in (int, float) and value not in offered:
        value = min((c for c in offered if c is not None), key=lambda choice: abs(choice - value))  # a link's, say
    return _key(value)


def from_component(control: Control, value: Any) -> Any:
    """The inverse of `to_component`.

    Raises:
        ConfigError: The value is not one that the component offers.
    """
    if control.low is not None:
        if not isinstance(value, int | float):
            raise ConfigError(f"{control.label}: give a number.")
        if control.none_at is not None and value >= control.none_at:
            return None
        return _auto(control.name, value)
    if not isinstance(value, str):
        return value
    if control.name == "depth" and value == OWN_DEPTH:
        return parameter_field("depth").default
    kind, _ = parameter_type(control.name)
    choices = {_key(v): v for _, v in control.choices} or {_key(c): c for c in get_args(kind)}
    return {"": None, **choices}.get(value, value)


def params_from(values: Sequence[Any]) -> dict[str, Any]:
    """Parameters from the values of all components, in the order of `ALL`."""
    return {control.name: from_component(control, value) for control, value in zip(ALL, values, strict=True)}


def wants_own_depth(values: Sequence[Any]) -> bool:
    """Whether a photo's own depth map goes before the estimator; any other choice of depth leaves it out."""
    return values[DEPTH_PLACE] == OWN_DEPTH


def values_from(params: Mapping[str, Any], *, own_depth: bool | None = None) -> list[Any]:
    """Values of all components.

    Args:
        params: By name; those not named get their default.
        own_depth: Whether a photo's own depth map is used; None: unless `params` names an estimator.
    """
    full = {**CutS3DConfig().to_dict(), **params}
    values = [to_component(control, full[control.name]) for control in ALL]
    if own_depth or (own_depth is None and "depth" not in params):
        values[DEPTH_PLACE] = OWN_DEPTH
    return values


def _key(value: Any) -> str:
    return "" if value is None else str(value)


def _default_of_none(name: str) -> Any:
    """What `None` stands for: τ_ncut of the default backbone."""
    return list_backbones()[0].tau_ncut if name == "tau_ncut" else None


def _auto(name: str, value: Any) -> Any:
    return None if name == "tau_ncut" and value == _default_of_none(name) else value
