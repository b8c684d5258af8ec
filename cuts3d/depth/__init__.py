"""Depth estimators, one file each. Importing this package registers all of them."""

from cuts3d.depth import embedded, flat  # isort: skip - the embedded estimator comes first in every list
from cuts3d.depth import zoedepth, midas_small, dpt, depth_anything, depth_pro, marigold, slowtv, moge  # isort: skip
from cuts3d.depth.available import missing_reason
from cuts3d.depth.estimate import estimate_depth
from cuts3d.depth.registry import DepthSpec, get_depth, list_depths, register_depth
from cuts3d.io.depth_maps import DepthInput, read_depth
from cuts3d.method.depth_range import DepthRange, depth_range, normalise_depth

__all__ = [
    "DepthInput",
    "DepthRange",
    "DepthSpec",
    "depth_anything",
    "depth_pro",
    "depth_range",
    "dpt",
    "embedded",
    "estimate_depth",
    "flat",
    "get_depth",
    "list_depths",
    "marigold",
    "midas_small",
    "missing_reason",
    "moge",
    "normalise_depth",
    "read_depth",
    "register_depth",
    "slowtv",
    "zoedepth",
]
