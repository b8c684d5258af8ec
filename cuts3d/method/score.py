"""Distinctness (ours): how clearly a mask differs from its surroundings in features, depth and completeness."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from cuts3d.arrays import BoolArray, FloatArray
from cuts3d.grids import resize_mask

RING = 2  # patches around a mask that count as its surroundings
STEP_FLOOR = 0.1  # of the depth range: smaller steps and spreads are noise
WEIGHTS = {
    "contrast": 2.0,
    "step": 1.0,
    "inside": 2.0,
    "size": 0.5,
}  # see benchmarks/ablation.md


@dataclass(frozen=True, slots=True, kw_only=True)
class MaskFactors:
    """Why a mask ranks where it ranks; each in [0, 1], larger is likelier an object.

    Attributes:
        contrast: Mean affinity inside the mask less that to the ring around it: one thing, unlike its surroundings.
        step: How much nearer it is than the ring, against the spread of its own depth: it stands before them.
        inside: Share of its outline that is not on the photo's border: it is seen whole.
        size: Share of the photo that it covers.
    """

    contrast: float
    step: float
    inside: float
    size: float

    @property
    def distinctness(self) -> float:
        """Weighted geometric mean of the factors, in [0, 1]."""
        total = sum(WEIGHTS.values())
        return float(np.prod([getattr(self, name) ** (weight / total) for name, weight in WEIGHTS.items()]))


def mask_factors(mask: BoolArray, affinity: FloatArray, z: FloatArray) -> MaskFactors:
    """The factors of one mask.

    Args:
        mask: bool [h, w] on the patch grid.
        affinity: Cosine affinity before sharpening, float [h*w, h*w] in [0, 1].
        z: Depth on the patch grid, float [h, w] in [0, 1], 0 = nearest.

    Returns:
        All zero where the mask is empty or nothing surrounds it.
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
        step=float(step * STEP_FLOOR / (1.0 + STEP_FLOOR)),  # of the greatest it can be
        inside=1.0 - float((outline & border).sum() / outline.sum()),
        size=float(mask.mean()),
    )


def distinctness(mask: BoolArray, affinity: FloatArray, z: FloatArray) -> float:
    """Distinctness of a mask on any grid, bool [h', w'], in [0, 1]; see `mask_factors` for the other arguments."""
    return mask_factors(resize_mask(mask, z.shape), affinity, z).distinctness
