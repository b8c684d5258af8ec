"""The min-cut against NetworkX's `dinitz` on one 3,600-point graph, and a confidence sweep against one LocalCut."""

from __future__ import annotations

import networkx as nx
import numpy as np
from networkx.algorithms.flow import dinitz

from benchmarks.timing import measure, spread
from cuts3d.config import CutS3DConfig
from cuts3d.graphs import capacities, integer_capacities
from cuts3d.grids import sample_map
from cuts3d.method.confidence import spatial_confidence
from cuts3d.method.knn_graph import knn_graph
from cuts3d.method.local_cut import choose_terminals, eigenvector_on, local_cut
from cuts3d.method.min_cut import min_cut
from cuts3d.method.point_cloud import back_project, send_to_background
from cuts3d.run.explorer import Explorer
from cuts3d.scenes import make_scene

GRID = 60
TAU = 0.12


def run() -> list[str]:
    scene = make_scene("three balls")
    config = CutS3DConfig().replace(image_size=GRID * 14, crf=False, max_instances=1)
    partition = Explorer(scene.image, config, depth=scene.depth_map).update().bipartitions[0]
    depth = sample_map(1 - scene.depth / scene.depth.max(), (GRID, GRID))
    cloud = back_project(depth, (360, 480), camera="orthographic", field_of_view=55.0, depth_scale=1.0)
    k, options = config.graph.k_neighbors, config.replace(tau_knn=TAU).local_cut
    strength = {"sigma_c": options.sigma_c, "capacity": options.capacity, "solver": options.solver}
    eigenvector = eigenvector_on(partition, (GRID, GRID))

    # source and sink must be joined for a flow to compare: the background stays at its own depth here
    graph = knn_graph(cloud, k_neighbors=k)
    terminals = {"terminals": options.terminals, "fraction": options.terminal_fraction}
    sources, sinks = choose_terminals(eigenvector, partition.mask, **terminals)
    fast = measure(lambda: min_cut(graph, sources, sinks, tau_knn=TAU, **strength))
    _, flow, connected, kept = min_cut(graph, sources, sinks, tau_knn=TAU, **strength)
    values, steps = integer_capacities(capacities(graph.lengths[:kept], sigma_c=options.sigma_c, form=options.capacity))
    network = _networkx(graph.edges[:kept], values, sources, sinks)
    slow = measure(lambda: dinitz(network, "source", "sink"), repeats=1, warm_up=0)
    reference = dinitz(network, "source", "sink").graph["flow_value"] / steps

    behind = send_to_background(cloud, partition.mask, background_depth=2.0, depth_scale=1.0)
    least = config.masks.min_area

    def once() -> None:
        g = knn_graph(behind, k_neighbors=k)
        local_cut(g, eigenvector, partition.mask, options, min_area=least, component=None)

    def sweep() -> None:
        g = knn_graph(behind, k_neighbors=k)
        cut = local_cut(g, eigenvector, partition.mask, options, min_area=least, component=None)
        spatial_confidence(g, cut, config.confidence, options)

    one, six = measure(once, repeats=9), measure(sweep, repeats=9)
    return [
        f"| min-cut, {GRID * GRID:,} points, {2 * kept:,} arcs, source and sink joined: {connected} | {spread(fast)} |",
        f"| NetworkX `dinitz`, the same network | {spread(slow)} |",
        f"| ratio | **{slow[0] / fast[0]:.0f}×** |",
        f"| flow, ours and NetworkX | {flow:.4f}, {reference:.4f} |",
        f"| one LocalCut with its k-NN graph | {spread(one)} |",
        f"| the six cuts of a confidence sweep with their k-NN graph | {spread(six)} |",
        f"| ratio | **{six[0] / one[0]:.2f}×** |",
    ]


def _networkx(edges: np.ndarray, values: np.ndarray, sources: np.ndarray, sinks: np.ndarray) -> nx.DiGraph:
    network = nx.DiGraph()
    for (i, j), capacity in zip(edges.tolist(), values.tolist(), strict=True):
        network.add_edge(i, j, capacity=capacity)
        network.add_edge(j, i, capacity=capacity)
    for node in sources.tolist():
        network.add_edge("source", node)
    for node in sinks.tolist():
        network.add_edge(node, "sink")
    return network
