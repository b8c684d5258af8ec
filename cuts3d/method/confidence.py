"""Spatial confidence (paper; method 1.6): agreement of T cuts of one k-NN graph."""

from __future__ import annotations

import numpy as np

from cuts3d.arrays import FloatArray
from cuts3d.config import ConfidenceConfig, LocalCutConfig
from cuts3d.method.local_cut import keep_seed_part
from cuts3d.method.min_cut import min_cut
from cuts3d.types import KnnGraph, LocalCut, SpatialConfidence


def sweep_thresholds(tau_knn: float, *, num_cuts: int, tau_knn_min: float) -> FloatArray:
    """T thresholds spread evenly from τ_knn_min to τ_knn; the last is τ_knn itself. float64 [T], ascending."""
    return np.linspace(min(tau_knn_min, tau_knn), tau_knn, num_cuts) if num_cuts > 1 else np.array([tau_knn])


def spatial_confidence(
    graph: KnnGraph, cut: LocalCut, options: ConfidenceConfig, cut_options: LocalCutConfig
) -> SpatialConfidence:
    """SC = (1/T) Σ_t BC(t) inside the mask, 1 outside.

    Args:
        graph: The graph of the final cut; only the truncation changes.
        cut: The final cut, at τ_knn.
        options: T, the smallest threshold, and the floor inside the mask, which keeps loss weights from vanishing.
        cut_options: Options of the final cut; its τ_knn is the largest threshold.

    Returns:
        The confidence, with the T binary cuts.
    """
    taus = sweep_thresholds(cut_options.tau_knn, num_cuts=options.num_cuts, tau_knn_min=options.tau_knn_min)
    cuts = np.empty((taus.size, *cut.region.shape), dtype=bool)
    for t, tau in enumerate(taus):
        if tau == cut_options.tau_knn and not cut.fallback:
            cuts[t] = cut.mask  # the final cut is the last of the sweep
            continue
        strength = {"sigma_c": cut_options.sigma_c, "capacity": cut_options.capacity}
        side, *_ = min_cut(graph, cut.sources, cut.sinks, tau_knn=float(tau), **strength)
        cuts[t] = keep_seed_part(side, cut.region, cut.sources)
    fraction = cuts.mean(axis=0, dtype=np.float32)
    values = np.where(cut.mask, np.maximum(fraction, options.confidence_floor), 1.0).astype(np.float32)
    inside = values[cut.mask]
    return SpatialConfidence(values=values, cuts=cuts, taus=taus, mean=float(inside.mean()) if inside.size else 0.0)
