"""Events that set controls: presets, a shared link, and the threshold that follows the backbone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr

from cuts3d.backbones import get_backbone
from cuts3d.errors import ConfigError
from ui import controls
from ui.session.drawing import Update

FIRST_PRESET = next(iter(controls.PRESETS))


def choose_preset(visitor: str, name: str) -> Update:
    """Set all controls to a preset."""
    del visitor
    return {**set_controls(controls.PRESETS[name]), "preset_text": controls.PRESET_TEXTS[name]}


def reset(visitor: str) -> Update:
    """Set all controls to their defaults."""
    return {**choose_preset(visitor, FIRST_PRESET), "preset": FIRST_PRESET}


def set_controls(params: Mapping[str, Any], *, own_depth: bool | None = None) -> Update:
    """Values of all controls, and the τ_ncut that stands for the backbone's own; see `controls.values_from`."""
    values = dict(zip(controls.NAMES, controls.values_from(params, own_depth=own_depth), strict=True))
    own = get_backbone(values["backbone"]).tau_ncut
    return {**values, "tau_ncut": _threshold(values["tau_ncut"], own), "own_tau": own}


def follow_backbone(visitor: str, before: float, backbone: Any, tau: Any) -> Update:
    """Another backbone was chosen: the slider of τ_ncut goes to its own threshold, unless the visitor has set another.

    Args:
        visitor: Who asks.
        before: The own threshold of the backbone before.
        backbone: Name of the new one.
        tau: Where the slider is.
    """
    del visitor
    try:
        own = get_backbone(backbone).tau_ncut
    except ConfigError:
        return {}  # the run that follows says what is wrong
    return {"own_tau": own, "tau_ncut": _threshold(own if tau == before else tau, own)}


def _threshold(value: float, own: float) -> Any:
    """The slider of τ_ncut at a value, with the backbone's own threshold in its description."""
    return gr.update(value=value, info=controls.threshold_text(own))
