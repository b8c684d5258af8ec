"""What the graph of a cut is: nodes, links, components, what was cut, and the links that hold it together alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components, depth_first_order

from cuts3d.arrays import FloatArray, IntArray
from cuts3d.config import LocalCutConfig
from cuts3d.graphs import capacities, component_labels
from cuts3d.types import KnnGraph, LocalCut


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class GraphFacts:
    """The truncated k-NN graph of one cut (method 1.5, steps 4 to 7).

    Attributes:
        nodes: Number of points.
        all_links: Number of links before the truncation.
        links: Number of links of length τ_knn or less.
        components: Number of connected components of two or more points.
        single_points: Number of points without a link.
        joined: Whether a path joined source and sink. If not, truncation alone has separated them.
        cut_lengths: Lengths of the links between the two sides of the minimum cut, float64 [c], ascending.
        cut_capacities: Their capacities c(d), float64 [c].
        flow: Value of the cut: the sum of these capacities, as integers of the max-flow.
        bridges: Lengths of the links in the component of the source whose loss divides it, float64 [b], ascending.
    """

    nodes: int
    all_links: int
    links: int
    components: int
    single_points: int
    joined: bool
    cut_lengths: FloatArray
    cut_capacities: FloatArray
    flow: float
    bridges: FloatArray


def graph_facts(graph: KnnGraph, cut: LocalCut, options: LocalCutConfig) -> GraphFacts:
    """Describe the graph in which a cut was computed.

    Args:
        graph: The k-NN graph before its truncation.
        cut: A cut of this graph that has a `source_side`.
        options: The parameters of the cut.
    """
    assert cut.source_side is not None, "a component of MaskCut has no graph"
    kept, side = graph.num_kept(options.tau_knn), cut.source_side.ravel()
    edges, lengths = graph.edges[:kept], graph.lengths[:kept]
    labels = component_labels(edges, graph.num_nodes)
    sizes = np.bincount(labels)
    crossing = side[edges[:, 0]] != side[edges[:, 1]]
    at_source = labels[edges[:, 0]] == labels[cut.sources[0]]
    return GraphFacts(
        nodes=graph.num_nodes,
        all_links=len(graph.edges),
        links=kept,
        components=int(np.count_nonzero(sizes > 1)),
        single_points=int(np.count_nonzero(sizes == 1)),
        joined=cut.connected,
        cut_lengths=lengths[crossing],
        cut_capacities=capacities(lengths[crossing], sigma_c=options.sigma_c, form=options.capacity),
        flow=cut.flow,
        bridges=lengths[at_source][bridges(edges[at_source], graph.num_nodes, int(cut.sources[0]))],
    )


def bridges(edges: IntArray, num_nodes: int, start: int) -> IntArray:
    """Links of a connected graph whose loss divides it; `networkx.bridges` is the reference.

    A link outside a depth-first tree leads from a node to one of its ancestors. So let links of the tree lead down and
    all others up: two nodes lie on a common circle of links if each reaches the other (Robbins 1939), and the bridges
    are the links between different strong components.

    Args:
        edges: Pairs of nodes of one connected component, each pair once, int [E, 2].
        num_nodes: Number of nodes of the whole graph.
        start: A node of the component.

    Returns:
        Places in `edges`, ascending, int64 [b].
    """
    shape = (num_nodes, num_nodes)
    links = csr_matrix((np.ones(len(edges), np.int8), (edges[:, 0], edges[:, 1])), shape=shape)
    order, parents = depth_first_order(links, start, directed=False)
    visit = np.empty(num_nodes, dtype=np.int64)
    visit[order] = np.arange(len(order))
    i, j = edges[:, 0], edges[:, 1]
    earlier, later = np.where(visit[i] < visit[j], (i, j), (j, i))
    in_tree = parents[later] == earlier
    heads, tails = np.where(in_tree, (earlier, later), (later, earlier))
    directed = csr_matrix((np.ones(len(edges), np.int8), (heads, tails)), shape=shape)
    labels = connected_components(directed, directed=True, connection="strong")[1]
    return np.flatnonzero(labels[i] != labels[j])
