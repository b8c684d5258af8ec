"""Instances one after another: NCut, LocalCut inside its region, confidence. All on the grid."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from functools import cached_property

import numpy as np

from cuts3d.arrays import BoolArray, FloatArray, ImageArray
from cuts3d.backbones import get_backbone
from cuts3d.config import CutS3DConfig, parameter_field
from cuts3d.depth import normalise_depth
from cuts3d.grids import remove_small_components, resize_map, resize_mask
from cuts3d.method.affinity import graph_weights
from cuts3d.method.confidence import spatial_confidence
from cuts3d.method.knn_graph import knn_graph
from cuts3d.method.local_cut import eigenvector_on, local_cut
from cuts3d.method.ncut import bipartition
from cuts3d.method.point_cloud import photo_cloud, send_to_background
from cuts3d.method.score import mask_factors
from cuts3d.run.recursion import candidates, keep_best
from cuts3d.run.stages import Memo, StageResult, compute_always
from cuts3d.types import Bipartition, DepthMap, Dropped, KnnGraph, LocalCut, PatchFeatures, SpatialConfidence

LONGEST_LINK = float(parameter_field("tau_knn").metadata["high"])
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
        features: PatchFeatures,
        depth: DepthMap,
        affinity: FloatArray,
        memo: Memo,
        key: Hashable,
    ) -> None:
        self.image, self.config, self.affinity, self.memo, self.key = image, config, affinity, memo, key
        self.depth, self.grid_shape = depth, features.grid_shape
        self.shape = cut_grid(self.grid_shape, image.shape[:2], config.cloud.cut_size)
        self.cloud = photo_cloud(depth, (image.shape[0], image.shape[1]), self.shape, config.cloud)
        spec = get_backbone(config.features.backbone)
        self.tau_ncut = spec.tau_ncut if config.affinity.tau_ncut is None else config.affinity.tau_ncut
        self.bipartitions: list[Bipartition] = []
        self.cuts: list[tuple[int, LocalCut]] = []
        self.confidences: list[SpatialConfidence] = []
        self.dropped: list[Dropped] = []

    def run(self, sharpened: FloatArray) -> Iterator[StageResult]:
        """Cut until N masks are found, a cut is rejected, or nothing is left; or keep the best of the whole tree."""
        weights: FloatArray | None = None

        def graph_of_patches() -> FloatArray:
            nonlocal weights
            if weights is None:
                c = self.config.affinity
                weights = graph_weights(sharpened, tau_ncut=self.tau_ncut, epsilon=c.epsilon, mode=c.affinity)
            return weights

        search = self._recurse if self.config.masks.region == "recursive" else self._one_after_another
        yield from search(graph_of_patches)

    def score(self, mask: BoolArray, confidence: SpatialConfidence, number: int) -> float:
        """Rank of a mask among those of all photos, in [0, 1], by the chosen rule.

        Args:
            mask: On the cut's grid, bool [h, w].
            confidence: Its spatial confidence.
            number: Its place in the order of cutting, from 1.
        """
        rule = self.config.masks.score
        if rule == "distinct":
            return self.distinctness(mask)
        return confidence.mean if rule == "confidence" else confidence.mean / number

    def distinctness(self, mask: BoolArray) -> float:
        """How far a mask on the cut's grid stands out, in [0, 1]."""
        return mask_factors(resize_mask(mask, self.grid_shape), self.affinity, self._z).distinctness

    @cached_property
    def _z(self) -> FloatArray:
        z = normalise_depth(self.depth, clip_percent=self.config.cloud.depth_clip)
        return resize_map(z, self.grid_shape)

    @property
    def _full(self) -> bool:
        return len(self.cuts) >= self.config.masks.max_instances

    def _one_after_another(self, weights: Callable[[], FloatArray]) -> Iterator[StageResult]:
        options = self.config.masks
        nodes = np.ones(self.grid_shape, dtype=bool)
        while not self._full and np.count_nonzero(nodes) > max(2, options.min_area * nodes.size):
            key = (self.key, self.config.affinity, nodes.tobytes())
            partition = self.memo("ncut", key, lambda n=nodes: bipartition(weights(), self.grid_shape, nodes=n))
            index = len(self.bipartitions)
            self.bipartitions.append(partition)
            yield StageResult("ncut", partition, index)
            reason = self._reject_partition(partition)
            if reason:
                self.dropped.append(Dropped(ncut=index, reason=reason))
                return
            before = len(self.cuts)
            for graph, cut, graph_key in self._region_cuts(partition, key):
                yield from self._accept(index, cut, graph, graph_key)
                if self._full:
                    break
            taken = [resize_mask(cut.mask, self.grid_shape) for n, cut in self.cuts[before:]]
            used = partition.mask if options.region == "exhaust" else np.zeros_like(nodes)
            after = nodes & ~np.logical_or.reduce([used, *taken])
            if len(self.cuts) == before or (after == nodes).all():
                self.dropped.append(Dropped(ncut=index, reason="no cut of its region was large enough"))
                return
            nodes = after

    def _recurse(self, weights: Callable[[], FloatArray]) -> Iterator[StageResult]:
        c = self.config
        key = (self.key, c.affinity, c.cloud, c.graph, c.local_cut, c.masks.min_area, c.masks.max_depth)
        offered = self.memo(
            "tree",
            key,
            lambda: candidates(
                lambda nodes: bipartition(weights(), self.grid_shape, nodes=nodes),
                lambda side: (cut for _, cut, _ in self._region_cuts(side, None)),
                self.distinctness,
                grid_shape=self.grid_shape,
                shape=self.shape,
                min_area=c.masks.min_area,
                max_depth=c.masks.max_depth,
            ),
        )
        for one in keep_best(offered, count=c.masks.max_instances, max_overlap=c.masks.max_overlap):
            if one.partition not in self.bipartitions:
                self.bipartitions.append(one.partition)
                yield StageResult("ncut", one.partition, len(self.bipartitions) - 1)
            graph_key = (key, one.cut.region.tobytes())
            graph = self.memo("graph", graph_key, lambda r=one.cut.region: self._graph(r))
            yield from self._accept(self.bipartitions.index(one.partition), one.cut, graph, graph_key)

    def _accept(self, index: int, cut: LocalCut, graph: KnnGraph, graph_key: Hashable) -> Iterator[StageResult]:
        """Take a cut and find its confidence."""
        number = len(self.cuts)
        yield StageResult("graph", graph, number)
        self.cuts.append((index, cut))
        yield StageResult("local_cut", cut, number)
        key = (graph_key, cut.mask.tobytes(), self.config.local_cut, self.config.confidence)
        confidence = self.memo("confidence", key, lambda: self._confidence(graph, cut))
        self.confidences.append(confidence)
        yield StageResult("confidence", confidence, number)

    def _reject_partition(self, partition: Bipartition) -> str:
        options = self.config.masks
        if options.max_ncut is not None and partition.eigenvalue > options.max_ncut:
            return f"NCut value {partition.eigenvalue:.3f} is above {options.max_ncut:g}: nothing stands out any more"
        if np.count_nonzero(partition.mask) <= options.min_area * partition.mask.size:
            return "the bipartition is smaller than the least area"
        return ""

    def _region_cuts(self, partition: Bipartition, ncut_key: Hashable) -> Iterator[tuple[KnnGraph, LocalCut, Hashable]]:
        """LocalCuts inside one bipartition that are large enough: one, or until what is left is too small."""
        options = self.config
        eigenvector = eigenvector_on(partition, self.shape)
        region = resize_mask(partition.mask, self.shape) & ~np.isnan(eigenvector)
        component: BoolArray | None = resize_mask(partition.component, self.shape) & region
        least = options.masks.min_area * region.size
        memo = compute_always if ncut_key is None else self.memo
        tiny = 0
        while tiny < MAX_TINY_CUTS:
            region = remove_small_components(region, least)
            if not region.any():
                return
            graph_key = (ncut_key, region.tobytes(), options.cloud, options.graph)
            graph = memo("graph", graph_key, lambda r=region: self._graph(r))
            cut_key = (graph_key, options.local_cut, options.masks.min_area)
            cut = memo(
                "local_cut", cut_key, lambda g=graph, r=region, c=component: self._local_cut(g, eigenvector, r, c)
            )
            if np.count_nonzero(cut.mask) > least:
                yield graph, cut, graph_key
            else:
                tiny += 1
            if options.masks.region == "once":
                return
            region = region & ~cut.mask
            component = None  # later cuts of a region have no MaskCut counterpart to fall back to

    def _graph(self, region: BoolArray) -> KnnGraph:
        options = self.config.cloud
        cloud = send_to_background(
            self.cloud, region, background_depth=options.background_depth, depth_scale=options.depth_scale
        )
        gap = options.background_depth * options.depth_scale - self.cloud.points[region.ravel(), 2].max()
        among = region if gap > LONGEST_LINK else None  # the background, too far to be linked, need not be searched
        return knn_graph(cloud, k_neighbors=self.config.graph.k_neighbors, among=among)

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

    def _confidence(self, graph: KnnGraph, cut: LocalCut) -> SpatialConfidence:
        options, local = self.config.confidence, self.config.local_cut
        return spatial_confidence(
            graph,
            cut,
            cut.region,
            tau_knn=local.tau_knn,
            tau_knn_min=options.tau_knn_min,
            num_cuts=options.num_cuts,
            confidence_floor=options.confidence_floor,
            sigma_c=local.sigma_c,
            capacity=local.capacity,
        )
