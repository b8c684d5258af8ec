"""Mask refinement at the photo's edges (method 1.7): dense CRF, filled holes."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from cuts3d.config import RefineConfig
from cuts3d.grids import iou
from cuts3d.types import BoolArray, ImageArray


def dense_crf(image: ImageArray, mask: BoolArray, config: RefineConfig) -> BoolArray:
    """Fit a mask to the photo's edges by mean-field inference in a fully connected CRF.

    Args:
        image: uint8 [H, W, 3].
        mask: bool [H, W].
        config: Its terms.

    Returns:
        bool [H, W].
    """
    import pydensecrf.densecrf as crf

    h, w = mask.shape
    p = config.foreground_probability
    foreground = np.where(mask, p, 1.0 - p).ravel()
    unary = -np.log(np.stack([1.0 - foreground, foreground])).astype(np.float32)
    model = crf.DenseCRF2D(w, h, 2)
    model.setUnaryEnergy(np.ascontiguousarray(unary))
    model.addPairwiseGaussian(sxy=config.gaussian_sxy, compat=config.gaussian_compat)
    model.addPairwiseBilateral(
        sxy=config.bilateral_sxy,
        srgb=config.bilateral_srgb,
        rgbim=np.array(image, order="C"),  # it wants a writable buffer of its own
        compat=config.bilateral_compat,
    )
    marginals = np.asarray(model.inference(config.crf_iterations))
    return marginals.argmax(axis=0).reshape(h, w).astype(bool)


def refine_mask(image: ImageArray, mask: BoolArray, config: RefineConfig) -> tuple[BoolArray, str]:
    """CRF (unless off), then filled holes.

    Args:
        image: The photo at the mask's size, uint8 [H, W, 3].
        mask: bool [H, W].
        config: The stage's parameters.

    Returns:
        The refined mask, and empty or the reason to drop it.
    """
    refined = dense_crf(image, mask, config) if config.crf else mask
    refined = np.asarray(ndimage.binary_fill_holes(refined))
    if not refined.any():
        return refined, "nothing was left of it after refinement"
    overlap = iou(mask, refined)
    if config.crf and overlap < config.crf_min_iou:
        return refined, f"the CRF changed it too much (IoU {overlap:.2f})"
    return refined, ""
