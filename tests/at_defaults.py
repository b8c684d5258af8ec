"""Stage functions for tests: parameters that a test does not name have the defaults of the configuration.

`tau_ncut` is 0.15 (CutLER's), and depth is not scaled, so that a test can compute by hand what it expects.
"""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import Any

from cuts3d import graphs
from cuts3d.arrays import BoolArray, FloatArray
from cuts3d.config import CutS3DConfig
from cuts3d.method import affinity, confidence, depth_range, importance, knn_graph, local_cut, min_cut, point_cloud
from cuts3d.types import KnnGraph, LocalCut, SpatialConfidence

DEFAULTS = CutS3DConfig().to_dict()


def _at(function: Any, *names: str, **others: Any) -> Any:
    return partial(function, **{name: DEFAULTS[name] for name in names}, **others)


normalise_features = _at(affinity.normalise_features, center=False)
cosine_affinity = _at(affinity.cosine_affinity, center=False)
graph_weights = _at(affinity.graph_weights, "epsilon", tau_ncut=0.15, mode=DEFAULTS["affinity"])
spatial_importance = _at(importance.spatial_importance, "beta", "sigma")
sharpen_affinity = _at(importance.sharpen_affinity, "pair_rule", "direction")
sharpening_exponent = _at(importance.sharpening_exponent, "pair_rule")
normalise_depth = _at(depth_range.normalise_depth, clip_percent=DEFAULTS["depth_clip"])
depth_range_of = _at(depth_range.depth_range, clip_percent=DEFAULTS["depth_clip"])
back_project = _at(point_cloud.back_project, "camera", "field_of_view", depth_scale=1.0)
send_to_background = _at(point_cloud.send_to_background, "background_depth", depth_scale=1.0)
k_nearest_graph = _at(knn_graph.knn_graph, "k_neighbors")
capacities = _at(graphs.capacities, "sigma_c", form=DEFAULTS["capacity"])
choose_terminals = _at(local_cut.choose_terminals, "terminals", fraction=DEFAULTS["terminal_fraction"])
min_cut_of = _at(min_cut.min_cut, "sigma_c", "capacity", "solver")
sweep_thresholds = _at(confidence.sweep_thresholds, "num_cuts", "tau_knn_min")


def cut_of(
    graph: KnnGraph,
    eigenvector: FloatArray,
    region: BoolArray,
    *,
    component: BoolArray | None = None,
    **params: Any,
) -> LocalCut:
    """`local_cut` with parameters by name."""
    config = CutS3DConfig().replace(**params)
    options, least = config.local_cut, config.masks.min_area
    return local_cut.local_cut(graph, eigenvector, region, options, min_area=least, component=component)


def confidence_of(graph: KnnGraph, cut: LocalCut, region: BoolArray, **params: Any) -> SpatialConfidence:
    """`spatial_confidence` of a cut of a region, with parameters by name."""
    config = CutS3DConfig().replace(**params)
    return confidence.spatial_confidence(
        graph, dataclasses.replace(cut, region=region), config.confidence, config.local_cut
    )
