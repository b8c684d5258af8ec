"""Recursive cuts (ours; method 1.9): LocalCut runs on both sides of each NCut, then NCut divides each side again.

The paper finds N masks one after the other, so an object inside a region that was already used is never found. Here
each side of the tree gives candidates: its LocalCuts and its connected parts. The candidates with the highest
distinctness are kept; they may be nested. Measurements are in `benchmarks/ablation.md`.
"""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from cuts3d.arrays import BoolArray, FloatArray
from cuts3d.config import LocalCutConfig
from cuts3d.grids import component_of, iou, resize_mask
from cuts3d.memo import Keyed, forgetful
from cuts3d.method.local_cut import choose_terminals, eigenvector_on
from cuts3d.method.ncut import bipartition
from cuts3d.method.score import distinctness
from cuts3d.run.regions import CutOptions, region_cuts
from cuts3d.types import Bipartition, LocalCut, PointCloud

MAX_EIGENVALUE = 0.98  # an NCut with a larger value separates nothing
MAX_AREA = 0.8  # fraction of the photo; a larger part is background
WHOLE = "a whole part of the NCut, not cut in 3D"


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Candidate:
    """A mask of the tree: the side of the NCut from which it comes, its cut, and its distinctness in [0, 1]."""

    partition: Bipartition
    cut: LocalCut
    score: float


def grow_tree(
    weights: FloatArray,
    cloud: PointCloud,
    affinity: FloatArray,
    z: FloatArray,
    options: CutOptions,
    max_depth: int,
) -> list[Candidate]:
    """The candidates of a photo; see `candidates`.

    Args:
        weights: Weights W of the NCut graph, float32 [h*w, h*w].
        cloud: Points of the whole photo on the grid of the 3D cut.
        affinity: Cosine affinity A before sharpening, float32 [h*w, h*w] in [0, 1].
        z: Depth on the patch grid, float32 [h, w] in [0, 1].
        options: Parameters of the cuts.
        max_depth: Levels of NCuts.
    """
    grid = (z.shape[0], z.shape[1])
    return candidates(
        lambda nodes: bipartition(weights, grid, nodes=nodes),
        lambda side: _side_cuts(side, cloud, options),
        lambda mask: distinctness(mask, affinity, z),
        grid_shape=grid,
        min_area=options.min_area,
        max_depth=max_depth,
    )


def candidates(
    ncut: Callable[[BoolArray], Bipartition],
    cuts: Callable[[Bipartition], Iterable[LocalCut]],
    score: Callable[[BoolArray], float],
    *,
    grid_shape: tuple[int, int],
    min_area: float,
    max_depth: int,
) -> list[Candidate]:
    """All candidates of the tree in the order in which they are found; equal masks are listed once.

    Args:
        ncut: Gives the bipartition of the given nodes, bool [h, w].
        cuts: Gives the cuts inside one side of a bipartition.
        score: Gives the score of a mask on the grid of the 3D cut.
        grid_shape: Patch grid (h, w).
        min_area: Smallest fraction of the patches that a mask covers.
        max_depth: Levels of NCuts.
    """
    found: dict[bytes, Candidate] = {}
    queue = deque([(np.ones(grid_shape, dtype=bool), 0)])
    while queue:
        nodes, depth = queue.popleft()
        if depth >= max_depth or nodes.sum() <= max(2, 2 * min_area * nodes.size):
            continue
        partition = ncut(nodes)
        if partition.eigenvalue > MAX_EIGENVALUE:
            continue
        for side in (partition, _other_side(partition, nodes)):
            for cut in cuts(side):
                if min_area < cut.mask.mean() <= MAX_AREA and cut.mask.tobytes() not in found:
                    found[cut.mask.tobytes()] = Candidate(partition=side, cut=cut, score=score(cut.mask))
            queue.append((side.mask, depth + 1))
    return list(found.values())


def keep_best(offered: Sequence[Candidate], *, count: int, max_overlap: float) -> list[int]:
    """Indices of the N candidates with the highest score; none overlaps a better one too much.

    Args:
        offered: All candidates.
        count: N.
        max_overlap: Largest IoU of two candidates that are kept.
    """
    kept: list[int] = []
    for index in sorted(range(len(offered)), key=lambda n: -offered[n].score):
        if len(kept) == count:
            break
        if all(iou(offered[index].cut.mask, offered[better].cut.mask) <= max_overlap for better in kept):
            kept.append(index)
    return kept


def _side_cuts(side: Bipartition, cloud: PointCloud, options: CutOptions) -> Iterator[LocalCut]:
    """All LocalCuts of one side, then its connected parts."""
    cuts = region_cuts(Keyed(None, lambda: side), Keyed(None, lambda: cloud), options, forgetful())
    yield from (cut.value for _, cut in cuts)
    yield from connected_parts(side, cloud.grid_shape, options.local_cut)


def _other_side(partition: Bipartition, nodes: BoolArray) -> Bipartition:
    """The same NCut with foreground and background exchanged."""
    x, mask = -partition.eigenvector, nodes & ~partition.mask
    row, column = np.unravel_index(np.nanargmax(np.where(mask, x, np.nan)), x.shape)
    seed = (int(row), int(column))
    return dataclasses.replace(
        partition,
        eigenvector=x,
        mask=mask,
        seed=seed,
        flipped=not partition.flipped,
        corners=int(mask[0, 0]) + int(mask[0, -1]) + int(mask[-1, 0]) + int(mask[-1, -1]),
        component=component_of(mask, seed),
    )


def connected_parts(side: Bipartition, shape: tuple[int, int], options: LocalCutConfig) -> Iterator[LocalCut]:
    """The 4-connected parts of one side, without a cut in 3D."""
    eigenvector = eigenvector_on(side, shape)
    labels, count = ndimage.label(resize_mask(side.mask, shape) & ~np.isnan(eigenvector))
    for label in range(1, count + 1):
        part = labels == label
        sources, sinks = choose_terminals(
            eigenvector, part, terminals=options.terminals, fraction=options.terminal_fraction
        )
        yield LocalCut(
            mask=part, region=part, sources=sources, sinks=sinks, flow=0.0, connected=False, num_edges=0, fallback=WHOLE
        )
