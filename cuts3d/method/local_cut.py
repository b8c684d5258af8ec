"""LocalCut (paper; method 1.5): terminals at the extremes of the eigenvector, min-cut, and what is kept of it."""

from __future__ import annotations

from typing import Literal

import numpy as np

from cuts3d.arrays import BoolArray, FloatArray, IntArray
from cuts3d.config import LocalCutConfig
from cuts3d.errors import InputError
from cuts3d.grids import component_of, resize_map
from cuts3d.method.min_cut import min_cut
from cuts3d.types import Bipartition, KnnGraph, LocalCut


def choose_terminals(
    eigenvector: FloatArray,
    allowed: BoolArray,
    *,
    terminals: Literal["fraction", "single"],
    fraction: float,
) -> tuple[IntArray, IntArray]:
    """Source and sink points: the largest and the smallest signed entries of the eigenvector.

    Args:
        eigenvector: float [h, w] on the cut's grid, NaN outside the graph.
        allowed: Points that may be sources, bool [h, w]; those in what is left of B.
        terminals: `single`: one each (paper); `fraction`: the top and bottom share.
        fraction: That share of all points, at least one point.

    Returns:
        Flat indices of sources and sinks, int64, disjoint. Ties go to the lower index.
    """
    values = eigenvector.ravel()
    count = 1 if terminals == "single" else max(1, round(fraction * values.size))
    high = np.where(allowed.ravel(), values, -np.inf)
    low = np.where(np.isnan(values) | allowed.ravel(), np.inf, values)
    if not np.isfinite(low).any():  # the region is the whole graph
        low = np.where(np.isnan(values), np.inf, values)
    sources = np.argsort(-high, kind="stable")[:count]
    sinks = np.argsort(low, kind="stable")[:count]
    sources = sources[np.isfinite(high[sources])]
    sinks = sinks[np.isfinite(low[sinks])]
    return sources, np.setdiff1d(sinks, sources)


def keep_seed_part(side: BoolArray, mask: BoolArray, sources: IntArray) -> BoolArray:
    """Source side within B, in the 4-connected component of the strongest source.

    Args:
        side: bool [h*w].
        mask: B (what is left of it) on the cut's grid, bool [h, w].
        sources: Flat indices, strongest first.

    Returns:
        bool [h, w].
    """
    row, column = np.unravel_index(int(sources[0]), mask.shape)
    return component_of(side.reshape(mask.shape) & mask, (int(row), int(column)))


def local_cut(
    graph: KnnGraph,
    eigenvector: FloatArray,
    region: BoolArray,
    options: LocalCutConfig,
    *,
    min_area: float,
    component: BoolArray | None,
) -> LocalCut:
    """Cut one instance out of a semantic region.

    Args:
        graph: k-NN graph of the cloud whose background was sent away.
        eigenvector: float [h, w] on the cut's grid.
        region: B, or what earlier cuts left of it, bool [h, w], not empty.
        options: τ_knn, σ_c, terminals and the form of the capacities.
        min_area: A cut of at most this fraction of the points counts as trivial.
        component: MaskCut's component on this grid, taken where the cut is trivial; None: the trivial cut stays.

    Returns:
        The cut; its `fallback` says where and why the component was taken.

    Raises:
        InputError: The region is empty, or none of it is in the graph.
    """
    sources, sinks = choose_terminals(
        eigenvector, region, terminals=options.terminals, fraction=options.terminal_fraction
    )
    if not sources.size:
        raise InputError("LocalCut needs a region with a point that is in the graph; there is none to cut from.")
    side, flow, connected, kept = min_cut(
        graph, sources, sinks, tau_knn=options.tau_knn, sigma_c=options.sigma_c, capacity=options.capacity
    )
    mask = keep_seed_part(side, region, sources)
    fallback = ""
    if component is not None:
        if np.count_nonzero(mask) <= min_area * mask.size:
            fallback = "the 3D cut kept almost nothing"
        elif np.count_nonzero(~side) <= sinks.size:
            fallback = "the 3D cut separated the sink only"
        mask = component if fallback else mask
    return LocalCut(
        mask=mask,
        region=region,
        sources=sources,
        sinks=sinks,
        flow=flow,
        connected=connected,
        num_edges=kept,
        fallback=fallback,
    )


def eigenvector_on(partition: Bipartition, shape: tuple[int, int]) -> FloatArray:
    """The eigenvector on the cut's grid; bilinear where that is finer, NaN at nodes that left the graph.

    Args:
        partition: Its eigenvector is [h, w].
        shape: The cut's grid.

    Returns:
        float64 of `shape`.
    """
    if partition.eigenvector.shape == shape:
        return partition.eigenvector
    known = ~np.isnan(partition.eigenvector)
    weight = resize_map(known.astype(np.float32), shape)
    values = resize_map(np.where(known, partition.eigenvector, 0.0), shape)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(weight >= 0.5, values / weight, np.nan).astype(np.float64)
