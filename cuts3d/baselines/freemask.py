"""Free Mask (FreeSOLO, Wang et al., CVPR 2022): every feature asks the photo for what is like it; Matrix-NMS thins out.

Nothing tells objects from background here: FreeSOLO leaves that to the detector that it trains on these masks.
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
    """Masks of what is like a query (method 3).

    Args:
        features: float [h*w, C]; normalised here.
        grid_shape: Patch grid (h, w).
        scales: Sizes of the grids of queries over that of the features; smaller ones ask for larger things.
        tau_mask: A patch is in a mask from this value of its soft mask on; higher makes smaller masks.
        sigma: Of Matrix-NMS; higher takes more of a mask that overlaps a better one.
        min_maskness: Least maskness after the decay; higher leaves fewer masks, which overlap less.
        min_area: Least share of the patches that a mask covers; ours.

    Returns:
        Masks bool [m, h, w], which may overlap, and scores float64 [m], descending: the maskness after its decay.

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
    able = (areas >= least_patches(min_area, len(unit))) & (
        maskness >= min_maskness
    )  # the rest could decay none of them
    masks, maskness = masks[able], maskness[able]
    order = np.argsort(-maskness, kind="stable")
    masks, maskness = masks[order], maskness[order]
    scores = maskness * matrix_nms(masks, sigma=sigma)
    kept = np.flatnonzero(scores >= min_maskness)
    kept = kept[np.argsort(-scores[kept], kind="stable")]
    return masks[kept].reshape(-1, *grid_shape), scores[kept]


def soft_masks(unit: FloatArray, grid_shape: tuple[int, int], scales: tuple[float, ...] = SCALES) -> FloatArray:
    """Cosine of every query with every patch, each query's own least and greatest scaled to 0 and 1.

    Args:
        unit: Normalised features, float32 [h*w, C].
        grid_shape: Patch grid (h, w).
        scales: See `freemask`; the queries are the features at each size, bilinear, the first scale's first.

    Returns:
        float32 [q, h*w]; queries to which all patches are alike are left out.
    """
    h, w = grid_shape
    patches = torch.from_numpy(unit)
    image = patches.T.reshape(1, -1, h, w)
    sizes = [(max(1, round(h * scale)), max(1, round(w * scale))) for scale in scales]
    grids = [F.interpolate(image, size=size, mode="bilinear", align_corners=False) for size in sizes]
    queries = F.normalize(torch.cat([grid[0].flatten(1).T for grid in grids]), dim=1)
    cosine = (queries @ patches.T).numpy()
    low, high = cosine.min(axis=1, keepdims=True), cosine.max(axis=1, keepdims=True)
    tells = (high - low).ravel() > 1e-5
    return (cosine[tells] - low[tells]) / (high - low)[tells]


def matrix_nms(masks: BoolArray, *, sigma: float) -> FloatArray:
    """Decay of each mask by the better ones, Gaussian (SOLOv2): min over i < j of exp(−σ IoU_ij²) / exp(−σ c_i²).

    c_i, the greatest IoU of i with a better one, spares j where i is itself on its way out.

    Args:
        masks: bool [m, n], the best first, none of them empty.
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
    """Free Mask's masks of a photo, best first; of the configuration, features and least area hold."""
    features = photo_features(image, feature_request(options.features), memo).value
    masks, scores = freemask(
        normalise_features(features.vectors, center=features.center),
        grid_shape=features.grid_shape,
        min_area=options.min_area,
    )
    return coarse_masks(masks, scores)
