"""LocalCut (paper; method 1.5): k-NN graph, truncation at τ_knn, min-cut between eigenvector extremes."""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import breadth_first_order, connected_components, maximum_flow
from scipy.spatial import KDTree

from cuts3d.errors import InputError
from cuts3d.grids import component_of, resize_map
from cuts3d.types import Bipartition, BoolArray, FloatArray, IntArray, KnnGraph, LocalCut, PointCloud

INT32_MAX = 2**31 - 1
CAPACITY_STEPS = 10_000  # integer steps of a capacity of 1; SciPy's max-flow takes int32 only
VANISHED = 1e-290  # capacities below it are 0: float64 cannot hold what scales them up


def knn_graph(cloud: PointCloud, *, k_neighbors: int = 24, among: BoolArray | None = None) -> KnnGraph:
    """Link every point with its k nearest, each pair once.

    Args:
        cloud: The points.
        k_neighbors: k, cut down to the number of other points.
        among: Only these are linked, bool [h, w]; None: all. Where the others lie farther than any τ_knn, every cut
            stays the same.

    Returns:
        Edges sorted by length, so that truncation at any τ_knn is a prefix.
    """
    linked = np.arange(len(cloud.points)) if among is None else np.flatnonzero(among)
    points = cloud.points[linked]
    n = len(points)
    k = min(k_neighbors, n - 1)
    if k < 1:
        return KnnGraph(edges=np.zeros((0, 2), np.int32), lengths=np.zeros(0), num_nodes=len(cloud.points))
    lengths, neighbours = KDTree(points).query(points, k=k + 1)
    nodes = np.repeat(np.arange(n), k + 1)
    others = neighbours.ravel()
    keys = np.minimum(nodes, others) * n + np.maximum(nodes, others)
    keys, first = np.unique(keys[nodes != others], return_index=True)
    distances = lengths.ravel()[nodes != others][first]
    order = np.argsort(distances, kind="stable")
    edges = linked[np.stack(np.divmod(keys[order], n), axis=1)].astype(np.int32)
    return KnnGraph(edges=edges, lengths=distances[order], num_nodes=len(cloud.points))


def capacities(
    lengths: FloatArray, *, sigma_c: float = 0.025, form: Literal["gaussian", "euclidean"] = "gaussian"
) -> FloatArray:
    """Strength of links of given lengths.

    Args:
        lengths: float [E].
        sigma_c: σ_c of the Gaussian form exp(−(d/σ_c)²).
        form: `gaussian` (ours) or `euclidean`, the length itself (the paper's prose).

    Returns:
        float64 [E] in [0, 1] or the lengths.
    """
    return np.exp(-((lengths / sigma_c) ** 2)) if form == "gaussian" else lengths.astype(np.float64)


def integer_capacities(values: FloatArray) -> tuple[IntArray, float]:
    """Scale capacities to int32 ≥ 1 whose sum, both ways, fits int32.

    Returns:
        int32 [E], and how many integer steps a capacity of 1 has.
    """
    largest = float(values.max(initial=0.0))
    steps = min(CAPACITY_STEPS, (INT32_MAX - 1) // max(1, 4 * values.size)) / (largest if largest > VANISHED else 1.0)
    return np.maximum(1, np.rint(values * steps)).astype(np.int32), steps


def choose_terminals(
    eigenvector: FloatArray,
    allowed: BoolArray,
    *,
    terminals: Literal["fraction", "single"] = "fraction",
    fraction: float = 0.001,
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


def min_cut(
    graph: KnnGraph,
    sources: IntArray,
    sinks: IntArray,
    *,
    tau_knn: float,
    sigma_c: float = 0.025,
    capacity: Literal["gaussian", "euclidean"] = "gaussian",
) -> tuple[BoolArray, float, bool, int]:
    """Minimal source side of a minimum cut in the truncated graph (Dinic, as in the paper).

    Only parts of the graph that hold both a source and a sink need max-flow; elsewhere the truncation has decided.

    Args:
        graph: k-NN graph.
        sources: Flat indices tied to a super-source.
        sinks: Flat indices tied to a super-sink.
        tau_knn: Longer edges are dropped.
        sigma_c: See `capacities`.
        capacity: See `capacities`.

    Returns:
        Source side bool [n], cut value in capacity units, whether source and sink were joined, edges kept.
    """
    kept = int(np.searchsorted(graph.lengths, tau_knn, side="right"))
    edges, lengths, n = graph.edges[:kept], graph.lengths[:kept], graph.num_nodes
    i, j = edges[:, 0], edges[:, 1]
    _, labels = connected_components(csr_matrix((np.ones(kept, np.int8), (i, j)), shape=(n, n)), directed=False)
    sources = sources[labels[sources] == labels[sources[0]]]  # one object: that of the strongest source
    source_labels = labels[sources[:1]]
    joined = np.intersect1d(source_labels, labels[sinks])
    side = np.isin(labels, np.setdiff1d(source_labels, joined))
    if not joined.size:
        return side, 0.0, False, kept
    inside = np.isin(labels, joined)
    local = np.cumsum(inside) - 1
    use = inside[i]
    values, steps = integer_capacities(capacities(lengths[use], sigma_c=sigma_c, form=capacity))
    part, flow = _minimal_source_side(
        local[i[use]],
        local[j[use]],
        values,
        local[sources[inside[sources]]],
        local[sinks[inside[sinks]]],
        int(np.count_nonzero(inside)),
    )
    side[inside] = part
    return side, flow / steps, True, kept


def _minimal_source_side(
    i: IntArray, j: IntArray, values: IntArray, sources: IntArray, sinks: IntArray, n: int
) -> tuple[BoolArray, int]:
    """Max-flow with super-terminals n and n+1, then what the residual graph reaches from the super-source.

    The flow is sent from the sinks to the sources, which is the same flow turned round (the links are undirected): from
    the rim of the photo inwards Dinic needs a third less time.
    """
    super_source, super_sink = n, n + 1
    incident = np.bincount(i, values, n + 2) + np.bincount(j, values, n + 2)
    rows = np.concatenate([i, j, sources, np.full(sinks.size, super_sink)])
    columns = np.concatenate([j, i, np.full(sources.size, super_source), sinks])
    data = np.concatenate([values, values, incident[sources] + 1, incident[sinks] + 1]).astype(np.int32)
    network = csr_matrix((data, (rows, columns)), shape=(n + 2, n + 2))
    result = maximum_flow(network, super_sink, super_source, method="dinic")
    residual = (network - result.flow).T.tocsr()
    residual.eliminate_zeros()
    reached = breadth_first_order(residual, super_source, return_predecessors=False)
    side = np.zeros(n + 2, dtype=bool)
    side[reached] = True
    return side[:n], int(result.flow_value)


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


def local_cut(  # noqa: PLR0913 - the stage's parameters, all named
    graph: KnnGraph,
    eigenvector: FloatArray,
    region: BoolArray,
    *,
    tau_knn: float = 0.115,
    sigma_c: float = 0.025,
    terminals: Literal["fraction", "single"] = "fraction",
    terminal_fraction: float = 0.001,
    capacity: Literal["gaussian", "euclidean"] = "gaussian",
    min_area: float = 0.01,
    component: BoolArray | None = None,
) -> LocalCut:
    """Cut one instance out of a semantic region.

    Args:
        graph: k-NN graph of the cloud whose background was sent away.
        eigenvector: float [h, w] on the cut's grid.
        region: B, or what earlier cuts left of it, bool [h, w], not empty.
        tau_knn: τ_knn, in units of the photo's longer side.
        sigma_c: σ_c.
        terminals: See `choose_terminals`.
        terminal_fraction: See `choose_terminals`.
        capacity: See `capacities`.
        min_area: Share of the points under which a cut counts as trivial.
        component: MaskCut's component on this grid, taken where the cut is trivial; None: the trivial cut stays.

    Returns:
        The cut; its `fallback` says where and why the component was taken.

    Raises:
        InputError: The region is empty, or none of it is in the graph.
    """
    sources, sinks = choose_terminals(eigenvector, region, terminals=terminals, fraction=terminal_fraction)
    if not sources.size:
        raise InputError("LocalCut needs a region with a point that is in the graph; there is none to cut from.")
    side, flow, connected, kept = min_cut(graph, sources, sinks, tau_knn=tau_knn, sigma_c=sigma_c, capacity=capacity)
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
