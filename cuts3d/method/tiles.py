"""Matrices of all pairs of patches, a tile at a time: nothing as large as the result is made beside it."""

from __future__ import annotations

from collections.abc import Callable

import torch

TILE = 512  # patches a side: three such tiles fit a core's cache
ROWS = 64  # summed at once


def symmetric_matrix(size: int, tile: Callable[[slice, slice], torch.Tensor]) -> torch.Tensor:
    """Fill the upper half with tiles and mirror it into the lower.

    Args:
        size: n.
        tile: Entries of some rows and columns, float32; its own rounding may differ across the diagonal.

    Returns:
        float32 [n, n], symmetric to the last bit.
    """
    out = torch.empty(size, size)
    steps = [slice(begin, min(begin + TILE, size)) for begin in range(0, size, TILE)]
    for number, rows in enumerate(steps):
        for columns in steps[number:]:
            block = tile(rows, columns)
            if rows == columns:
                block = torch.maximum(block, block.T)
            else:
                out[columns, rows] = block.T
            out[rows, columns] = block
    return out


def row_sums(matrix: torch.Tensor) -> torch.Tensor:
    """Sums along the last axis in float64; on a CPU Torch copies to float64 whatever it is asked to sum so.

    Args:
        matrix: float32 [..., n, m].

    Returns:
        float64 [..., n].
    """
    sums = matrix.new_empty(matrix.shape[:-1], dtype=torch.float64)
    for some, rows in zip(sums.split(ROWS, dim=-1), matrix.split(ROWS, dim=-2), strict=True):
        torch.sum(rows, dim=-1, dtype=torch.float64, out=some)
    return sums
