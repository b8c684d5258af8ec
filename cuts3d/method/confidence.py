"""Spatial confidence (paper; method 1.6): agreement of T cuts of one k-NN graph."""

from __future__ import annotations

from typing import Literal

import numpy as np

from cuts3d.arrays import BoolArray, FloatArray
from cuts3d.method.local_cut import keep_seed_part
from cuts3d.method.min_cut import min_cut
from cuts3d.types import KnnGraph, LocalCut, SpatialConfidence


def sweep_thresholds(tau_knn: float, *, num_cuts: int = 6, tau_knn_min: float = 0.04) -> FloatArray:
    """T thresholds spread evenly from τ_knn_min to τ_knn; the last is τ_knn itself. float64 [T], ascending."""
    return np.linspace(min(tau_knn_min, tau_knn), tau_knn, num_cuts) if num_cuts > 1 else np.array([tau_knn])


def spatial_confidence(  # noqa: PLR0913 - the stage's parameters, all named
    graph: KnnGraph,
    cut: LocalCut,
    region: BoolArray,
    *,
    tau_knn: float = 0.115,
    tau_knn_min: float = 0.04,
    num_cuts: int = 6,
    confidence_floor: float = 0.5,
    sigma_c: float = 0.025,
    capacity: Literal["gaussian", "euclidean"] = "gaussian",
) -> SpatialConfidence:
    """SC = (1/T) Σ_t BC(t) inside the mask, 1 outside.

    Args:
        graph: The graph of the final cut; only the truncation changes.
        cut: The final cut, at τ_knn.
        region: The region it was cut from, bool [h, w].
        tau_knn: Largest threshold.
        tau_knn_min: Smallest threshold.
        num_cuts: T.
        confidence_floor: Least value inside the mask, so that loss weights do not vanish.
        sigma_c: As in the final cut.
        capacity: As in the final cut.

    Returns:
        The confidence, with the T binary cuts.
    """
    taus = sweep_thresholds(tau_knn, num_cuts=num_cuts, tau_knn_min=tau_knn_min)
    cuts = np.empty((taus.size, *region.shape), dtype=bool)
    for t, tau in enumerate(taus):
        if tau == tau_knn and not cut.fallback:
            cuts[t] = cut.mask  # the final cut is the last of the sweep
            continue
        side, *_ = min_cut(graph, cut.sources, cut.sinks, tau_knn=float(tau), sigma_c=sigma_c, capacity=capacity)
        cuts[t] = keep_seed_part(side, region, cut.sources)
    share = cuts.mean(axis=0, dtype=np.float32)
    values = np.where(cut.mask, np.maximum(share, confidence_floor), 1.0).astype(np.float32)
    inside = values[cut.mask]
    return SpatialConfidence(values=values, cuts=cuts, taus=taus, mean=float(inside.mean()) if inside.size else 0.0)
