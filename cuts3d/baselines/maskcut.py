"""MaskCut as published with CutLER, to the letter: the parity mode that our own masks are held against.

Its quirks are kept on purpose: a rejected round leaves the graph unchanged, so the next round finds the same region
again; it is then compared with an empty mask, accepted, and loses what earlier masks cover.
"""

from __future__ import annotations

import numpy as np

from cuts3d.arrays import BoolArray, FloatArray, ImageArray
from cuts3d.backbones import get_backbone
from cuts3d.backbones.features import feature_request, photo_features
from cuts3d.baselines.options import BaselineOptions
from cuts3d.errors import InputError
from cuts3d.grids import iou
from cuts3d.memo import Keyed, Memo
from cuts3d.method.affinity import graph_weights, normalise_features
from cuts3d.method.ncut import bipartition
from cuts3d.types import CoarseMask

MAX_OVERLAP = 0.5
MIN_AREA = 0.01


def maskcut(
    features: FloatArray,
    *,
    grid_shape: tuple[int, int],
    tau: float = 0.15,
    max_instances: int = 3,
    epsilon: float = 1e-5,
) -> BoolArray:
    """Masks by iterated NCut on binarised cosine affinity, without depth.

    Args:
        features: Key features, float [C, h*w]; normalised here.
        grid_shape: Patch grid (h, w).
        tau: τ_ncut; similar above it.
        max_instances: N, rounds of the iteration.
        epsilon: ε, weight of a missing link.

    Returns:
        bool [N, h, w]; a round that was rejected, or had nothing left, is all False.

    Raises:
        InputError: The features do not fit the grid.
    """
    h, w = grid_shape
    if features.ndim != 2 or features.shape[1] != h * w:
        raise InputError(f"Features must be [C, {h * w}] for a {h}×{w} grid; they are {list(features.shape)}.")
    vectors = np.asarray(features, dtype=np.float32).T
    painted = np.zeros(grid_shape, dtype=bool)
    masks = np.zeros((max_instances, h, w), dtype=bool)
    previous = np.zeros(grid_shape, dtype=bool)
    for round_ in range(max_instances):
        mask = _cut(np.where(painted.reshape(-1, 1), 0.0, vectors), grid_shape, tau, epsilon)
        if round_ > 0 and (iou(mask, previous) > MAX_OVERLAP or mask.mean() <= MIN_AREA):
            mask = np.zeros(grid_shape, dtype=bool)
        masks[round_] = mask & ~masks[:round_].any(axis=0)
        previous = mask
        painted |= mask
    return masks


def maskcut_masks(image: Keyed[ImageArray], options: BaselineOptions, memo: Memo) -> list[CoarseMask]:
    """MaskCut's masks of a photo in the order of cutting; all score 1, as published."""
    features = photo_features(image, feature_request(options.features), memo).value
    own = get_backbone(options.features.backbone).tau_ncut
    masks = maskcut(
        normalise_features(features.vectors, center=features.center).T,
        grid_shape=features.grid_shape,
        tau=own if options.tau_ncut is None else options.tau_ncut,
        max_instances=options.max_instances,
        epsilon=options.epsilon,
    )
    return [CoarseMask(mask=mask, score=1.0) for mask in masks if mask.any()]


def _cut(vectors: FloatArray, grid_shape: tuple[int, int], tau: float, epsilon: float) -> BoolArray:
    """One round: binary affinity, NCut, orientation, the component of the seed."""
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    weights = graph_weights((unit @ unit.T).astype(np.float32), tau_ncut=tau, epsilon=epsilon, mode="binary")
    return bipartition(weights, grid_shape).component
