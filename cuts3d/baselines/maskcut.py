"""MaskCut (CutLER, Wang et al., CVPR 2023; method 3.1), exactly as published: the main baseline of our method.

One published rule has a surprising effect, which is kept. A rejected round leaves the graph unchanged, so the next
round finds the same region again. It is then compared with an empty mask and accepted, without the patches of earlier
masks.
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
    """Masks by repeated NCut on the binary cosine affinity, without depth (method 3.1).

    Args:
        features: Key features, float [C, h*w]; normalised here.
        grid_shape: Patch grid (h, w).
        tau: τ_ncut; patches are linked if their cosine is above it.
        max_instances: N, number of rounds.
        epsilon: ε, weight between patches that are not linked.

    Returns:
        bool [N, h, w]; all False for a round that was rejected or found nothing new.

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
    """Masks of a photo by MaskCut, in the order of cutting; all scores are 1, as published."""
    features = photo_features(image, feature_request(options.features), memo).value
    default = get_backbone(options.features.backbone).tau_ncut
    masks = maskcut(
        normalise_features(features.vectors, center=features.center).T,
        grid_shape=features.grid_shape,
        tau=default if options.tau_ncut is None else options.tau_ncut,
        max_instances=options.max_instances,
        epsilon=options.epsilon,
    )
    return [CoarseMask(mask=mask, score=1.0) for mask in masks if mask.any()]


def _cut(vectors: FloatArray, grid_shape: tuple[int, int], tau: float, epsilon: float) -> BoolArray:
    """One round: binary affinity, NCut, orientation, component of the seed; bool [h, w]."""
    unit = vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    weights = graph_weights((unit @ unit.T).astype(np.float32), tau_ncut=tau, epsilon=epsilon, mode="binary")
    return bipartition(weights, grid_shape).component
