"""Normalised cut (method 1.4): second eigenvector of (D − W) x = λ D x, and the bipartition B = {i : x_i > mean(x)}."""

from __future__ import annotations

from typing import Literal

import numpy as np
import scipy.linalg
import torch
from scipy.sparse.linalg import ArpackError, ArpackNoConvergence, LinearOperator, eigsh

from cuts3d.arrays import BoolArray, FloatArray
from cuts3d.grids import component_of
from cuts3d.method.tiles import row_sums
from cuts3d.types import Bipartition

SEED = 0
CORNERS_FOR_FLIP = 3
DENSE_BELOW = 32  # graphs with fewer nodes are too small for Lanczos
UNDETERMINED_ABOVE = 1 - 1e-4  # with equal weights everywhere, λ₂ = 1 and every vector belongs to it


def second_eigenvector(
    weights: FloatArray, *, tolerance: float = 1e-6, max_iterations: int = 400
) -> tuple[FloatArray, float, Literal["lanczos", "dense"]]:
    """Second smallest generalised eigenpair of (D − W) x = λ D x, with D = diag(Σ_j W_ij) (method 1.4).

    S = D^-½ W D^-½ has eigenvectors v with eigenvalues μ, where x = D^-½ v and λ = 1 − μ. Its largest eigenvector
    D^½ 1 is known and removed, so Lanczos looks for one vector only. The start vector is fixed, so the result is too.

    Args:
        weights: W, symmetric float [n, n], positive row sums.
        tolerance: Relative accuracy of the eigenvalue.
        max_iterations: Lanczos restarts before the dense solver is used.

    Returns:
        x float64 [n] of unit length, λ, and the name of the solver.
    """
    w = torch.from_numpy(np.ascontiguousarray(weights, dtype=np.float32))
    degree = row_sums(w).numpy()
    scale = 1.0 / np.sqrt(degree)
    trivial = np.sqrt(degree)
    trivial /= np.linalg.norm(trivial)
    n = degree.size

    def multiply(v: FloatArray) -> FloatArray:
        v = v.ravel()
        product = w @ torch.from_numpy((scale * v).astype(np.float32))
        return scale * product.numpy() - 2.0 * trivial * (trivial @ v)  # moves the known eigenvalue from 1 to -1

    if n >= DENSE_BELOW:
        start = np.random.default_rng(SEED).standard_normal(n)
        start -= trivial * (trivial @ start)
        operator = LinearOperator((n, n), matvec=multiply, dtype=np.float64)  # pyright: ignore[reportCallIssue]
        try:
            value, v = eigsh(operator, k=1, which="LA", v0=start, tol=tolerance, maxiter=max_iterations)
            return _to_generalised(v[:, 0], scale), 1.0 - float(value[0]), "lanczos"
        except (ArpackNoConvergence, ArpackError):
            pass
    similarity = scale[:, None] * w.numpy().astype(np.float64) * scale[None, :]
    values, vectors = scipy.linalg.eigh(similarity, subset_by_index=(n - 2, n - 1))
    return _to_generalised(vectors[:, 0], scale), 1.0 - float(values[0]), "dense"


def spectrum(weights: FloatArray, *, count: int, tolerance: float = 1e-4, max_iterations: int = 400) -> FloatArray:
    """Smallest generalised eigenvalues of (D − W) x = λ D x. A gap after λ₂ means that one cut is clearly the best.

    Args:
        weights: W, symmetric float [n, n], positive row sums.
        count: Number of eigenvalues; at most n are returned.
        tolerance: Relative accuracy.
        max_iterations: Lanczos restarts before the dense solver is used.

    Returns:
        float64 [count], ascending; the first is 0.
    """
    w = torch.from_numpy(np.ascontiguousarray(weights, dtype=np.float32))
    scale = 1.0 / np.sqrt(row_sums(w).numpy())
    n = scale.size
    count = min(count, n)
    if n >= max(DENSE_BELOW, 3 * count):

        def multiply(v: FloatArray) -> FloatArray:
            return scale * (w @ torch.from_numpy((scale * v.ravel()).astype(np.float32))).numpy()

        start = np.random.default_rng(SEED).standard_normal(n)
        operator = LinearOperator((n, n), matvec=multiply, dtype=np.float64)  # pyright: ignore[reportCallIssue]
        options = {"which": "LA", "v0": start, "tol": tolerance, "maxiter": max_iterations}
        try:
            values = eigsh(operator, k=count, return_eigenvectors=False, **options)
            return np.clip(np.sort(1.0 - values), 0.0, 2.0)
        except (ArpackNoConvergence, ArpackError):
            pass
    similarity = scale[:, None] * w.numpy().astype(np.float64) * scale[None, :]
    values = scipy.linalg.eigh(similarity, subset_by_index=(n - count, n - 1), eigvals_only=True)
    return np.clip(1.0 - values[::-1], 0.0, 2.0)


def nodes_spectrum(weights: FloatArray, nodes: BoolArray, count: int) -> FloatArray:
    """`spectrum` of the graph of the given nodes, bool [h, w]; weights float [h*w, h*w]."""
    index = np.flatnonzero(nodes)
    return spectrum(weights if index.size == len(weights) else weights[np.ix_(index, index)], count=count)


def _to_generalised(v: FloatArray, scale: FloatArray) -> FloatArray:
    x = v * scale
    return x / np.linalg.norm(x)


def orient(x: FloatArray, nodes: BoolArray) -> tuple[FloatArray, BoolArray, bool, int]:
    """Choose the sign of an eigenvector (method 1.4).

    x is flipped if the entry with the largest |x_i| is not in B. Then x is flipped if at least three of the four image
    corners are in B, because objects seldom fill the corners.

    Args:
        x: float64 [h, w]; values at nodes not in the graph are ignored.
        nodes: Nodes in the graph, bool [h, w].

    Returns:
        x after orientation, B = {i : x_i > mean(x)}, whether the sign changed, and the number of corners in B.
    """
    inside = np.where(nodes, x, np.nan)
    mask = nodes & (x > np.nanmean(inside))
    seed = np.unravel_index(np.nanargmax(np.abs(inside)), x.shape)
    flipped = not mask[seed]
    if flipped:  # the solver's sign is arbitrary: this makes the corner rule independent of it
        x, mask = -x, nodes & ~mask
    if _corners(mask) >= CORNERS_FOR_FLIP:
        x, mask, flipped = -x, nodes & ~mask, not flipped
    return x, mask, bool(flipped), _corners(mask)


def _corners(mask: BoolArray) -> int:
    return int(mask[0, 0]) + int(mask[0, -1]) + int(mask[-1, 0]) + int(mask[-1, -1])


def bipartition(weights: FloatArray, grid_shape: tuple[int, int], *, nodes: BoolArray | None = None) -> Bipartition:
    """Divide the patch graph in two by NCut (method 1.4).

    Args:
        weights: W, float [h*w, h*w].
        grid_shape: Grid (h, w).
        nodes: Nodes of the graph, bool [h, w]; None: all. The other nodes and their edges are left out.

    Returns:
        The bipartition after orientation.
    """
    nodes = np.ones(grid_shape, dtype=bool) if nodes is None else nodes
    if not nodes.all():
        index = np.flatnonzero(nodes)
        weights = weights[np.ix_(index, index)]
    return as_bipartition(*second_eigenvector(weights), nodes)


def as_bipartition(
    values: FloatArray, eigenvalue: float, solver: Literal["lanczos", "dense"], nodes: BoolArray
) -> Bipartition:
    """Bipartition of an eigenvector: orientation, B, seed = argmax x, and the component of B that contains the seed.

    Args:
        values: x, float [n], of the nodes in row-major order.
        eigenvalue: λ.
        solver: Name of the solver that found it.
        nodes: Nodes of the graph, bool [h, w].
    """
    x = np.full(nodes.shape, np.nan)
    x[nodes] = values
    x, mask, flipped, corners = orient(x, nodes)
    row, column = np.unravel_index(np.nanargmax(x), x.shape)
    seed = (int(row), int(column))
    return Bipartition(
        eigenvector=x,
        mask=mask,
        eigenvalue=max(0.0, eigenvalue),
        seed=seed,
        corners=corners,
        flipped=flipped,
        solver=solver,
        component=component_of(mask, seed),
    )
