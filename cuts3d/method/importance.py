"""Spatial importance sharpening (paper; method 1.3): ΔD = |G_σ * D − D|, then A'_ij = A_ij^(1 − ΔD_ij)."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch
from scipy import ndimage

from cuts3d.arrays import FloatArray
from cuts3d.method.tiles import symmetric_matrix

FLAT = 1e-6  # if ΔD varies less than this, depth counts as constant


def spatial_importance(depth: FloatArray, *, beta: float, sigma: float) -> FloatArray | None:
    """Spatial importance ΔD = |G_σ * D − D|, scaled linearly to [β, 1] (paper; method 1.3).

    Args:
        depth: D on the patch grid in [0, 1], float [h, w]; its direction does not matter.
        beta: β, the importance of the patch with the smallest |G_σ * D − D|.
        sigma: σ of the Gaussian G_σ, in patches; the blur reflects at the image border.

    Returns:
        float32 [h, w] in [β, 1], or None if depth is constant; sharpening is then skipped.
    """
    depth = np.asarray(depth, dtype=np.float64)
    delta = np.abs(ndimage.gaussian_filter(depth, sigma, mode="reflect") - depth)
    low, high = delta.min(), delta.max()
    if high - low < FLAT:
        return None
    return (beta + (1.0 - beta) * (delta - low) / (high - low)).astype(np.float32)


def sharpening_exponent(
    rows: torch.Tensor, columns: torch.Tensor, *, pair_rule: Literal["product", "mean", "max"]
) -> torch.Tensor:
    """Exponents 1 − ΔD_ij of all pairs of two sets of patches i and j (method 1.3).

    Args:
        rows: ΔD_i, float32 [r] in [0, 1].
        columns: ΔD_j, float32 [c] in [0, 1].
        pair_rule: Whether ΔD_ij is the product, the mean or the maximum of ΔD_i and ΔD_j.

    Returns:
        float32 [r, c] in [0, 1].
    """
    rows, columns = rows[:, None], columns[None, :]
    if pair_rule == "product":
        return 1.0 - rows * columns
    if pair_rule == "mean":
        return 1.0 - (rows + columns) / 2
    return 1.0 - torch.maximum(rows, columns)


def sharpen_affinity(
    affinity: FloatArray,
    importance: FloatArray,
    *,
    pair_rule: Literal["product", "mean", "max"],
    direction: Literal["raise", "lower"],
) -> FloatArray:
    """Sharpened affinity A'_ij = A_ij^(1 − ΔD_ij) (paper; method 1.3).

    Sharpen before τ_ncut is applied. The floor ε must never be raised to a power: with exponent 0 it would become 1.
    A similarity of exactly 0 stays 0.

    Args:
        affinity: A, symmetric float32 [n, n] in [0, 1].
        importance: ΔD per patch, float [h, w] with h*w = n.
        pair_rule: See `sharpening_exponent`.
        direction: `raise` is the formula of the paper, which raises similarity most at depth edges. `lower` takes the
            exponent 1 + ΔD_ij, which lowers similarity there.

    Returns:
        A', float32 [n, n] in [0, 1], symmetric to the last bit.
    """
    delta = torch.from_numpy(np.ascontiguousarray(importance, dtype=np.float32).ravel())
    weights = torch.from_numpy(affinity)

    def tile(rows: slice, columns: slice) -> torch.Tensor:
        exponent = sharpening_exponent(delta[rows], delta[columns], pair_rule=pair_rule)
        if direction == "lower":
            exponent = 2.0 - exponent
        similar = weights[rows, columns]
        return torch.pow(similar, exponent).mul_(similar > 0)

    return symmetric_matrix(delta.numel(), tile).numpy()
