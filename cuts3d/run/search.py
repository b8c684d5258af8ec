"""The two searches for instances: one cut after another (method 1.4), or the best of a tree of cuts (method 1.9)."""

from __future__ import annotations

from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from itertools import islice

import numpy as np

from cuts3d.config import MaskConfig
from cuts3d.grids import resize_mask
from cuts3d.memo import Keyed, Memo
from cuts3d.method.confidence import spatial_confidence
from cuts3d.method.ncut import UNDETERMINED_ABOVE, bipartition
from cuts3d.run.recursion import grow_tree, keep_best
from cuts3d.run.regions import CutOptions, region_cuts, region_graph
from cuts3d.run.scene import Scene
from cuts3d.run.stages import StageResult
from cuts3d.types import Bipartition, Dropped, KnnGraph, LocalCut, SpatialConfidence


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class FoundCut:
    """A cut that was kept, with its bipartition and confidence.

    Attributes:
        ncut: Index of its bipartition.
        cut: The cut.
        confidence: Its spatial confidence.
    """

    ncut: int
    cut: LocalCut
    confidence: SpatialConfidence


@dataclass(slots=True, eq=False)
class SearchResult:
    """The cuts that a search has found so far, in order."""

    bipartitions: list[Bipartition] = field(default_factory=list)
    cuts: list[FoundCut] = field(default_factory=list)
    dropped: list[Dropped] = field(default_factory=list)


def search(scene: Scene, memo: Memo) -> Generator[StageResult, None, SearchResult]:
    """Find the cuts of a photo by the rule `MaskConfig.region`.

    Yields:
        `ncut`, `graph`, `local_cut` and `confidence`, each as soon as it is computed.
    """
    recursive = scene.config.masks.region == "recursive"
    return (yield from (recursive_search if recursive else sequential_search)(scene, memo))


def sequential_search(scene: Scene, memo: Memo) -> Generator[StageResult, None, SearchResult]:
    """NCut, LocalCuts inside B, then NCut of the other patches, until N masks are found or a cut is rejected."""
    options, found = scene.config.masks, SearchResult()
    nodes = np.ones(scene.grid_shape, dtype=bool)
    while len(found.cuts) < options.max_instances and np.count_nonzero(nodes) > max(2, options.min_area * nodes.size):
        partition = first_cut(scene, memo) if nodes.all() else cut_nodes(scene, memo, nodes)
        index = len(found.bipartitions)
        found.bipartitions.append(partition.value)
        yield StageResult("ncut", partition.value, index)
        reason = _reject(partition.value, options)
        if reason:
            found.dropped.append(Dropped(ncut=index, reason=reason))
            break
        before = len(found.cuts)
        cuts = _cuts_of(scene, memo, partition, options.max_instances - before)
        yield from _add_cuts(scene, memo, found, index, cuts)
        used = partition.value.mask if options.region == "exhaust" else np.zeros_like(nodes)
        taken = [resize_mask(one.cut.mask, scene.grid_shape) for one in found.cuts[before:]]
        after = nodes & ~np.logical_or.reduce([used, *taken])
        if len(found.cuts) == before or (after == nodes).all():
            found.dropped.append(Dropped(ncut=index, reason="no cut of its region was large enough"))
            break
        nodes = after
    return found


def recursive_search(scene: Scene, memo: Memo) -> Generator[StageResult, None, SearchResult]:
    """Divide both sides of every NCut again, and keep the N candidates with the highest distinctness (ours)."""
    options, cut_options, found = scene.config.masks, CutOptions.of(scene.config), SearchResult()
    tree = memo("tree", grow_tree, scene.weights, scene.cloud, scene.affinity, scene.z, cut_options, options.max_depth)
    for index in keep_best(tree.value, count=options.max_instances, max_overlap=options.max_overlap):
        one = tree.value[index]
        if one.partition not in found.bipartitions:
            found.bipartitions.append(one.partition)
            yield StageResult("ncut", one.partition, len(found.bipartitions) - 1)
        graph = memo("graph", region_graph, scene.cloud, one.cut.region, cut_options.cloud, cut_options.graph)
        cut: Keyed[LocalCut] = tree.part(one.cut, index)
        yield from _add_cuts(scene, memo, found, found.bipartitions.index(one.partition), iter([(graph, cut)]))
    return found


def first_cut(scene: Scene, memo: Memo) -> Keyed[Bipartition]:
    """NCut of the whole photo."""
    return memo("ncut", bipartition, scene.weights, scene.grid_shape)


def cut_nodes(scene: Scene, memo: Memo, nodes: np.ndarray) -> Keyed[Bipartition]:
    """NCut of the given patches, bool [h, w]."""
    return memo("ncut", bipartition, scene.weights, scene.grid_shape, nodes=nodes)


def _cuts_of(
    scene: Scene, memo: Memo, partition: Keyed[Bipartition], most: int
) -> Iterator[tuple[Keyed[KnnGraph], Keyed[LocalCut]]]:
    once = scene.config.masks.region == "once"
    return islice(region_cuts(partition, scene.cloud, CutOptions.of(scene.config), memo, once=once), most)


def _add_cuts(
    scene: Scene,
    memo: Memo,
    found: SearchResult,
    ncut: int,
    cuts: Iterator[tuple[Keyed[KnnGraph], Keyed[LocalCut]]],
) -> Iterator[StageResult]:
    """Add cuts to the result, each with its confidence."""
    for graph, cut in cuts:
        index = len(found.cuts)
        yield StageResult("graph", graph.value, index)
        yield StageResult("local_cut", cut.value, index)
        confidence = memo("confidence", spatial_confidence, graph, cut, scene.config.confidence, scene.config.local_cut)
        found.cuts.append(FoundCut(ncut=ncut, cut=cut.value, confidence=confidence.value))
        yield StageResult("confidence", confidence.value, index)


def _reject(partition: Bipartition, options: MaskConfig) -> str:
    """Reason why the search stops at a bipartition; empty if it goes on."""
    if partition.eigenvalue > UNDETERMINED_ABOVE:
        return "all these patches are linked equally (NCut value 1): no way to divide them is better than another"
    if options.max_ncut is not None and partition.eigenvalue > options.max_ncut:
        return f"NCut value {partition.eigenvalue:.3f} is above {options.max_ncut:g}: nothing stands out any more"
    if np.count_nonzero(partition.mask) <= options.min_area * partition.mask.size:
        return "the bipartition is smaller than the least area"
    return ""
