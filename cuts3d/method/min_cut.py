"""Minimum cut of a truncated k-NN graph (paper; method 1.5)."""

from __future__ import annotations

from typing import Literal

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import breadth_first_order, connected_components, maximum_flow

from cuts3d.arrays import BoolArray, FloatArray, IntArray
from cuts3d.types import KnnGraph

INT32_MAX = 2**31 - 1
CAPACITY_STEPS = 10_000  # integer steps of a capacity of 1; SciPy's max-flow takes int32 only
VANISHED = 1e-290  # capacities below it are 0: float64 cannot hold what scales them up


def capacities(lengths: FloatArray, *, sigma_c: float, form: Literal["gaussian", "euclidean"]) -> FloatArray:
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


def min_cut(
    graph: KnnGraph,
    sources: IntArray,
    sinks: IntArray,
    *,
    tau_knn: float,
    sigma_c: float,
    capacity: Literal["gaussian", "euclidean"],
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
