"""What depth values become: one function for holes, direction, clipping and range, used by every stage."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from cuts3d.arrays import FloatArray
from cuts3d.errors import InputError
from cuts3d.types import DepthMap

MIN_VALID = 0.01


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class DepthRange:
    """z of a depth map, and what was done to its values.

    Attributes:
        z: float32 [H', W'] in [0, 1], 0 = nearest; all 0.5 where depth is constant.
        low: Smallest value kept, in the map's own unit.
        high: Largest value kept.
        clipped: Share of the values moved to `low` or `high`, in [0, 1].
        holes: Share of the values that were unknown and took their nearest neighbour's, in [0, 1].
        turned: Whether larger meant nearer, so that the values were turned round.
    """

    z: FloatArray
    low: float
    high: float
    clipped: float
    holes: float
    turned: bool

    @property
    def constant(self) -> bool:
        """Whether there is no depth to speak of."""
        return self.low == self.high


def normalise_depth(depth: DepthMap, *, clip_percent: float) -> FloatArray:
    """Depth z in [0, 1], 0 = nearest, float32 [H', W']; see `depth_range`."""
    return depth_range(depth, clip_percent=clip_percent).z


def depth_range(depth: DepthMap, *, clip_percent: float) -> DepthRange:
    """Bring any depth map to z in [0, 1], 0 = nearest.

    Metric and relative depth keep their linear scale. Disparity is turned round, not inverted: its scale and shift are
    unknown, and 1/d would blow its far end up. Holes (NaN, infinite, or metric depth ≤ 0) take their nearest valid
    neighbour's value. `depth_scale` and the field of view come after it, in `back_project`.

    Args:
        depth: The depth map and what it means.
        clip_percent: Percent clipped at either end before scaling.

    Returns:
        z, and what was done to the values.

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
    if _equal(low, high):
        low, high = values.min(), values.max()  # nearly constant: the few other values are all there is
    turned, holes = depth.kind == "disparity", 1.0 - float(valid.mean())
    if _equal(low, high):
        flat = np.full(values.shape, 0.5, np.float32)
        return DepthRange(z=flat, low=float(low), high=float(low), clipped=0.0, holes=holes, turned=turned)
    z = (np.clip(values, low, high) - low) / (high - low)
    return DepthRange(
        z=(1.0 - z if turned else z).astype(np.float32),
        low=float(low),
        high=float(high),
        clipped=float(np.mean((values < low) | (values > high))),
        holes=holes,
        turned=turned,
    )


def _equal(low: float, high: float) -> bool:
    return high - low <= 1e-9 * max(abs(low), abs(high), 1e-30)
