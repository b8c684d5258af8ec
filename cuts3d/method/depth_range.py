"""Depth range (method 1.5, step 1): holes, direction, clipping and range of any depth map, for all stages."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from cuts3d.arrays import FloatArray
from cuts3d.errors import InputError
from cuts3d.types import DepthMap

MIN_VALID = 0.01  # smallest fraction of usable values


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class DepthRange:
    """Depth z of a depth map, and how its values were changed.

    Attributes:
        z: float32 [H', W'] in [0, 1], 0 = nearest; all 0.5 where depth is constant.
        low: Lower limit of clipping, in the unit of the depth map.
        high: Upper limit of clipping.
        clipped: Fraction of the values below `low` or above `high`, in [0, 1].
        holes: Fraction of unknown values, in [0, 1]; each was replaced by the nearest known value.
        reversed: Whether larger values meant nearer, so that the direction was reversed.
    """

    z: FloatArray
    low: float
    high: float
    clipped: float
    holes: float
    reversed: bool

    @property
    def constant(self) -> bool:
        """Whether the depth is the same everywhere."""
        return self.low == self.high


def normalise_depth(depth: DepthMap, *, clip_percent: float) -> FloatArray:
    """Depth z in [0, 1], 0 = nearest, float32 [H', W']; see `depth_range`."""
    return depth_range(depth, clip_percent=clip_percent).z


def depth_range(depth: DepthMap, *, clip_percent: float) -> DepthRange:
    """Bring any depth map to z in [0, 1], 0 = nearest.

    With the clipped value d, z = (d − low) / (high − low) for metric and relative depth, and 1 minus that for
    disparity. Disparity is reversed, not inverted: its scale and shift are unknown, and 1/d would stretch the far end.
    Holes (NaN, infinite, or metric depth ≤ 0) take the value of the nearest valid pixel. `back_project` applies
    `depth_scale` and the field of view later.

    Args:
        depth: The depth map.
        clip_percent: Percentage of the values that is clipped at each end before scaling.

    Returns:
        z, and how the values were changed.

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
        low, high = values.min(), values.max()  # nearly constant: only the few values outside the percentiles differ
    reverse, holes = depth.kind == "disparity", 1.0 - float(valid.mean())
    if _equal(low, high):
        flat = np.full(values.shape, 0.5, np.float32)
        return DepthRange(z=flat, low=float(low), high=float(low), clipped=0.0, holes=holes, reversed=reverse)
    z = (np.clip(values, low, high) - low) / (high - low)
    return DepthRange(
        z=(1.0 - z if reverse else z).astype(np.float32),
        low=float(low),
        high=float(high),
        clipped=float(np.mean((values < low) | (values > high))),
        holes=holes,
        reversed=reverse,
    )


def _equal(low: float, high: float) -> bool:
    return high - low <= 1e-9 * max(abs(low), abs(high), 1e-30)
