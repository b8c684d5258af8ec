"""Depth edges, and how well the edges of two maps agree."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from cuts3d.arrays import BoolArray, FloatArray

JUMP = 0.06  # difference over `REACH` cells, as a fraction of the depth range
REACH = 2
TOLERANCE = 2  # largest distance of two matching edges, in cells


def depth_edges(z: FloatArray, *, jump: float = JUMP) -> BoolArray:
    """Cells where depth jumps, on the near or the far side.

    Args:
        z: Depth in [0, 1], float [h, w].
        jump: Smallest difference over two cells that counts as an edge.

    Returns:
        bool [h, w].
    """
    steps = [np.abs(np.roll(z, -REACH, axis) - z) for axis in (0, 1)]
    steps[0][-REACH:] = 0
    steps[1][:, -REACH:] = 0
    return np.maximum(*steps) > jump


def edge_f_score(first: FloatArray, second: FloatArray) -> float:
    """F-score of the depth edges of two maps of the same shape, in [0, 1]; 1 if neither has an edge.

    An edge cell matches if the other map has an edge cell at most two cells away.
    """
    a, b = depth_edges(first), depth_edges(second)
    if not a.any() or not b.any():
        return float(a.any() == b.any())
    near_a, near_b = (ndimage.binary_dilation(e, iterations=TOLERANCE) for e in (a, b))
    hits_a, hits_b = (
        np.count_nonzero(a & near_b) / np.count_nonzero(a),
        np.count_nonzero(b & near_a) / np.count_nonzero(b),
    )
    return 2 * hits_a * hits_b / max(hits_a + hits_b, 1e-12)
