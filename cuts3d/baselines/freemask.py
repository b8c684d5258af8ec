"""Free Mask (FreeSOLO, Wang et al., CVPR 2022; method 3.5): each feature is a query for similar patches; Matrix-NMS.

The method does not separate objects from background. FreeSOLO leaves that to the detector that it trains on the masks.
"""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F

from cuts3d.arrays import BoolArray, FloatArray, ImageArray
from cuts3d.backbones.features import feature_request, photo_features
from cuts3d.baselines.options import BaselineOptions
from cuts3d.baselines.patches import coarse_masks, least_patches, no_masks, unit_vectors
from cuts3d.memo import Keyed, Memo
from cuts3d.method.affinity import normalise_features
from cuts3d.types import CoarseMask

SCALES = (1.0, 0.5, 0.25)


def freemask(
    features: FloatArray,
    *,
    grid_shape: tuple[int, int],
    scales: tuple[float, ...] = SCALES,
    tau_mask: float = 0.5,
    sigma: float = 2.0,
    min_maskness: float = 0.7,
    min_area: float = 0.01,
) -> tuple[BoolArray, FloatArray]:
    """Masks of the patches that are similar to a query (method 3.5).

    Args:
        features: float [h*w, C]; normalised here.
        grid_shape: Patch grid (h, w).
        scales: Size of each grid of queries, divided by that of the patch grid; smaller scales find larger objects.
        tau_mask: A patch is in the mask if its value in the soft mask is at least this; higher gives smaller masks.
        sigma: σ of Matrix-NMS; a higher value lowers the score of overlapping masks more.
        min_maskness: Smallest score after the decay; higher gives fewer masks with less overlap.
        min_area: Smallest fraction of the patches that a mask covers (ours).

    Returns:
        Masks bool [m, h, w], which may overlap, and scores float64 [m], descending. The score is the maskness (mean of
        the soft mask inside the mask) times the decay of Matrix-NMS.

    Raises:
        InputError: The features do not fit the grid.
    """
    unit = unit_vectors(features, grid_shape)
    if unit is None:
        return no_masks(grid_shape)
    soft = soft_masks(unit, grid_shape, scales)
    masks = soft >= tau_mask
    areas = masks.sum(axis=1)
    maskness = (soft * masks).sum(axis=1, dtype=np.float64) / np.maximum(areas, 1)
    large = areas >= least_patches(min_area, len(unit))
    likely = large & (maskness >= min_maskness)  # the other masks cannot change the decay of these
    masks, maskness = masks[likely], maskness[likely]
    order = np.argsort(-maskness, kind="stable")
    masks, maskness = masks[order], maskness[order]
    scores = maskness * matrix_nms(masks, sigma=sigma)
    kept = np.flatnonzero(scores >= min_maskness)
    kept = kept[np.argsort(-scores[kept], kind="stable")]
    return masks[kept].reshape(-1, *grid_shape), scores[kept]


def soft_masks(unit: FloatArray, grid_shape: tuple[int, int], scales: tuple[float, ...] = SCALES) -> FloatArray:
    """Soft masks: the cosine of each query with all patches, scaled per query to [0, 1] (method 3.5).

    Args:
        unit: Normalised features, float32 [h*w, C].
        grid_shape: Patch grid (h, w).
        scales: See `freemask`. The queries are the features, resized bilinearly, in the order of the scales.

    Returns:
        float32 [q, h*w]; queries with the same cosine for all patches are left out.
    """
    h, w = grid_shape
    patches = torch.from_numpy(unit)
    image = patches.T.reshape(1, -1, h, w)
    sizes = [(max(1, round(h * scale)), max(1, round(w * scale))) for scale in scales]
    grids = [F.interpolate(image, size=size, mode="bilinear", align_corners=False) for size in sizes]
    queries = F.normalize(torch.cat([grid[0].flatten(1).T for grid in grids]), dim=1)
    cosine = (queries @ patches.T).numpy()
    low, high = cosine.min(axis=1, keepdims=True), cosine.max(axis=1, keepdims=True)
    varies = (high - low).ravel() > 1e-5
    return (cosine[varies] - low[varies]) / (high - low)[varies]


def matrix_nms(masks: BoolArray, *, sigma: float) -> FloatArray:
    """Gaussian decay of Matrix-NMS (SOLOv2): decay_j = min over i < j of exp(−σ IoU_ij²) / exp(−σ c_i²).

    c_i is the largest IoU of mask i with a better mask. A mask that is itself decayed therefore decays others less.

    Args:
        masks: bool [m, n], best first, none empty.
        sigma: σ.

    Returns:
        float64 [m] in [0, 1].
    """
    if not len(masks):
        return np.ones(0)
    flat = masks.astype(np.float32)
    shared = flat @ flat.T
    areas = shared.diagonal()
    overlap = np.triu(shared / (areas[:, None] + areas[None, :] - shared), 1)  # [i, j] for i < j
    compensation = overlap.max(axis=0)
    exponent = np.where(np.triu(np.ones_like(overlap, dtype=bool), 1), overlap**2 - compensation[:, None] ** 2, 0.0)
    return np.exp(-sigma * exponent.max(axis=0).astype(np.float64))


def freemask_masks(image: Keyed[ImageArray], options: BaselineOptions, memo: Memo) -> list[CoarseMask]:
    """Masks of a photo by Free Mask, best first. Only the features and the smallest area of the options apply."""
    features = photo_features(image, feature_request(options.features), memo).value
    masks, scores = freemask(
        normalise_features(features.vectors, center=features.center),
        grid_shape=features.grid_shape,
        min_area=options.min_area,
    )
    return coarse_masks(masks, scores)
