"""TokenCut (Wang et al., CVPR 2022): one NCut of the patch graph, one object: the part that stands out most."""

from __future__ import annotations

import numpy as np

from cuts3d.arrays import BoolArray, FloatArray, ImageArray
from cuts3d.backbones.features import feature_request, photo_features
from cuts3d.baselines.options import BaselineOptions
from cuts3d.baselines.patches import coarse_masks, least_patches, no_masks, unit_vectors
from cuts3d.grids import component_of
from cuts3d.memo import Keyed, Memo
from cuts3d.method.affinity import cosine_affinity, graph_weights, normalise_features
from cuts3d.method.ncut import second_eigenvector
from cuts3d.types import CoarseMask

TAU = 0.2


def tokencut(
    features: FloatArray,
    *,
    grid_shape: tuple[int, int],
    tau: float = TAU,
    epsilon: float = 1e-5,
    min_area: float = 0.01,
) -> tuple[BoolArray, FloatArray]:
    """The most salient object by one NCut on binarised cosine affinity (method 3).

    Args:
        features: Key features, float [h*w, C]; normalised here.
        grid_shape: Patch grid (h, w).
        tau: Patches are linked above this cosine; lower links more of them into the object.
        epsilon: ε, weight of a missing link.
        min_area: Least share of the patches that the mask covers, in [0, 1]; ours, the paper has no such rule.

    Returns:
        Masks bool [m, h, w] and scores float64 [m], m being 0 or 1; the score is 1, as published.

    Raises:
        InputError: The features do not fit the grid.
    """
    x = patch_eigenvector(features, grid_shape, tau=tau, epsilon=epsilon)
    if x is None:
        return no_masks(grid_shape)
    mask = salient_part(x)
    if np.count_nonzero(mask) < least_patches(min_area, mask.size):
        return no_masks(grid_shape)
    return mask[None], np.ones(1)


def patch_eigenvector(
    features: FloatArray, grid_shape: tuple[int, int], *, tau: float, epsilon: float
) -> FloatArray | None:
    """Second generalised eigenvector of the binarised cosine affinity.

    Args:
        features: float [h*w, C].
        grid_shape: Patch grid (h, w).
        tau: Patches are linked above this cosine.
        epsilon: ε, weight of a missing link.

    Returns:
        float64 [h, w], its sign arbitrary; None where every cut is as good as another.

    Raises:
        InputError: The features do not fit the grid.
    """
    unit = unit_vectors(features, grid_shape)
    if unit is None:
        return None
    weights = graph_weights(cosine_affinity(unit, center=False), tau_ncut=tau, epsilon=epsilon, mode="binary")
    n = len(weights)
    links = np.count_nonzero(weights == 1.0) - np.count_nonzero(weights.diagonal() == 1.0)
    return second_eigenvector(weights)[0].reshape(grid_shape) if 0 < links < n * (n - 1) else None


def salient_part(x: FloatArray) -> BoolArray:
    """The 4-connected part of {x > mean(x)} that holds the seed argmax |x|; x is turned round until it does.

    Args:
        x: Eigenvector, float [h, w]; its sign is arbitrary.

    Returns:
        bool [h, w].
    """
    row, column = np.unravel_index(np.abs(x).argmax(), x.shape)
    above = x > x.mean()
    foreground = above if above[row, column] else ~above
    return component_of(foreground, (int(row), int(column)))


def tokencut_masks(image: Keyed[ImageArray], options: BaselineOptions, memo: Memo) -> list[CoarseMask]:
    """TokenCut's mask of a photo, at its own τ of 0.2 unless the configuration sets one."""
    features = photo_features(image, feature_request(options.features), memo).value
    masks, scores = tokencut(
        normalise_features(features.vectors, center=features.center),
        grid_shape=features.grid_shape,
        tau=TAU if options.tau_ncut is None else options.tau_ncut,
        epsilon=options.epsilon,
        min_area=options.min_area,
    )
    return coarse_masks(masks, scores)
