"""Mask refinement (method 1.7): a dense CRF fits the mask to the edges of the photo, then holes are filled."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from cuts3d.arrays import BoolArray, ImageArray
from cuts3d.config import RefineConfig
from cuts3d.errors import ConfigError
from cuts3d.grids import iou, resize_image, resize_mask

CRF_MISSING = (
    "The CRF needs the package pydensecrf2: run 'pip install pydensecrf2', on Python 3.13 or later 'pip install cython "
    "setuptools' and 'CYTHON_FORCE_REGEN=1 pip install --no-build-isolation pydensecrf2'; or turn the CRF off "
    "(crf=False, --no-crf)."
)


class PhotoCRF:
    """A fully connected CRF over one photo. Its pairwise terms depend on the photo only, so all masks share them."""

    def __init__(self, image: ImageArray, config: RefineConfig, *, scale: float = 1.0) -> None:
        """Build the pairwise terms.

        Args:
            image: uint8 [H, W, 3].
            config: Parameters of the CRF.
            scale: Side of `image` divided by the side of the network's input; the ranges are in pixels of that input.

        Raises:
            ConfigError: The package `pydensecrf2` is not installed.
        """
        try:
            import pydensecrf.densecrf as crf
        except ImportError:
            raise ConfigError(CRF_MISSING) from None

        self.config = config
        self.shape = image.shape[:2]
        self._model = crf.DenseCRF2D(self.shape[1], self.shape[0], 2)
        self._model.addPairwiseGaussian(sxy=scale * config.gaussian_sxy, compat=config.gaussian_compat)
        self._model.addPairwiseBilateral(
            sxy=scale * config.bilateral_sxy,
            srgb=config.bilateral_srgb,
            rgbim=np.array(image, order="C"),  # the CRF needs its own writable buffer
            compat=config.bilateral_compat,
        )

    def refine(self, mask: BoolArray) -> BoolArray:
        """Fit a mask to the edges of the photo by mean-field inference.

        Args:
            mask: bool [H, W].

        Returns:
            bool [H, W].
        """
        p = self.config.foreground_probability
        foreground = np.where(mask, p, 1.0 - p).ravel()
        unary = -np.log(np.stack([1.0 - foreground, foreground])).astype(np.float32)
        self._model.setUnaryEnergy(np.ascontiguousarray(unary))
        q, *buffers = self._model.startInference()
        for _ in range(self.config.crf_iterations):  # one step per call: other threads can run between steps
            self._model.stepInference(q, *buffers)
        return np.asarray(q).argmax(axis=0).reshape(self.shape).astype(bool)


def photo_crf(image: ImageArray, config: RefineConfig, network_side: int) -> PhotoCRF:
    """The CRF of a photo at its working size.

    Args:
        image: uint8 [H, W, 3].
        config: Parameters of the CRF; it works on `crf_size` × `crf_size` pixels.
        network_side: Side of the network's input in pixels; the ranges of the terms are in pixels of that input.
    """
    side = config.crf_size
    return PhotoCRF(resize_image(image, (side, side)), config, scale=side / network_side)


def refine_mask(mask: BoolArray, config: RefineConfig, crf: PhotoCRF | None) -> tuple[BoolArray, str]:
    """Refine a mask: CRF, then holes are filled.

    Args:
        mask: bool [H, W] at the size of the CRF.
        config: Parameters of the stage.
        crf: CRF of the photo; None: only holes are filled.

    Returns:
        The refined mask, and the reason to drop it; the reason is empty if the mask is kept.
    """
    refined = mask if crf is None else crf.refine(mask)
    refined = np.asarray(ndimage.binary_fill_holes(refined))
    if not refined.any():
        return refined, "nothing was left of it after refinement"
    overlap = iou(mask, refined)
    if crf is not None and overlap < config.crf_min_iou:
        return refined, f"the CRF changed it too much (IoU {overlap:.2f})"
    return refined, ""


def refine_coarse_mask(coarse: BoolArray, config: RefineConfig, crf: PhotoCRF | None) -> tuple[BoolArray, str]:
    """`refine_mask` of a mask on any grid, bool [h, w], after a resize to `crf_size`."""
    return refine_mask(resize_mask(coarse, (config.crf_size, config.crf_size)), config, crf)
