"""The range of a photo's numbers: which value is black and which is white, whatever their type."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cuts3d.errors import InputError

BITS = (8, 10, 12, 14, 16)  # depths of cameras and scanners, whatever type their values are stored in
OUTLIERS = 0.5  # percentage of the values at each end that may lie outside the range
DIM = 1 / 16  # a range that 99.5 % of the values use less of than this is taken to end too late
SAMPLE = 1 << 20  # about how many values the percentiles are taken from
BLOCK = 1 << 22  # values that are converted at a time
MOST_WHOLE = 1 << 32  # larger floats are always whole numbers, which says nothing about their bits
NEGATIVE = 0.02  # of the upper end: the overshoot of a filter, not a range below 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Levels:
    """The range of a photo's values.

    Attributes:
        low: The value that is black.
        high: The value that is white.
        note: How they were chosen, in one sentence; empty for 8 bits, for all of 16 bits, and for floats in [0, 1].
    """

    low: float
    high: float
    note: str = ""

    def apply(self, values: np.ndarray) -> NDArray[np.uint8]:
        """Values in levels from 0 to 255, uint8 of the same shape; NaN becomes black, what is outside is clipped."""
        if values.dtype == np.uint16:
            return self._levels(np.arange(1 << 16, dtype=np.uint16))[values]
        flat = np.ascontiguousarray(values).reshape(-1)
        found = np.empty(flat.size, np.uint8)
        for start in range(0, flat.size, BLOCK):
            piece = slice(start, start + BLOCK)
            found[piece] = self._levels(flat[piece])
        return found.reshape(values.shape)

    def _levels(self, values: np.ndarray) -> NDArray[np.uint8]:
        if self.low == 0 and self.high == 65535 and values.dtype.kind in "iu":  # full 16 bits: exact
            return (np.clip(values, 0, 65535) // 257).astype(np.uint8)
        scaled = np.nan_to_num(values.astype(np.float64), nan=self.low, posinf=self.high, neginf=self.low)
        scaled = np.clip(scaled, self.low, self.high) / 2 - self.low / 2  # halves: the range of float64 is not left
        return np.rint(255 * (scaled / (self.high / 2 - self.low / 2))).astype(np.uint8)


def levels_of(values: np.ndarray) -> Levels:
    """The range that values use.

    - Integers, and floats from 1 to 2³² that are whole numbers, have the bit depth that their largest value needs: 8,
      10, 12, 14 or 16 bits, and more above. 4,095 is white where no value is above it, although a dark photo of 16 bits
      can look the same. All of 16 bits become value // 257.
    - Other floats end at 1 or at 255, whichever they use. Otherwise they end at their 99.5th percentile.
    - Values below 0 (more than 0.5 % of them) make the range −1 to 1, or start it at the 0.5th percentile.
    - A few bright values do not make a photo black: where 99.5 % lie below 1/16 of the range, it ends there.

    Args:
        values: Numbers of any shape, integer or float; NaN and infinite values are ignored.

    Raises:
        InputError: No value is finite.
    """
    floating = values.dtype.kind == "f"
    finite = np.isfinite(values) if floating else None
    if finite is not None and not finite.any():
        raise InputError("The photo has no finite value.")
    lowest, highest = _extremes(values, finite)
    sample = values.ravel()[:: max(1, values.size // SAMPLE)]
    sample = sample[np.isfinite(sample)].astype(np.float64)
    sample = sample if sample.size else np.array([lowest, highest])
    low = float(np.percentile(sample, OUTLIERS, method="higher"))
    high = float(np.percentile(sample, 100 - OUTLIERS, method="lower"))
    if lowest < 0 and low < -NEGATIVE * max(abs(high), 1e-30):
        return _signed(low, high)
    if not floating or (1 < highest < MOST_WHOLE and np.array_equal(sample, np.rint(sample))):
        return _whole(highest, high, np.iinfo(values.dtype).max if values.dtype.kind == "i" else None)
    return _fractions(highest, high)


def _extremes(values: np.ndarray, finite: NDArray[np.bool_] | None) -> tuple[float, float]:
    if finite is None:
        return float(values.min()), float(values.max())
    return (
        float(values.min(where=finite, initial=np.inf)),
        float(values.max(where=finite, initial=-np.inf)),
    )


def _whole(highest: float, high: float, limit: int | None) -> Levels:
    top = _full_range(highest, limit)
    if top == 255 and limit == 127:
        return Levels(low=0, high=127, note="The photo's values were read as 7 bits (0 to 127).")
    if top > 255 and high < DIM * top:
        end = _full_range(high, limit)
        return Levels(low=0, high=end, note=_clipped(end))
    usual = top in (1, 255, 65535)
    return Levels(
        low=0,
        high=top,
        note="" if usual else f"The photo's values were read as {top.bit_length()} bits (0 to {top:,}).",
    )


def _full_range(highest: float, limit: int | None) -> int:
    """Largest value of the bit depth that a value needs; `limit` is that of its type, if it is signed."""
    whole = max(0, int(highest))
    bits = next((b for b in BITS if whole < 1 << b), whole.bit_length())
    top = 1 if whole <= 1 else (1 << bits) - 1
    return top if limit is None or top // 2 != limit else limit  # int16 has 15 bits, int32 has 31


def _fractions(highest: float, high: float) -> Levels:
    if high <= 1:
        if 0 < high < DIM:
            return Levels(low=0, high=high, note=_clipped(high))
        return Levels(low=0, high=1, note="" if highest <= 1 + 1e-3 else _clipped(1))
    if high >= 32 and highest < 256:
        return Levels(low=0, high=255, note="The photo's values were read as 0 to 255.")
    return Levels(low=0, high=high, note=_clipped(high))


def _signed(low: float, high: float) -> Levels:
    if low >= -1.001 and high <= 1.001 and max(-low, high) > 0.5:
        return Levels(low=-1, high=1, note="The photo's values were read as −1 to 1.")
    return Levels(
        low=low,
        high=high if high > low else low + 1,
        note=f"The photo's values are partly negative: {low:.4g} became black, {high:.4g} white.",
    )


def _clipped(end: float) -> str:
    return f"The photo's values were read as 0 to {end:,.5g}; the few above it became white."
