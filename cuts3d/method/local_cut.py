"""LocalCut (paper; method 1.5, steps 6 to 8): choose terminals, run the min-cut, keep one component."""

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
    """Source and sink points (method 1.5, step 6): the largest and the smallest signed entries of the eigenvector x.

    Args:
        eigenvector: x, float [h, w] on the grid of the 3D cut, NaN outside the graph.
        allowed: Points that may be sources, bool [h, w]: B without earlier cuts. Sinks are the other
            points; if there are none, all points can be sinks.
        terminals: `single`: one source and one sink (paper). `fraction`: the points with the largest and the smallest
            entries (ours).
        fraction: Fraction of all points that are sources, and the same for sinks; at least one point.

    Returns:
        Flat indices of sources and sinks, int64, disjoint. Of equal entries, the lower index comes first.
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
    """Source side inside B, only the 4-connected component of the strongest source (method 1.5, step 7).

    Args:
        side: Source side, bool [h*w].
        mask: B without earlier cuts on the grid of the 3D cut, bool [h, w].
        sources: Flat indices of the sources, strongest first.

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
    """Cut one instance out of a semantic region (paper; method 1.5, steps 6 to 8).

    Args:
        graph: k-NN graph of the point cloud, with the background moved away.
        eigenvector: x, float [h, w] on the grid of the 3D cut.
        region: B without earlier cuts, bool [h, w], not empty.
        options: τ_knn, σ_c, terminals, the form of the capacities and the solver.
        min_area: A cut of at most this fraction of the points counts as trivial.
        component: The component of MaskCut on this grid; it replaces a trivial cut. None: the trivial cut stays.

    Returns:
        The cut. Its `fallback` gives the reason if the component was taken.

    Raises:
        InputError: The region is empty, or no point of it is in the graph.
    """
    sources, sinks = choose_terminals(
        eigenvector, region, terminals=options.terminals, fraction=options.terminal_fraction
    )
    if not sources.size:
        raise InputError("LocalCut needs a region with at least one point in the graph; this region has none.")
    side, flow, connected, kept = min_cut(
        graph,
        sources,
        sinks,
        tau_knn=options.tau_knn,
        sigma_c=options.sigma_c,
        capacity=options.capacity,
        solver=options.solver,
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
        source_side=side.reshape(region.shape),
    )


def eigenvector_on(partition: Bipartition, shape: tuple[int, int]) -> FloatArray:
    """The eigenvector on the grid of the 3D cut: bilinear if that grid is finer, NaN at nodes that left the graph.

    Args:
        partition: NCut with an eigenvector [h, w].
        shape: Grid of the 3D cut.

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
