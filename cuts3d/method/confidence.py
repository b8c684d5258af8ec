"""Spatial confidence SC = (1/T) Σ_t BC(t) (paper; method 1.6): mean of T cuts of one k-NN graph."""

from __future__ import annotations

import numpy as np

from cuts3d.arrays import FloatArray
from cuts3d.config import ConfidenceConfig, LocalCutConfig
from cuts3d.method.local_cut import keep_seed_part
from cuts3d.method.min_cut import min_cut
from cuts3d.types import KnnGraph, LocalCut, SpatialConfidence


def sweep_thresholds(tau_knn: float, *, num_cuts: int, tau_knn_min: float) -> FloatArray:
    """T thresholds in equal steps from τ_knn_min to τ_knn, both included; float64 [T], ascending."""
    return np.linspace(min(tau_knn_min, tau_knn), tau_knn, num_cuts) if num_cuts > 1 else np.array([tau_knn])


def spatial_confidence(
    graph: KnnGraph, cut: LocalCut, options: ConfidenceConfig, cut_options: LocalCutConfig
) -> SpatialConfidence:
    """SC = (1/T) Σ_t BC(t) inside the mask, 1 outside (paper; method 1.6). BC(t) is the mask cut at threshold t.

    Args:
        graph: The k-NN graph of the final cut; each threshold only removes more or fewer of its edges.
        cut: The final cut, at τ_knn.
        options: T, the smallest threshold, and the smallest confidence inside the mask.
        cut_options: Options of the final cut; its τ_knn is the largest threshold.

    Returns:
        The confidence and the T binary cuts.
    """
    taus = sweep_thresholds(cut_options.tau_knn, num_cuts=options.num_cuts, tau_knn_min=options.tau_knn_min)
    cuts = np.empty((taus.size, *cut.region.shape), dtype=bool)
    for t, tau in enumerate(taus):
        if tau == cut_options.tau_knn and not cut.fallback:
            cuts[t] = cut.mask  # the cut at the last threshold is the final cut
            continue
        side, *_ = min_cut(
            graph,
            cut.sources,
            cut.sinks,
            tau_knn=float(tau),
            sigma_c=cut_options.sigma_c,
            capacity=cut_options.capacity,
            solver=cut_options.solver,
        )
        cuts[t] = keep_seed_part(side, cut.region, cut.sources)
    fraction = cuts.mean(axis=0, dtype=np.float32)
    values = np.where(cut.mask, np.maximum(fraction, options.confidence_floor), 1.0).astype(np.float32)
    inside = values[cut.mask]
    return SpatialConfidence(values=values, cuts=cuts, taus=taus, mean=float(inside.mean()) if inside.size else 0.0)
