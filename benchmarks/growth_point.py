"""One size of `benchmarks.growth` in its own process: `python -m benchmarks.growth_point patches 60`. Linux only.

Prints, by stage, the processor seconds of some calls on one thread, and by how many megabytes the first call increased
the peak memory of the process, including its result.
"""

from __future__ import annotations

import ctypes
import importlib
import importlib.util
import json
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import skimage.data
import torch

from cuts3d.arrays import BoolArray, FloatArray, ImageArray
from cuts3d.backbones.features import feature_request, photo_vectors, tau_ncut_of
from cuts3d.config import CutS3DConfig
from cuts3d.depth import estimate_depth, normalise_depth
from cuts3d.graphs import capacities, integer_capacities
from cuts3d.grids import resize_image, resize_map, resize_mask
from cuts3d.memo import Memo
from cuts3d.method.affinity import cosine_affinity, graph_weights
from cuts3d.method.confidence import spatial_confidence
from cuts3d.method.importance import sharpen_affinity, spatial_importance
from cuts3d.method.knn_graph import knn_graph
from cuts3d.method.local_cut import choose_terminals, eigenvector_on, local_cut
from cuts3d.method.min_cut import min_cut
from cuts3d.method.ncut import bipartition
from cuts3d.method.point_cloud import photo_cloud, send_to_background
from cuts3d.method.refine import PhotoCRF, refine_mask
from cuts3d.run.pipeline import run_pipeline
from cuts3d.run.stages import last_value
from cuts3d.types import Bipartition, DepthMap, KnnGraph, PatchFeatures

LEAST_REPEATS, MOST_REPEATS = 2, 5
ENOUGH = 2.0  # seconds of a stage after which it is not called again
LARGEST_FLOW = 480  # points along a side of the largest cloud in which a flow is computed
FLOW_TAU, FLOW_SIGMA = 0.3, 0.1  # join source and sink at every size


class Watch:
    """Calls every stage several times and records time and memory."""

    def __init__(self) -> None:
        self.costs: dict[str, dict[str, Any]] = {}

    def __call__(self, stage: str, work: Callable[[], Any], *, least: int = LEAST_REPEATS) -> Any:
        """Result of the stage, which is called `least` times, and more often where it is quick."""
        ctypes.CDLL(None).malloc_trim(0)  # otherwise this stage would reuse memory that earlier stages freed
        Path("/proc/self/clear_refs").write_text("5")  # the peak is counted from here
        before, seconds, result = _kilobytes("VmRSS"), [], None
        while len(seconds) < least or (len(seconds) < MOST_REPEATS and sum(seconds) < ENOUGH):
            del result
            start = time.process_time()
            result = work()
            seconds.append(time.process_time() - start)
            if len(seconds) == 1:
                self.costs[stage] = {"megabytes": (_kilobytes("VmHWM") - before) / 1e3, "seconds": seconds}
        return result


def patches(side: int) -> dict[str, dict[str, Any]]:
    """All stages of a photo at `side`×`side` patches, as the product runs them."""
    image, config, watch = skimage.data.astronaut(), CutS3DConfig().replace(image_size=14 * side), Watch()
    features, depth = watch("networks", lambda: _networks(image, config), least=1)
    partition = _ncut(watch, config, features, depth)
    _cuts(watch, config, depth, partition, features.grid_shape)
    _crf(watch, image, config, partition.mask)

    def rest() -> None:
        memo = Memo()
        photo = memo.given(image)
        known = memo.provide(features, "features", photo_vectors, photo, *feature_request(config.features))
        memo.provide(depth, "depth", estimate_depth, photo, config.depth.depth, features=known)
        last_value(run_pipeline(image, config, memo=memo))

    watch("all after the networks", rest)
    return watch.costs


def points(side: int) -> dict[str, dict[str, Any]]:
    """The stages in 3D on a cloud of `side`×`side` points over the default patches, and a max-flow that is not zero."""
    image, config, watch = skimage.data.astronaut(), CutS3DConfig(), Watch()
    features, depth = _networks(image, config)
    affinity = cosine_affinity(features.vectors, center=features.center)
    weights = _weights(affinity, config)
    partition = bipartition(weights, features.grid_shape)
    shape = (side, side)
    _cuts(watch, config, depth, partition, shape)
    if side <= LARGEST_FLOW:  # without moving the background; otherwise truncation at τ_knn decides alone
        graph = knn_graph(photo_cloud(depth, (512, 512), shape, config.cloud), k_neighbors=config.graph.k_neighbors)
        options = config.local_cut
        sources, sinks = choose_terminals(
            eigenvector_on(partition, shape),
            resize_mask(partition.mask, shape),
            terminals=options.terminals,
            fraction=options.terminal_fraction,
        )

        def cut() -> tuple[BoolArray, float, bool, int]:
            strength = {"sigma_c": FLOW_SIGMA, "capacity": options.capacity}
            return min_cut(graph, sources, sinks, tau_knn=FLOW_TAU, solver=options.solver, **strength)

        _, flow, joined, kept = watch("max-flow", cut, least=1)
        assert joined, "source and sink were not connected"
        if importlib.util.find_spec("ortools"):  # for comparison only
            values, steps = integer_capacities(
                capacities(graph.lengths[:kept], sigma_c=FLOW_SIGMA, form=options.capacity)
            )
            theirs = watch("max-flow, OR-tools", lambda: _or_tools(graph, values, sources, sinks), least=1)
            assert theirs == round(flow * steps), "the two solvers disagree"
    return watch.costs


def _networks(image: ImageArray, config: CutS3DConfig) -> tuple[PatchFeatures, DepthMap]:
    features = photo_vectors(image, *feature_request(config.features))
    return features, estimate_depth(image, config.depth.depth, features=features)


def _weights(affinity: FloatArray, config: CutS3DConfig) -> FloatArray:
    options = config.affinity
    return graph_weights(affinity, tau_ncut=tau_ncut_of(config), epsilon=options.epsilon, mode=options.affinity)


def _ncut(watch: Watch, config: CutS3DConfig, features: PatchFeatures, depth: DepthMap) -> Bipartition:
    affinity = watch("affinity", lambda: cosine_affinity(features.vectors, center=features.center))
    z = resize_map(normalise_depth(depth, clip_percent=config.cloud.depth_clip), features.grid_shape)

    def importance() -> Any:
        found = spatial_importance(z, beta=config.importance.beta, sigma=config.importance.sigma)
        assert found is not None, "the depth of a photo is not constant"
        o = config.importance
        return sharpen_affinity(affinity, found, pair_rule=o.pair_rule, direction=o.direction)

    sharpened = watch("importance", importance)
    return watch("NCut", lambda: bipartition(_weights(sharpened, config), features.grid_shape))


def _cuts(watch: Watch, config: CutS3DConfig, depth: DepthMap, partition: Bipartition, shape: tuple[int, int]) -> None:
    """Cloud, graph, LocalCut and its confidence on a grid of points."""
    cloud = watch("cloud", lambda: photo_cloud(depth, (512, 512), shape, config.cloud))
    eigenvector = eigenvector_on(partition, shape)
    region = resize_mask(partition.mask, shape)
    options = config.cloud
    behind = send_to_background(
        cloud, region, background_depth=options.background_depth, depth_scale=options.depth_scale
    )
    graph = watch("k-NN graph", lambda: knn_graph(behind, k_neighbors=config.graph.k_neighbors, among=region))
    least = config.masks.min_area
    cut = watch(
        "LocalCut", lambda: local_cut(graph, eigenvector, region, config.local_cut, min_area=least, component=None)
    )
    watch("confidence, T = 6", lambda: spatial_confidence(graph, cut, config.confidence, config.local_cut))


def _crf(watch: Watch, image: ImageArray, config: CutS3DConfig, mask: BoolArray) -> None:
    options, network = config.refine, config.features.image_size or 1
    small = resize_image(image, (options.crf_size, options.crf_size))
    rough, scale = resize_mask(mask, small.shape[:2]), options.crf_size / network
    watch("CRF", lambda: refine_mask(rough, options, PhotoCRF(small, options, scale=scale)))


def _or_tools(graph: KnnGraph, values: np.ndarray, sources: np.ndarray, sinks: np.ndarray) -> int:
    """The same flow by OR-tools' push-relabel; its value."""
    i, j = graph.edges[: len(values)].T
    n = graph.num_nodes
    much = np.int64(1) << 40
    solver = importlib.import_module("ortools.graph.python.max_flow").SimpleMaxFlow()
    tails = np.concatenate([i, j, np.full(sources.size, n), sinks]).astype(np.int32)
    heads = np.concatenate([j, i, sources, np.full(sinks.size, n + 1)]).astype(np.int32)
    strengths = np.concatenate([values, values, np.full(sources.size + sinks.size, much)]).astype(np.int64)
    solver.add_arcs_with_capacity(tails, heads, strengths)
    solver.solve(n, n + 1)
    return int(solver.optimal_flow())


def _kilobytes(field: str) -> int:
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line.split()[1] for line in lines if line.startswith(field)))


if __name__ == "__main__":
    torch.set_num_threads(1)
    print(json.dumps({"patches": patches, "points": points}[sys.argv[1]](int(sys.argv[2]))))
