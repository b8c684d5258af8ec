"""Patch affinity (method 1.2): cosine similarity A_ij of patch features, then the weights W_ij of the NCut graph."""

from __future__ import annotations

from typing import Literal

import numpy as np
import torch

from cuts3d.arrays import FloatArray
from cuts3d.method.tiles import symmetric_matrix
from cuts3d.types import PatchFeatures


def normalise_features(vectors: FloatArray, *, center: bool) -> FloatArray:
    """L2-normalise patch features: F_i = (f_i − m) / ‖f_i − m‖ (method 1.1).

    Args:
        vectors: Features f_i, float [n, C].
        center: Whether m is the mean vector; else m = 0. All keys of DINOv2 have one large component in common. Without
            centring, every cosine is therefore close to 1.

    Returns:
        float32 [n, C] of unit length (zero vectors stay zero).
    """
    vectors = np.asarray(vectors, dtype=np.float32)
    if center:
        vectors = vectors - vectors.mean(axis=0, keepdims=True)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    return vectors / np.maximum(lengths, 1e-12)


def cosine_affinity(vectors: FloatArray, *, center: bool) -> FloatArray:
    """Affinity A_ij = max(0, F_i · F_j) of unit features (method 1.2), symmetric to the last bit.

    Args:
        vectors: float [n, C].
        center: See `normalise_features`.

    Returns:
        float32 [n, n] in [0, 1].
    """
    unit = torch.from_numpy(normalise_features(vectors, center=center))
    return symmetric_matrix(len(unit), lambda rows, columns: (unit[rows] @ unit[columns].T).clamp_(0.0, 1.0)).numpy()


def feature_affinity(features: PatchFeatures) -> FloatArray:
    """`cosine_affinity` of the features of a photo, centred if the backbone declares it; float32 [n, n]."""
    return cosine_affinity(features.vectors, center=features.center)


def graph_weights(
    affinity: FloatArray,
    *,
    tau_ncut: float,
    epsilon: float,
    mode: Literal["binary", "soft"],
) -> FloatArray:
    """Weights of the NCut graph (method 1.2): W_ij = 1 (binary) or A_ij (soft) if A_ij > τ_ncut, else ε.

    Args:
        affinity: A, or the sharpened A', float32 [n, n] in [0, 1].
        tau_ncut: τ_ncut.
        epsilon: ε; it keeps the graph connected.
        mode: `binary` (CutLER, TokenCut) or `soft` (a variant of TokenCut, DiffNCuts).

    Returns:
        float32 [n, n] in [ε, 1].
    """
    weights = torch.from_numpy(affinity)
    linked = weights > tau_ncut
    if mode == "binary":
        return torch.where(linked, 1.0, epsilon).numpy()
    return torch.where(linked, weights.clamp(min=epsilon), epsilon).numpy()
