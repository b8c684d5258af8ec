"""What depth values become: one function for holes, direction, clipping and range, used by every stage."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from cuts3d.errors import InputError
from cuts3d.types import DepthMap, FloatArray

MIN_VALID = 0.01


def normalise_depth(depth: DepthMap, *, clip_percent: float = 1.0) -> FloatArray:
    """Bring any depth map to z in [0, 1], 0 = nearest.

    Metric and relative depth keep their linear scale. Disparity is turned round, not inverted: its scale and shift are
    unknown, and 1/d would blow its far end up. Holes (NaN, infinite, or metric depth ≤ 0) take their nearest valid
    neighbour's value.

    Args:
        depth: The depth map and what it means.
        clip_percent: Percent clipped at either end before scaling.

    Returns:
        float32 [H', W'] in [0, 1]; all 0.5 where depth is constant.

    Raises:
        InputError: Fewer than 1 % of the values are usable.
    """
    values = np.asarray(depth.values, dtype=np.float64)
    valid = np.isfinite(values)
    if depth.kind == "metric":
        valid &= values > 0
    if values.ndim != 2 or np.count_nonzero(valid) < max(1, MIN_VALID * values.size):
        raise InputError(
            f"The depth map has {np.count_nonzero(valid)} usable values of {values.size}; at least 1 % must be finite"
            + (" and above 0." if depth.kind == "metric" else ".")
        )
    if not valid.all():
        nearest = ndimage.distance_transform_edt(~valid, return_distances=False, return_indices=True)
        values = values[tuple(nearest)]
    low, high = np.percentile(values, (clip_percent, 100 - clip_percent))
    if high - low <= 1e-9 * max(abs(low), abs(high), 1e-30):
        low, high = values.min(), values.max()  # nearly constant: the few other values are all there is
    if high - low <= 1e-9 * max(abs(low), abs(high), 1e-30):
        return np.full(values.shape, 0.5, np.float32)
    z = (np.clip(values, low, high) - low) / (high - low)
    return (1.0 - z if depth.kind == "disparity" else z).astype(np.float32)
