"""Shared helpers of the baselines (method 3): check of the input, smallest mask, result records."""

from __future__ import annotations

import math

import numpy as np

from cuts3d.arrays import BoolArray, FloatArray
from cuts3d.backbones.features import FeatureRequest
from cuts3d.errors import InputError
from cuts3d.types import CoarseMask

Needs = tuple[FeatureRequest, ...]  # the features that a method needs

LEAST_SIDE = 3  # on a smaller grid every patch is a corner or next to one


def unit_vectors(features: FloatArray, grid_shape: tuple[int, int]) -> FloatArray | None:
    """Normalised features, or None if all patches are alike or the grid is too small.

    Args:
        features: float [h*w, C], centred by the caller if the backbone declares it.
        grid_shape: Patch grid (h, w).

    Returns:
        float32 [h*w, C] of unit length (zero vectors stay zero); None if all vectors have the same direction or a side
        of the grid has fewer than three patches.

    Raises:
        InputError: The features do not fit the grid.
    """
    h, w = grid_shape
    if features.ndim != 2 or features.shape[0] != h * w:
        raise InputError(f"Features must be [{h * w}, C] for a {h}×{w} grid; they are {list(features.shape)}.")
    vectors = np.asarray(features, dtype=np.float32)
    lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
    unit = vectors / np.maximum(lengths, 1e-12)
    alike = np.allclose(unit, unit[:1], atol=1e-5)
    return None if alike or min(grid_shape) < LEAST_SIDE else unit


def least_patches(min_area: float, num_patches: int) -> int:
    """Smallest number of patches that is at least the fraction `min_area` of the grid; 1 or more."""
    return max(1, math.ceil(min_area * num_patches - 1e-9))


def no_masks(grid_shape: tuple[int, int]) -> tuple[BoolArray, FloatArray]:
    """Result of a method that found no mask: bool [0, h, w] and float64 [0]."""
    return np.zeros((0, *grid_shape), dtype=bool), np.zeros(0)


def coarse_masks(masks: BoolArray, scores: FloatArray) -> list[CoarseMask]:
    """Records of the masks, bool [m, h, w], and scores, float [m], of a method, best first."""
    order = np.argsort(-scores, kind="stable")
    return [CoarseMask(mask=masks[i], score=float(scores[i])) for i in order]
