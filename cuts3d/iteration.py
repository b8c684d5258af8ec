"""Instances one after another: NCut, LocalCut inside its region, confidence. All on the grid."""

from __future__ import annotations

from collections.abc import Hashable, Iterator

import numpy as np

from cuts3d.affinity import graph_weights
from cuts3d.backbones import get_backbone
from cuts3d.confidence import spatial_confidence
from cuts3d.config import CutS3DConfig
from cuts3d.grids import resize_mask, without_crumbs
from cuts3d.local_cut import eigenvector_on, knn_graph, local_cut
from cuts3d.ncut import bipartition
from cuts3d.point_cloud import photo_cloud, send_to_background
from cuts3d.stages import Memo, StageResult
from cuts3d.types import (
    Bipartition,
    BoolArray,
    DepthMap,
    Dropped,
    FloatArray,
    ImageArray,
    KnnGraph,
    LocalCut,
    SpatialConfidence,
)

MAX_TINY_CUTS = 8  # cuts of one region that may come out too small before it counts as used up


def cut_grid(grid_shape: tuple[int, int], photo_shape: tuple[int, int], cut_size: int | None) -> tuple[int, int]:
    """Grid of the 3D cut: the patch grid, or one of `cut_size` points along the photo's longer side.

    A grid coarser than the patches is never used.
    """
    if cut_size is None:
        return grid_shape
    h, w = (max(2, round(cut_size * side / max(photo_shape))) for side in photo_shape)
    return (max(h, grid_shape[0]), max(w, grid_shape[1]))


class Iteration:
    """Instances one after another: NCut, then LocalCut inside its region (method 1.4, 1.5)."""

    def __init__(
        self,
        image: ImageArray,
        config: CutS3DConfig,
        grid_shape: tuple[int, int],
        depth: DepthMap,
        memo: Memo,
        key: Hashable,
    ) -> None:
        self.image, self.config, self.memo, self.key = image, config, memo, key
        self.grid_shape = grid_shape
        self.shape = cut_grid(grid_shape, image.shape[:2], config.cloud.cut_size)
        self.cloud = photo_cloud(depth, (image.shape[0], image.shape[1]), self.shape, config.cloud)
        spec = get_backbone(config.features.backbone)
        self.tau_ncut = spec.tau_ncut if config.affinity.tau_ncut is None else config.affinity.tau_ncut
        self.bipartitions: list[Bipartition] = []
        self.cuts: list[tuple[int, LocalCut]] = []
        self.confidences: list[SpatialConfidence] = []
        self.dropped: list[Dropped] = []

    @property
    def _full(self) -> bool:
        return len(self.cuts) >= self.config.masks.max_instances

    def run(self, sharpened: FloatArray) -> Iterator[StageResult]:
        """Cut until N masks are found, a cut is rejected, or nothing is left."""
        options = self.config.masks
        weights: FloatArray | None = None

        def graph() -> FloatArray:
            nonlocal weights
            if weights is None:
                c = self.config.affinity
                weights = graph_weights(sharpened, tau_ncut=self.tau_ncut, epsilon=c.epsilon, mode=c.affinity)
            return weights

        nodes = np.ones(self.grid_shape, dtype=bool)
        while not self._full and np.count_nonzero(nodes) > max(2, options.min_area * nodes.size):
            key = (self.key, self.config.affinity, nodes.tobytes())
            partition = self.memo("ncut", key, lambda n=nodes: bipartition(graph(), self.grid_shape, nodes=n))
            index = len(self.bipartitions)
            self.bipartitions.append(partition)
            yield StageResult("ncut", partition, index)
            reason = self._reject_partition(partition)
            if reason:
                self.dropped.append(Dropped(ncut=index, reason=reason))
                return
            before = len(self.cuts)
            yield from self._cut_region(partition, index, key)
            taken = [resize_mask(cut.mask, self.grid_shape) for n, cut in self.cuts[before:]]
            used = partition.mask if options.region == "exhaust" else np.zeros_like(nodes)
            after = nodes & ~np.logical_or.reduce([used, *taken])
            if len(self.cuts) == before or (after == nodes).all():
                self.dropped.append(Dropped(ncut=index, reason="no cut of its region was large enough"))
                return
            nodes = after

    def _reject_partition(self, partition: Bipartition) -> str:
        options = self.config.masks
        if options.max_ncut is not None and partition.eigenvalue > options.max_ncut:
            return f"NCut value {partition.eigenvalue:.3f} is above {options.max_ncut:g}: nothing stands out any more"
        if np.count_nonzero(partition.mask) <= options.min_area * partition.mask.size:
            return "the bipartition is smaller than the least area"
        return ""

    def _cut_region(self, partition: Bipartition, index: int, ncut_key: Hashable) -> Iterator[StageResult]:
        """LocalCut inside one bipartition: once, or until what is left is too small."""
        options = self.config
        eigenvector = eigenvector_on(partition, self.shape)
        region = resize_mask(partition.mask, self.shape) & ~np.isnan(eigenvector)
        component: BoolArray | None = resize_mask(partition.component, self.shape) & region
        least = options.masks.min_area * region.size
        tiny = 0
        while not self._full and tiny < MAX_TINY_CUTS:
            region = without_crumbs(region, least)
            if not region.any():
                return
            graph_key = (ncut_key, region.tobytes(), options.cloud, options.graph)
            graph = self.memo("graph", graph_key, lambda r=region: self._graph(r))
            yield StageResult("graph", graph, len(self.cuts))
            cut_key = (graph_key, options.local_cut, options.masks.min_area)
            cut = self.memo(
                "local_cut", cut_key, lambda g=graph, r=region, c=component: self._local_cut(g, eigenvector, r, c)
            )
            accepted = np.count_nonzero(cut.mask) > least
            if accepted:
                number = len(self.cuts)
                self.cuts.append((index, cut))
                yield StageResult("local_cut", cut, number)
                confidence = self.memo(
                    "confidence",
                    (cut_key, options.confidence),
                    lambda g=graph, r=region, c=cut: self._confidence(g, c, r),
                )
                self.confidences.append(confidence)
                yield StageResult("confidence", confidence, number)
            tiny += not accepted
            if options.masks.region == "once":
                return
            region = region & ~cut.mask
            component = None  # later cuts of a region have no MaskCut counterpart to fall back to

    def _graph(self, region: BoolArray) -> KnnGraph:
        options = self.config.cloud
        cloud = send_to_background(
            self.cloud, region, background_depth=options.background_depth, depth_scale=options.depth_scale
        )
        return knn_graph(cloud, k_neighbors=self.config.graph.k_neighbors)

    def _local_cut(
        self, graph: KnnGraph, eigenvector: FloatArray, region: BoolArray, component: BoolArray | None
    ) -> LocalCut:
        options = self.config.local_cut
        return local_cut(
            graph,
            eigenvector,
            region,
            tau_knn=options.tau_knn,
            sigma_c=options.sigma_c,
            terminals=options.terminals,
            terminal_fraction=options.terminal_fraction,
            capacity=options.capacity,
            min_area=self.config.masks.min_area,
            component=component,
        )

    def _confidence(self, graph: KnnGraph, cut: LocalCut, region: BoolArray) -> SpatialConfidence:
        options, local = self.config.confidence, self.config.local_cut
        return spatial_confidence(
            graph,
            cut,
            region,
            tau_knn=local.tau_knn,
            tau_knn_min=options.tau_knn_min,
            num_cuts=options.num_cuts,
            confidence_floor=options.confidence_floor,
            sigma_c=local.sigma_c,
            capacity=local.capacity,
        )
