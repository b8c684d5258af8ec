"""TokenCut (Wang et al., CVPR 2022; method 3.2): one NCut of the patch graph, and one mask, the salient object."""

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
    """The most salient object by one NCut on the binary cosine affinity (method 3.2).

    Args:
        features: Key features, float [h*w, C]; normalised here.
        grid_shape: Patch grid (h, w).
        tau: Patches are linked if their cosine is above this.
        epsilon: ε, weight between patches that are not linked.
        min_area: Smallest fraction of the patches that the mask covers, in [0, 1] (ours).

    Returns:
        Masks bool [m, h, w] and scores float64 [m], with m = 0 or 1; the score is 1, as published.

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
    """Second eigenvector of (D − W) x = λ D x for the binary cosine affinity W (method 1.4).

    Args:
        features: float [h*w, C].
        grid_shape: Patch grid (h, w).
        tau: Patches are linked if their cosine is above this.
        epsilon: ε, weight between patches that are not linked.

    Returns:
        x, float64 [h, w], with an arbitrary sign; None if all patches are linked, or none, so that no cut is better.

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
    """The 4-connected part of {x > mean(x)} that contains the seed argmax |x|. −x is used if x is below its mean there.

    Args:
        x: Eigenvector, float [h, w], with an arbitrary sign.

    Returns:
        bool [h, w].
    """
    row, column = np.unravel_index(np.abs(x).argmax(), x.shape)
    above = x > x.mean()
    foreground = above if above[row, column] else ~above
    return component_of(foreground, (int(row), int(column)))


def tokencut_masks(image: Keyed[ImageArray], options: BaselineOptions, memo: Memo) -> list[CoarseMask]:
    """Mask of a photo by TokenCut, with τ = 0.2 unless the configuration sets τ_ncut."""
    features = photo_features(image, feature_request(options.features), memo).value
    masks, scores = tokencut(
        normalise_features(features.vectors, center=features.center),
        grid_shape=features.grid_shape,
        tau=TAU if options.tau_ncut is None else options.tau_ncut,
        epsilon=options.epsilon,
        min_area=options.min_area,
    )
    return coarse_masks(masks, scores)
