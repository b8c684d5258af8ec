"""The controls of the page, made from the configuration: one for each parameter."""

from ui.controls.presets import PRESET_TEXTS, PRESETS
from ui.controls.table import ALL, CONFIDENCE, GROUPS, MAIN, NAMES, NETWORKS, OWN_DEPTH, Control
from ui.controls.values import (
    build,
    from_component,
    own_threshold,
    params_from,
    threshold_text,
    to_component,
    values_from,
    wants_own_depth,
)

__all__ = [
    "ALL",
    "CONFIDENCE",
    "GROUPS",
    "MAIN",
    "NAMES",
    "NETWORKS",
    "OWN_DEPTH",
    "PRESETS",
    "PRESET_TEXTS",
    "Control",
    "build",
    "from_component",
    "own_threshold",
    "params_from",
    "threshold_text",
    "to_component",
    "values_from",
    "wants_own_depth",
]
