"""Depth estimators, one file each; importing this package registers them all."""

from cuts3d.depth import embedded, flat
from cuts3d.depth.available import missing_reason, remember_failure
from cuts3d.depth.estimate import estimate_depth
from cuts3d.depth.file import DepthInput, read_depth
from cuts3d.depth.range import DepthRange, depth_range, normalise_depth
from cuts3d.depth.registry import DepthSpec, get_depth, list_depths, register_depth

__all__ = [
    "DepthInput",
    "DepthRange",
    "DepthSpec",
    "depth_range",
    "embedded",
    "estimate_depth",
    "flat",
    "get_depth",
    "list_depths",
    "missing_reason",
    "normalise_depth",
    "read_depth",
    "register_depth",
    "remember_failure",
]
