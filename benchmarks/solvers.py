"""The solvers of the min-cut on one graph whose source and sink are joined: the same flow and side, another time.

The scene is "three balls" with its depth, and its background is not moved away: else truncation decides alone.
Some seconds on two cores: `python -m benchmarks solvers`; the results are in `benchmarks/solvers.md`.
"""

from __future__ import annotations

from typing import get_args

import numpy as np

from benchmarks.timing import measure, spread
from cuts3d.arrays import BoolArray
from cuts3d.config import CutS3DConfig, parameter_type
from cuts3d.method.knn_graph import knn_graph
from cuts3d.method.local_cut import choose_terminals, eigenvector_on
from cuts3d.method.min_cut import Solver, min_cut
from cuts3d.run.explorer import Explorer
from cuts3d.scenes import make_scene

PATCHES = (34,)
TAU = 0.12


def run() -> list[str]:
    return [line for side in PATCHES for line in _lines(side)]


def _lines(patches: int) -> list[str]:
    config = CutS3DConfig().replace(image_size=14 * patches, crf=False, max_instances=1, depth_scale=1.0)
    scene, options = make_scene("three balls"), config.local_cut
    result = Explorer(scene.image, config, depth=scene.depth_map).update()
    partition, cloud = result.bipartitions[0], result.cloud
    graph = knn_graph(cloud, k_neighbors=config.graph.k_neighbors)
    eigenvector = eigenvector_on(partition, cloud.grid_shape)
    chosen = {"terminals": options.terminals, "fraction": options.terminal_fraction}
    sources, sinks = choose_terminals(eigenvector, partition.mask, **chosen)

    def cut(solver: Solver) -> tuple[BoolArray, float, bool, int]:
        strength = {"sigma_c": options.sigma_c, "capacity": options.capacity}
        return min_cut(graph, sources, sinks, tau_knn=TAU, solver=solver, **strength)

    side, flow, joined, kept = cut("scipy")
    assert joined, "source and sink were not connected"
    fast = measure(lambda: cut("scipy"))
    lines = [f"| {patches}×{patches} points, {kept:,} links, scipy | {spread(fast)}; flow {flow:.4f} |"]
    for solver in get_args(parameter_type("solver")[0])[1:]:
        other_side, other_flow, *_ = cut(solver)
        assert other_flow == flow
        assert np.array_equal(other_side, side)
        slow = measure(lambda solver=solver: cut(solver), repeats=3, warm_up=1)
        ratio = f"**{slow[0] / fast[0]:.0f}×**"
        lines.append(f"| {patches}×{patches} points, {solver} | {spread(slow)}, {ratio}; the same flow and side |")
    return lines
