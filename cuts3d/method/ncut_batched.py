"""Normalised cuts (method 1.4) of a batch of photos on any Torch device: Lanczos runs on all graphs in parallel.

It is meant for GPUs, which one small graph does not keep busy. On a CPU, `ncut.py` is as fast. Tests compare it with
`ncut.py` and with the dense solver.
"""

from __future__ import annotations

import numpy as np
import torch

from cuts3d.method.ncut import SEED, as_bipartition, second_eigenvector
from cuts3d.method.tiles import row_sums
from cuts3d.types import Bipartition

STEPS = 80  # largest dimension of the Krylov space
ENDED = 1e-7  # a shorter residual is rounding error: the Krylov space is complete
TOLERANCE = 1e-4  # largest residual ‖S v − μ v‖ of a converged eigenpair


def second_eigenvectors(
    weights: torch.Tensor, *, steps: int = STEPS, tolerance: float = TOLERANCE
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Second smallest generalised eigenpair of (D − W) x = λ D x for every graph of a batch (method 1.4).

    Args:
        weights: W, float32 [B, n, n], symmetric, positive row sums.
        steps: Lanczos steps, with full reorthogonalisation; more steps separate closer eigenvalues.
        tolerance: Largest residual ‖S v − μ v‖ of a converged pair.

    Returns:
        x float64 [B, n] of unit length, λ float64 [B], and whether the pair converged, bool [B]; on the device of W.
    """
    batch, n, _ = weights.shape
    degree = row_sums(weights)  # [B, n]
    scale, trivial = degree.rsqrt(), degree.sqrt()
    trivial = trivial / trivial.norm(dim=1, keepdim=True)

    def multiply(v: torch.Tensor) -> torch.Tensor:
        product = torch.bmm(weights, (scale * v).float()[:, :, None])[:, :, 0]
        return scale * product.double()

    start = torch.from_numpy(np.random.default_rng(SEED).standard_normal(n)).to(weights.device).expand(batch, n)
    basis = [trivial]  # the known eigenvector; all others are orthogonal to it
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
        v = torch.where(
            length > ENDED, rest / length.clamp(min=ENDED), 0.0
        )  # the Krylov space of a simple graph is complete early
    alpha, beta = torch.stack(alphas, dim=1), torch.stack(betas, dim=1)  # [B, m]
    small = torch.diag_embed(alpha) + torch.diag_embed(beta[:, :-1], 1) + torch.diag_embed(beta[:, :-1], -1)
    values, vectors = torch.linalg.eigh(small)
    ritz = torch.einsum("mbn,bm->bn", torch.stack(basis[1:]), vectors[:, :, -1])
    ritz = ritz / ritz.norm(dim=1, keepdim=True)
    residual = (multiply(ritz) - values[:, -1:] * ritz).norm(dim=1)
    x = ritz * scale
    return x / x.norm(dim=1, keepdim=True), 1.0 - values[:, -1], residual <= tolerance


def bipartitions(weights: torch.Tensor, grid_shape: tuple[int, int]) -> list[Bipartition]:
    """Divide every graph of a batch in two; `second_eigenvector` solves those that did not converge.

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
    """Component of v [B, n] orthogonal to the basis; computed twice, as one pass leaves rounding errors."""
    stacked = torch.stack(basis)  # [m, B, n]
    for _ in range(2):
        v = v - torch.einsum("mb,mbn->bn", torch.einsum("mbn,bn->mb", stacked, v), stacked)
    return v
