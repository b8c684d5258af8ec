"""LocalCuts inside one semantic region (method 1.4, 1.5): a single one, or several until the rest is too small."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from cuts3d.arrays import BoolArray
from cuts3d.config import CloudConfig, CutS3DConfig, GraphConfig, LocalCutConfig, parameter_field
from cuts3d.grids import remove_small_components, resize_mask
from cuts3d.memo import Keyed, Memo
from cuts3d.method.knn_graph import knn_graph
from cuts3d.method.local_cut import eigenvector_on, local_cut
from cuts3d.method.point_cloud import send_to_background
from cuts3d.types import Bipartition, KnnGraph, LocalCut, PointCloud

LONGEST_EDGE = float(parameter_field("tau_knn").metadata["high"])
MAX_SMALL_CUTS = 8  # number of too small cuts in one region after which the search in it stops


@dataclass(frozen=True, slots=True, kw_only=True)
class CutOptions:
    """The parameters on which a cut inside a region depends."""

    cloud: CloudConfig
    graph: GraphConfig
    local_cut: LocalCutConfig
    min_area: float

    @classmethod
    def of(cls, config: CutS3DConfig) -> CutOptions:
        """Its part of the whole configuration."""
        return cls(cloud=config.cloud, graph=config.graph, local_cut=config.local_cut, min_area=config.masks.min_area)


def region_cuts(
    partition: Keyed[Bipartition], cloud: Keyed[PointCloud], options: CutOptions, memo: Memo, *, once: bool = False
) -> Iterator[tuple[Keyed[KnnGraph], Keyed[LocalCut]]]:
    """Yield the LocalCuts inside one bipartition that are large enough, until the rest of it is too small.

    Args:
        partition: NCut whose foreground B is the region.
        cloud: Points of the whole photo on the grid of the 3D cut.
        options: Parameters of the cuts.
        memo: Remembers graphs and cuts.
        once: Whether only one cut is computed.

    Yields:
        Each cut with the k-NN graph in which it was computed.
    """
    shape = cloud.value.grid_shape
    region = resize_mask(partition.value.mask, shape) & ~np.isnan(eigenvector_on(partition.value, shape))
    least, small, first = options.min_area * region.size, 0, True
    while small < MAX_SMALL_CUTS:
        region = remove_small_components(region, least)
        if not region.any():
            return
        graph = memo("graph", region_graph, cloud, region, options.cloud, options.graph)
        cut = memo("local_cut", cut_region, graph, partition, region, options.local_cut, options.min_area, first)
        if np.count_nonzero(cut.value.mask) > least:
            yield graph, cut
        else:
            small += 1
        if once:
            return
        region, first = region & ~cut.value.mask, False


def region_graph(cloud: PointCloud, region: BoolArray, options: CloudConfig, graph: GraphConfig) -> KnnGraph:
    """k-NN graph of the points of a photo; points outside the region, bool [h, w], move to the background depth."""
    moved = send_to_background(
        cloud, region, background_depth=options.background_depth, depth_scale=options.depth_scale
    )
    gap = options.background_depth * options.depth_scale - cloud.points[region.ravel(), 2].max()
    among = region if gap > LONGEST_EDGE else None  # the background is too far away to be linked, so it is not searched
    return knn_graph(moved, k_neighbors=graph.k_neighbors, among=among)


def cut_region(
    graph: KnnGraph, partition: Bipartition, region: BoolArray, options: LocalCutConfig, min_area: float, first: bool
) -> LocalCut:
    """One LocalCut. Only the first cut of a bipartition can fall back to the component of MaskCut."""
    eigenvector = eigenvector_on(partition, region.shape)
    component = None
    if first:
        whole = resize_mask(partition.mask, region.shape) & ~np.isnan(eigenvector)
        component = resize_mask(partition.component, region.shape) & whole
    return local_cut(graph, eigenvector, region, options, min_area=min_area, component=component)
