"""Links of the k-NN graph that the viewer draws: a sample, since a photo has more links than a browser can show."""

from __future__ import annotations

import numpy as np

from cuts3d.arrays import BoolArray, FloatArray, IntArray
from cuts3d.types import KnnGraph
from ui.viewer.packing import packed

MAX_LINKS = 4000


def link_sample(
    graph: KnnGraph,
    mask: BoolArray,
    region: BoolArray | None = None,
    *,
    tau_knn: float,
    cuts: BoolArray | None = None,
    limit: int = MAX_LINKS,
    seed: int = 0,
) -> tuple[IntArray, FloatArray]:
    """A random sample of the links; up to half of them cross the border of the final mask.

    Links outside B are left out, since the cut does not depend on them. So are links that no threshold of the sweep
    would show: those longer than τ_knn with both ends on one side of every cut.

    Args:
        graph: k-NN graph.
        mask: Final mask, bool [h, w].
        region: B, bool [h, w]; None: everywhere.
        tau_knn: Largest threshold.
        cuts: Source side at each threshold, bool [T, h, w].
        limit: Largest number of links.
        seed: Seed of the random choice.

    Returns:
        Node pairs int32 [E, 2] and lengths float64 [E], in the graph's order.
    """
    i, j = graph.edges[:, 0], graph.edges[:, 1]
    sides = mask.reshape(1, -1) if cuts is None else np.vstack([mask.reshape(1, -1), cuts.reshape(len(cuts), -1)])
    across = sides[0, i] != sides[0, j]
    shown = (graph.lengths <= tau_knn) | (sides[:, i] != sides[:, j]).any(axis=0)
    if region is not None:
        shown &= region.ravel()[i] | region.ravel()[j]
    chosen = _balanced(np.flatnonzero(across & shown), np.flatnonzero(~across & shown), limit, seed)
    return graph.edges[chosen], graph.lengths[chosen]


def _balanced(border: IntArray, others: IntArray, limit: int, seed: int) -> IntArray:
    """At most `limit` of the indices, ascending; half from each group where both have enough."""
    rng = np.random.default_rng(seed)
    border = rng.permutation(border)[: max(limit // 2, limit - others.size)]
    others = rng.permutation(others)[: limit - border.size]
    return np.sort(np.concatenate([border, others]))


def links_payload(pairs: IntArray, lengths: FloatArray) -> dict[str, str]:
    """Links as JSON; the browser reads uint32 pairs and float32 lengths, little-endian."""
    return {"pairs": packed(pairs.astype("<u4")), "lengths": packed(lengths.astype("<f4"))}
