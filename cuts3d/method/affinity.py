"""Patch affinity (method 1.2): cosine similarity, then graph weights."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch

from cuts3d.arrays import FloatArray
from cuts3d.method.tiles import symmetric_matrix
from cuts3d.types import PatchFeatures


def normalise_features(vectors: FloatArray, *, center: bool) -> FloatArray:
    """L2-normalise patch features.

    Args:
        vectors: float [n, C].
        center: Subtract the mean vector first. DINOv2's keys share one large component, which makes every cosine
            nearly 1 unless it is removed.

    Returns:
        float32 [n, C] of unit length (zero vectors stay zero).
    """
    vectors = np.asarray(vectors, dtype=np.float32)
    if center:
        vectors = vectors - vectors.mean(axis=0, keepdims=True)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.maximum(lengths, 1e-12)


def cosine_affinity(vectors: FloatArray, *, center: bool) -> FloatArray:
    """A_ij = max(0, cos(F_i, F_j)), symmetric to the last bit.

    Args:
        vectors: float [n, C].
        center: See `normalise_features`.

    Returns:
        float32 [n, n] in [0, 1].
    """
    unit = torch.from_numpy(normalise_features(vectors, center=center))
    return symmetric_matrix(len(unit), lambda rows, columns: (unit[rows] @ unit[columns].T).clamp_(0.0, 1.0)).numpy()


def feature_affinity(features: PatchFeatures) -> FloatArray:
    """`cosine_affinity` of a photo's features, centred where their declaration says so; float32 [n, n]."""
    return cosine_affinity(features.vectors, center=features.center)


def graph_weights(
    affinity: FloatArray,
    *,
    tau_ncut: float,
    epsilon: float,
    mode: Literal["binary", "soft"],
) -> FloatArray:
    """Weights of the NCut graph.

    Args:
        affinity: Similarity, sharpened or not, float32 [n, n] in [0, 1].
        tau_ncut: τ_ncut, a patch pair is linked above it.
        epsilon: ε, weight of a pair that is not linked, which keeps the graph connected.
        mode: `binary` links with weight 1 (CutLER), `soft` with the similarity (TokenCut's variant, DiffNCuts).

    Returns:
        float32 [n, n] in [ε, 1].
    """
    weights = torch.from_numpy(affinity)
    linked = weights > tau_ncut
    if mode == "binary":
        return torch.where(linked, 1.0, epsilon).numpy()
    return torch.where(linked, weights.clamp(min=epsilon), epsilon).numpy()
