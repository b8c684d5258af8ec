"""Recursive NCut in 3D (ours): both sides of every bipartition are cut in 3D, then by NCut again.

The paper cuts N regions one after another, so an object inside a region that was used up is never seen. Here every
part of the tree is a candidate, as a whole and as LocalCut divides it; those that stand out most are kept, and they may
lie inside one another. Measured in `benchmarks/ablation.md`.
"""

from __future__ import annotations

import dataclasses
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from cuts3d.arrays import BoolArray
from cuts3d.grids import component_of, iou, resize_mask
from cuts3d.method.local_cut import choose_terminals, eigenvector_on
from cuts3d.types import Bipartition, LocalCut

MAX_EIGENVALUE = 0.98  # above it an NCut tells nothing apart
MAX_SHARE = 0.8  # of the photo: what covers more is its background
WHOLE = "a whole part of the NCut, not cut in 3D"


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Candidate:
    """A mask that the tree offers, with the side of the NCut that it came from and its score."""

    partition: Bipartition
    cut: LocalCut
    score: float


Cuts = Callable[[Bipartition], Iterator[LocalCut]]  # LocalCut inside one side, until it is used up
Score = Callable[[BoolArray], float]


def candidates(
    ncut: Callable[[BoolArray], Bipartition],
    cuts: Cuts,
    score: Score,
    *,
    grid_shape: tuple[int, int],
    shape: tuple[int, int],
    min_area: float,
    max_depth: int,
) -> list[Candidate]:
    """Everything the tree offers, in the order in which it is found, each mask once.

    Args:
        ncut: Bipartition of some nodes, bool [h, w].
        cuts: LocalCuts of one side.
        score: Of a mask on the cut's grid.
        grid_shape: Patch grid (h, w).
        shape: The cut's grid.
        min_area: Least share of the patches of a mask.
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
            for cut in (*cuts(side), *_parts(side, shape)):
                if min_area < cut.mask.mean() <= MAX_SHARE and cut.mask.tobytes() not in found:
                    found[cut.mask.tobytes()] = Candidate(partition=side, cut=cut, score=score(cut.mask))
            queue.append((side.mask, depth + 1))
    return list(found.values())


def keep_best(offered: list[Candidate], *, count: int, max_overlap: float) -> list[Candidate]:
    """The best by score, none of which repeats a better one.

    Args:
        offered: What the tree offers.
        count: N.
        max_overlap: Greatest IoU of two that are kept.
    """
    kept: list[Candidate] = []
    for one in sorted(offered, key=lambda c: -c.score):
        if len(kept) == count:
            break
        if all(iou(one.cut.mask, better.cut.mask) <= max_overlap for better in kept):
            kept.append(one)
    return kept


def _other_side(partition: Bipartition, nodes: BoolArray) -> Bipartition:
    """The same NCut, with its rest as foreground."""
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


def _parts(side: Bipartition, shape: tuple[int, int]) -> Iterator[LocalCut]:
    """The 4-connected parts of one side, as they are."""
    eigenvector = eigenvector_on(side, shape)
    labels, count = ndimage.label(resize_mask(side.mask, shape) & ~np.isnan(eigenvector))
    for label in range(1, count + 1):
        part = labels == label
        sources, sinks = choose_terminals(eigenvector, part)
        yield LocalCut(
            mask=part, region=part, sources=sources, sinks=sinks, flow=0.0, connected=False, num_edges=0, fallback=WHOLE
        )
