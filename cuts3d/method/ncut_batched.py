"""Normalised cuts of many photos at once, on any Torch device: Lanczos in step for all graphs of a batch.

For GPUs, where one small graph at a time leaves them idle; on a CPU `ncut.py` is as fast. Held to it and to the dense
solver in the tests.
"""

from __future__ import annotations

import numpy as np
import torch

from cuts3d.method.ncut import SEED, as_bipartition, second_eigenvector
from cuts3d.method.tiles import row_sums
from cuts3d.types import Bipartition

STEPS = 80  # dimension of the Krylov space
ENDED = 1e-7  # a rest so short is rounding
TOLERANCE = 1e-4  # greatest residual |S v − μ v| of a pair that is taken


def second_eigenvectors(
    weights: torch.Tensor, *, steps: int = STEPS, tolerance: float = TOLERANCE
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Second smallest generalised eigenpair of (D − W) x = λ D x of every graph of a batch (method 1.4).

    Args:
        weights: W, float32 [B, n, n], symmetric, positive row sums.
        steps: Steps of Lanczos, with full reorthogonalisation; more find eigenvalues that lie closer together.
        tolerance: Greatest residual of a converged pair.

    Returns:
        x float64 [B, n] of unit length, λ float64 [B], and which have converged, bool [B]; on the device of W.
    """
    batch, n, _ = weights.shape
    degree = row_sums(weights)  # [B, n]
    scale, trivial = degree.rsqrt(), degree.sqrt()
    trivial = trivial / trivial.norm(dim=1, keepdim=True)

    def multiply(v: torch.Tensor) -> torch.Tensor:
        product = torch.bmm(weights, (scale * v).float()[:, :, None])[:, :, 0]
        return scale * product.double()

    start = torch.from_numpy(np.random.default_rng(SEED).standard_normal(n)).to(weights.device).expand(batch, n)
    basis = [trivial]  # known, and kept out of the space
    v = _orthogonal(start, basis)
    v = v / v.norm(dim=1, keepdim=True)
    alphas, betas = [], []
    for _ in range(min(steps, n - 1)):
        basis.append(v)
        product = multiply(v)
        alphas.append((v * product).sum(dim=1))
        rest = _orthogonal(product, basis)
        betas.append(rest.norm(dim=1))
        length = betas[-1][:, None]
        v = torch.where(length > ENDED, rest / length.clamp(min=ENDED), 0.0)  # the space of a simple graph ends early
    alpha, beta = torch.stack(alphas, dim=1), torch.stack(betas, dim=1)  # [B, m]
    small = torch.diag_embed(alpha) + torch.diag_embed(beta[:, :-1], 1) + torch.diag_embed(beta[:, :-1], -1)
    values, vectors = torch.linalg.eigh(small)
    ritz = torch.einsum("mbn,bm->bn", torch.stack(basis[1:]), vectors[:, :, -1])
    ritz = ritz / ritz.norm(dim=1, keepdim=True)
    residual = (multiply(ritz) - values[:, -1:] * ritz).norm(dim=1)
    x = ritz * scale
    return x / x.norm(dim=1, keepdim=True), 1.0 - values[:, -1], residual <= tolerance


def bipartitions(weights: torch.Tensor, grid_shape: tuple[int, int]) -> list[Bipartition]:
    """Cut every graph of a batch in two; those that Lanczos has not solved go to `second_eigenvector`.

    Args:
        weights: W, float32 [B, h*w, h*w].
        grid_shape: Grid (h, w).
    """
    vectors, values, converged = (t.cpu().numpy() for t in second_eigenvectors(weights))
    nodes = np.ones(grid_shape, dtype=bool)
    found = []
    for index, good in enumerate(converged):
        pair = (vectors[index], float(values[index]), "lanczos")
        solved = pair if good else second_eigenvector(weights[index].cpu().numpy())
        found.append(as_bipartition(*solved, nodes))
    return found


def _orthogonal(v: torch.Tensor, basis: list[torch.Tensor]) -> torch.Tensor:
    """What of v [B, n] lies outside the basis; twice, since once is not enough in floating point."""
    stacked = torch.stack(basis)  # [m, B, n]
    for _ in range(2):
        v = v - torch.einsum("mb,mbn->bn", torch.einsum("mbn,bn->mb", stacked, v), stacked)
    return v
