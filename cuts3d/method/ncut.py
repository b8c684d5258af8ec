"""Normalised cut (method 1.4): the second generalised eigenvector of (D − W) x = λ D x, and its bipartition."""

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
DENSE_BELOW = 32  # Lanczos wants room


def second_eigenvector(
    weights: FloatArray, *, tolerance: float = 1e-6, max_iterations: int = 400
) -> tuple[FloatArray, float, Literal["lanczos", "dense"]]:
    """Second smallest generalised eigenpair of (D − W) x = λ D x.

    It is the second largest eigenvector v of S = D^-½ W D^-½, with x = D^-½ v and λ = 1 − μ. The largest, d^½, is
    known and deflated, so Lanczos looks for one vector only. The start vector is fixed, hence the result too.

    Args:
        weights: W, symmetric float [n, n], positive row sums.
        tolerance: Relative accuracy of the eigenvalue.
        max_iterations: Lanczos restarts before the dense solver takes over.

    Returns:
        x float64 [n] of unit length, λ, and which solver found it.
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
        return scale * product.numpy() - 2.0 * trivial * (trivial @ v)  # moves the known value 1 to -1

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
    """Smallest generalised eigenvalues of (D − W) x = λ D x; a gap after the second says that one cut stands out.

    Args:
        weights: W, symmetric float [n, n], positive row sums.
        count: How many; cut down to n.
        tolerance: Relative accuracy.
        max_iterations: Lanczos restarts before the dense solver takes over.

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
    """`spectrum` of the graph of some nodes, bool [h, w]; weights float [h*w, h*w]."""
    index = np.flatnonzero(nodes)
    return spectrum(weights if index.size == len(weights) else weights[np.ix_(index, index)], count=count)


def _to_generalised(v: FloatArray, scale: FloatArray) -> FloatArray:
    x = v * scale
    return x / np.linalg.norm(x)


def orient(x: FloatArray, nodes: BoolArray) -> tuple[FloatArray, BoolArray, bool, int]:
    """Fix the sign of an eigenvector: objects seldom fill the corners, and hold the largest entry.

    Args:
        x: float64 [h, w]; values at nodes not in the graph are ignored.
        nodes: Nodes in the graph, bool [h, w].

    Returns:
        Oriented x, B = x > mean(x) on the nodes, whether it was flipped, and foreground corners afterwards.
    """
    inside = np.where(nodes, x, np.nan)
    mask = nodes & (x > np.nanmean(inside))
    seed = np.unravel_index(np.nanargmax(np.abs(inside)), x.shape)
    flipped = not mask[seed]
    if flipped:  # the solver's sign is arbitrary: with the seed up first, the corners judge the same side every time
        x, mask = -x, nodes & ~mask
    if _corners(mask) >= CORNERS_FOR_FLIP:
        x, mask, flipped = -x, nodes & ~mask, not flipped
    return x, mask, bool(flipped), _corners(mask)


def _corners(mask: BoolArray) -> int:
    return int(mask[0, 0]) + int(mask[0, -1]) + int(mask[-1, 0]) + int(mask[-1, -1])


def bipartition(weights: FloatArray, grid_shape: tuple[int, int], *, nodes: BoolArray | None = None) -> Bipartition:
    """Cut the patch graph in two.

    Args:
        weights: W, float [h*w, h*w].
        grid_shape: Grid (h, w).
        nodes: Nodes that take part, bool [h, w]; None: all. The others are dropped from the graph.

    Returns:
        The oriented bipartition.
    """
    nodes = np.ones(grid_shape, dtype=bool) if nodes is None else nodes
    if not nodes.all():
        index = np.flatnonzero(nodes)
        weights = weights[np.ix_(index, index)]
    return as_bipartition(*second_eigenvector(weights), nodes)


def as_bipartition(
    values: FloatArray, eigenvalue: float, solver: Literal["lanczos", "dense"], nodes: BoolArray
) -> Bipartition:
    """An eigenvector of some nodes, oriented and cut.

    Args:
        values: x, float [n], of the nodes in row-major order.
        eigenvalue: λ.
        solver: Who found it.
        nodes: Nodes that take part, bool [h, w].
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
