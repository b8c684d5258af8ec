"""From parameters to the values of their controls, and back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, get_args

import gradio as gr

from cuts3d.backbones import list_backbones
from cuts3d.config import CutS3DConfig, parameter_field, parameter_type
from cuts3d.errors import ConfigError
from ui.controls.table import ALL, NAMES, OWN, OWN_DEPTH, Control

DEPTH_INDEX = NAMES.index("depth")


def build(control: Control) -> Any:
    """The component of one parameter, at its default."""
    field = parameter_field(control.name)
    kind, optional = parameter_type(control.name)
    shared: dict[str, Any] = {"label": control.label, "info": field.metadata["text"], "elem_id": control.name}
    value = dict(zip(NAMES, values_from({}), strict=True))[control.name]
    if control.name == "tau_ncut":
        shared["info"] = threshold_text(value)
    if control.low is not None:
        return gr.Slider(control.low, control.high or 1.0, value=value, step=control.step, **shared)
    if kind is bool and not control.choices:
        return gr.Checkbox(value=value, **shared)
    choices = list(control.choices) or [(str(c), c) for c in get_args(kind)]
    if optional and not control.choices:
        choices.insert(0, (OWN, None))
    return gr.Dropdown([(text, _key(v)) for text, v in choices], value=value, filterable=False, **shared)


def to_component(control: Control, value: Any) -> Any:
    """A parameter's value as its component takes it. τ_ncut must be a number; see `values_from`."""
    if control.low is not None:
        if value is None:
            return control.none_at
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
        return value
    if not isinstance(value, str):
        return value
    if control.name == "depth" and value == OWN_DEPTH:
        return parameter_field("depth").default
    kind, _ = parameter_type(control.name)
    choices = {_key(v): v for _, v in control.choices} or {_key(c): c for c in get_args(kind)}
    return {"": None, **choices}.get(value, value)


def params_from(values: Sequence[Any]) -> dict[str, Any]:
    """Parameters from the values of all components, in the order of `ALL`.

    τ_ncut is None where its slider is at the chosen backbone's own value.

    Raises:
        ConfigError: A value is not one that its component offers.
    """
    params = {control.name: from_component(control, value) for control, value in zip(ALL, values, strict=True)}
    if params["tau_ncut"] == own_threshold(params["backbone"]):
        params["tau_ncut"] = None
    return params


def wants_own_depth(values: Sequence[Any]) -> bool:
    """Whether a photo's own depth map overrides the estimator."""
    return values[DEPTH_INDEX] == OWN_DEPTH


def values_from(params: Mapping[str, Any], *, own_depth: bool | None = None) -> list[Any]:
    """Values of all components, in the order of `ALL`.

    Args:
        params: By name; those that are missing get their default.
        own_depth: Whether a photo's own depth map is used; None: unless `params` names an estimator.
    """
    full = {**CutS3DConfig().to_dict(), **params}
    if full["tau_ncut"] is None:
        full["tau_ncut"] = own_threshold(full["backbone"])
    values = [to_component(control, full[control.name]) for control in ALL]
    if own_depth or (own_depth is None and "depth" not in params):
        values[DEPTH_INDEX] = OWN_DEPTH
    return values


def own_threshold(backbone: Any) -> float | None:
    """The backbone's own τ_ncut, or None where no backbone has that name."""
    return next((spec.tau_ncut for spec in list_backbones() if spec.name == backbone), None)


def threshold_text(own: float) -> str:
    """What the control of τ_ncut says below its title.

    Args:
        own: τ_ncut of the chosen backbone.
    """
    return f"{parameter_field('tau_ncut').metadata['text']} The backbone's own value is {own:g}."


def _key(value: Any) -> str:
    return "" if value is None else str(value)
