"""Distinctness (ours; method 1.10): how clearly a mask differs from its surroundings.

It compares features and depth, and asks whether the mask is complete. The score ranks the masks of all photos.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from cuts3d.arrays import BoolArray, FloatArray
from cuts3d.grids import resize_mask

RING = 2  # width in patches of the ring R around a mask M: its surroundings
STEP_FLOOR = 0.1  # fraction of the depth range; smaller steps and spreads are noise
WEIGHTS = {
    "contrast": 2.0,
    "step": 1.0,
    "inside": 2.0,
    "size": 0.5,
}  # see benchmarks/ablation.md


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskFactors:
    """The four factors of the distinctness, each in [0, 1]. Larger values make an object more likely.

    Attributes:
        contrast: Mean affinity of M to itself minus mean affinity of M to R.
        step: (0.1 + max(0, mean depth of R − mean depth of M)) / (0.1 + standard deviation of depth in M), divided by
            its largest possible value, 11. It is large if M is nearer than R and has an even depth.
        inside: Fraction of the outline of M that does not lie on the image border.
        size: Fraction of the photo that M covers.
    """

    contrast: float
    step: float
    inside: float
    size: float

    @property
    def distinctness(self) -> float:
        """Weighted geometric mean Π f_i^(w_i / Σ w) of the factors f_i with `WEIGHTS` w_i, in [0, 1]."""
        total = sum(WEIGHTS.values())
        return float(np.prod([getattr(self, name) ** (weight / total) for name, weight in WEIGHTS.items()]))


def mask_factors(mask: BoolArray, affinity: FloatArray, z: FloatArray) -> MaskFactors:
    """The four factors of one mask (method 1.10).

    Args:
        mask: bool [h, w] on the patch grid.
        affinity: Cosine affinity before sharpening, float [h*w, h*w] in [0, 1].
        z: Depth on the patch grid, float [h, w] in [0, 1], 0 = nearest.

    Returns:
        The factors; all zero if the mask is empty or no patch surrounds it.
    """
    ring = ndimage.binary_dilation(mask, iterations=RING) & ~mask
    if not mask.any() or not ring.any():
        return MaskFactors(contrast=0.0, step=0.0, inside=0.0, size=0.0)
    to_mask = affinity[mask.ravel()].mean(axis=0).reshape(mask.shape)  # [h, w]
    contrast = to_mask[mask].mean() - to_mask[ring].mean()
    nearer = z[ring].mean() - z[mask].mean()
    step = (STEP_FLOOR + max(0.0, nearer)) / (STEP_FLOOR + z[mask].std())
    border = np.ones_like(mask)
    border[1:-1, 1:-1] = False
    outline = mask & ~ndimage.binary_erosion(mask)
    return MaskFactors(
        contrast=float(np.clip(contrast, 0.0, 1.0)),
        step=float(step * STEP_FLOOR / (1.0 + STEP_FLOOR)),  # divided by its largest possible value
        inside=1.0 - float((outline & border).sum() / outline.sum()),
        size=float(mask.mean()),
    )


def distinctness(mask: BoolArray, affinity: FloatArray, z: FloatArray) -> float:
    """Distinctness of a mask on any grid, bool [h', w'], in [0, 1]; see `mask_factors` for the other arguments."""
    return mask_factors(resize_mask(mask, z.shape), affinity, z).distinctness
