"""Minimum cut of a truncated k-NN graph by Dinic's algorithm (paper; method 1.5, steps 5 to 7)."""

from __future__ import annotations

from functools import partial
from typing import Literal

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import breadth_first_order, maximum_flow

from cuts3d.arrays import BoolArray, IntArray
from cuts3d.graphs import SINK, SOURCE, capacities, component_labels, integer_capacities
from cuts3d.types import KnnGraph

Solver = Literal["scipy", "networkx-dinitz", "networkx-boykov-kolmogorov"]


def min_cut(
    graph: KnnGraph,
    sources: IntArray,
    sinks: IntArray,
    *,
    tau_knn: float,
    sigma_c: float,
    capacity: Literal["gaussian", "euclidean"],
    solver: Solver,
) -> tuple[BoolArray, float, bool, int]:
    """Smallest source side of a minimum cut in the truncated graph (Dinic, as in the paper).

    Max-flow runs only in the connected component that contains the strongest source, and only if this component also
    contains a sink. Otherwise the truncation alone has separated the terminals.

    Args:
        graph: k-NN graph.
        sources: Flat indices that are joined to a super-source, strongest first.
        sinks: Flat indices that are joined to a super-sink.
        tau_knn: Edges longer than τ_knn are removed.
        sigma_c: See `capacities`.
        capacity: See `capacities`.
        solver: Program that computes the maximum flow. Every maximum flow leaves the same nodes reachable from the
            source, so that the result does not depend on it; the time does (`benchmarks/solvers.md`).

    Returns:
        Source side bool [n], value of the cut, whether a path joined source and sink, number of edges left.
    """
    kept = graph.num_kept(tau_knn)
    edges, lengths, n = graph.edges[:kept], graph.lengths[:kept], graph.num_nodes
    i, j = edges[:, 0], edges[:, 1]
    labels = component_labels(edges, n)
    sources = sources[labels[sources] == labels[sources[0]]]  # only the component of the strongest source
    source_labels = labels[sources[:1]]
    joined = np.intersect1d(source_labels, labels[sinks])
    side = np.isin(labels, np.setdiff1d(source_labels, joined))
    if not joined.size:
        return side, 0.0, False, kept
    inside = np.isin(labels, joined)
    local = np.cumsum(inside) - 1
    use = inside[i]
    values, steps = integer_capacities(capacities(lengths[use], sigma_c=sigma_c, form=capacity))
    solve = _scipy_source_side if solver == "scipy" else partial(_networkx_source_side, solver=solver)
    part, flow = solve(
        local[i[use]],
        local[j[use]],
        values,
        local[sources[inside[sources]]],
        local[sinks[inside[sinks]]],
        int(np.count_nonzero(inside)),
    )
    side[inside] = part
    return side, flow / steps, True, kept


def _scipy_source_side(
    i: IntArray, j: IntArray, values: IntArray, sources: IntArray, sinks: IntArray, n: int
) -> tuple[BoolArray, int]:
    """Max-flow with super-terminals n and n+1; then the nodes that the residual graph reaches from the super-source.

    The flow is computed from the sinks to the sources. The edges are undirected, so this is the same flow in the
    opposite direction, and Dinic needs a third less time.
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


def _networkx_source_side(
    i: IntArray, j: IntArray, values: IntArray, sources: IntArray, sinks: IntArray, n: int, *, solver: Solver
) -> tuple[BoolArray, int]:
    """The same by a solver of NetworkX, on the same integers; terminals have links without a bound."""
    import networkx as nx
    from networkx.algorithms.flow import boykov_kolmogorov, dinitz

    network = nx.Graph()
    network.add_weighted_edges_from(zip(i.tolist(), j.tolist(), values.tolist(), strict=True), weight="capacity")
    network.add_edges_from((SOURCE, node) for node in sources.tolist())
    network.add_edges_from((node, SINK) for node in sinks.tolist())
    residual = (dinitz if solver == "networkx-dinitz" else boykov_kolmogorov)(network, SOURCE, SINK)
    free = nx.DiGraph((u, v) for u, v, arc in residual.edges(data=True) if arc["flow"] < arc["capacity"])
    side = np.zeros(n, dtype=bool)
    side[[node for node in nx.descendants(free, SOURCE) if node != SINK]] = True
    return side, int(residual.graph["flow_value"])
