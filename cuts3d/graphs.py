"""Graphs of the method as arrays and as NetworkX graphs: capacities, components, attributes of nodes and links."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Literal

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from cuts3d.arrays import FloatArray, IntArray

if TYPE_CHECKING:
    import networkx as nx

INT32_MAX = 2**31 - 1
CAPACITY_STEPS = 10_000  # integer that stands for a capacity of 1; SciPy's max-flow takes int32 only
VANISHED = 1e-290  # if the largest capacity is below, all count as 0: their scale factor would overflow float64
SOURCE, SINK = "source", "sink"  # names of the super-terminals in a NetworkX graph


def capacities(lengths: FloatArray, *, sigma_c: float, form: Literal["gaussian", "euclidean"]) -> FloatArray:
    """Capacities of edges of length d: c(d) = exp(−(d/σ_c)²), or c(d) = d (method 1.5, step 5).

    Args:
        lengths: d, float [E].
        sigma_c: σ_c of the Gaussian form.
        form: `gaussian` (ours) or `euclidean`, the length itself (the paper's wording).

    Returns:
        float64 [E], in [0, 1] for the Gaussian form.
    """
    return np.exp(-((lengths / sigma_c) ** 2)) if form == "gaussian" else lengths.astype(np.float64)


def integer_capacities(values: FloatArray) -> tuple[IntArray, float]:
    """Scale capacities to integers of at least 1, such that the sum over both directions fits int32.

    Args:
        values: float [E].

    Returns:
        int32 [E], and the scale factor.
    """
    largest = float(values.max(initial=0.0))
    steps = min(CAPACITY_STEPS, (INT32_MAX - 1) // max(1, 4 * values.size)) / (largest if largest > VANISHED else 1.0)
    return np.maximum(1, np.rint(values * steps)).astype(np.int32), steps


def component_labels(edges: IntArray, num_nodes: int) -> IntArray:
    """Number of the connected component of each node, int32 [n].

    Args:
        edges: Pairs of nodes, int [E, 2].
        num_nodes: n.
    """
    links = csr_matrix((np.ones(len(edges), np.int8), (edges[:, 0], edges[:, 1])), shape=(num_nodes, num_nodes))
    return connected_components(links, directed=False)[1]


def cut_network(
    edges: IntArray,
    lengths: FloatArray,
    nodes: Mapping[str, np.ndarray],
    *,
    num_nodes: int,
    terminals: tuple[IntArray, IntArray] | None,
    sigma_c: float,
    form: Literal["gaussian", "euclidean"],
) -> nx.Graph:
    """A truncated k-NN graph as NetworkX holds it; see `KnnGraph.to_networkx`.

    Args:
        edges: Pairs of nodes that are linked, int [E, 2].
        lengths: Their lengths d, float [E].
        nodes: Attributes of the nodes: a name, and one value for each node, [n].
        num_nodes: n.
        terminals: Sources, strongest first, and sinks; None: no super-terminals.
        sigma_c: See `capacities`.
        form: See `capacities`.
    """
    import networkx as nx

    values = capacities(lengths, sigma_c=sigma_c, form=form)
    labels = component_labels(edges, num_nodes)
    flowing = values if terminals is None else values[labels[edges[:, 0]] == labels[terminals[0][0]]]
    steps = integer_capacities(flowing)[1]  # of the component in which the flow runs, as in the min-cut
    whole = np.maximum(1, np.rint(values * steps)).astype(np.int64)
    graph = nx.Graph(sigma_c=float(sigma_c), capacity=form, capacity_scale=float(steps))
    graph.add_nodes_from(range(num_nodes))
    _set_nodes(graph, nodes)
    listed = zip(*edges.T.tolist(), lengths.tolist(), values.tolist(), whole.tolist(), strict=True)
    graph.add_edges_from((i, j, {"length": d, "weight": c, "capacity": units}) for i, j, d, c, units in listed)
    if terminals is not None:
        sources, sinks = terminals
        used = sources[labels[sources] == labels[sources[0]]]
        graph.add_edges_from((SOURCE, node) for node in used.tolist())  # no capacity: NetworkX takes it as unbounded
        graph.add_edges_from((node, SINK) for node in sinks.tolist())
    return graph


def affinity_network(weights: FloatArray, nodes: Mapping[str, np.ndarray], *, epsilon: float) -> nx.Graph:
    """The graph of an NCut as NetworkX holds it: one node per patch, one link per weight above ε (method 1.2, 1.4).

    All other pairs of patches are linked with the weight ε. They are left out, because a complete graph of n patches
    has n²/2 links: W = (weights of the links) + ε everywhere else, and the diagonal too.

    Args:
        weights: W, symmetric float [n, n] in [ε, 1]. Its diagonal is left out.
        nodes: Attributes of the nodes: a name, and one value for each node, [n].
        epsilon: ε, which becomes the graph's attribute `epsilon`.

    Returns:
        Nodes 0 to n − 1; each link has its `weight`.
    """
    import networkx as nx

    graph = nx.Graph(epsilon=float(epsilon))
    graph.add_nodes_from(range(len(weights)))
    _set_nodes(graph, nodes)
    i, j = np.nonzero(np.triu(weights > np.float32(epsilon), k=1))
    values = weights[i, j].astype(np.float64)
    graph.add_weighted_edges_from(zip(i.tolist(), j.tolist(), values.tolist(), strict=True))
    return graph


def _set_nodes(graph: nx.Graph, nodes: Mapping[str, np.ndarray]) -> None:
    for name, values in nodes.items():
        for node, value in enumerate(values.tolist()):
            graph.nodes[node][name] = value
