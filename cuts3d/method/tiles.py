"""Matrices over all pairs of patches, computed tile by tile (method 1.2, 1.3), so that temporary arrays stay small."""

from __future__ import annotations

from collections.abc import Callable

import torch

TILE = 512  # patches per side; three such tiles fit into the cache of a core
ROWS = 64  # rows that are summed in one call


def symmetric_matrix(size: int, tile: Callable[[slice, slice], torch.Tensor]) -> torch.Tensor:
    """Compute the tiles of the upper triangle and copy them to the lower one.

    Args:
        size: n.
        tile: Function of rows and columns that gives these entries, float32. Rounding may differ across the diagonal.

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
    """Sums along the last axis in float64, some rows at a time: Torch copies all that it sums to float64 on a CPU.

    Args:
        matrix: float32 [..., n, m].

    Returns:
        float64 [..., n].
    """
    sums = matrix.new_empty(matrix.shape[:-1], dtype=torch.float64)
    for part, rows in zip(sums.split(ROWS, dim=-1), matrix.split(ROWS, dim=-2), strict=True):
        torch.sum(rows, dim=-1, dtype=torch.float64, out=part)
    return sums
