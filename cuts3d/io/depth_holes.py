"""Which values of a depth map are no depth: 0, the largest number of a type, −1 and other marks of missing values."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cuts3d.arrays import BoolArray, FloatArray
from cuts3d.types import DepthKind

LEAST_BLOCK = 2  # pixels; a single extreme value is no mark
LEAST_ZEROS = 0.001  # fraction of the pixels
GAP = {8: 0.05, 16: 0.02}  # bits -> least gap above zeros, of the spread of the other values
STEPS = 4  # least gap above zeros, in median steps between the other values
DOUBT, LEAST_BYTE_GAP = 0.05, 2  # of the spread; a gap that is worth a note, and the one of 255 that is a mark
LEVELS = 16  # fewer different values cannot show a gap
HUGE = 1e9  # no depth map reaches it, in any unit
BYTE_END, ENDS = 255, (32767, 65535, 2**31 - 1, 2**32 - 1, 2**63 - 1, 2**64 - 1)
UNITS = (1, 10, 100, 256, 1000, 5000)  # 65,535 in them: raw, common fractions of a metre, KITTI, TUM
FLOAT_ENDS = (65504.0, float(np.finfo(np.float32).max), *(65535 / unit for unit in UNITS))
ROUND = tuple(float(value) for power in range(3, 9) for value in (10**power - 1, 10**power))


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Unknown:
    """The unknown values of a depth map.

    Attributes:
        mask: Where they are, bool [H, W].
        reasons: What they are, such as `0 or less`; empty if there are none.
        notes: One sentence on them, and one on zeros that may be unknown; empty if there are none.
    """

    mask: BoolArray
    reasons: str
    notes: tuple[str, ...]


def find_unknown(values: np.ndarray, kind: DepthKind, *, missing: BoolArray | None = None) -> Unknown:
    """The values of a depth map that are no depth.

    - What is not finite or beyond float32. In metric depth also 0 and below.
    - A block at the largest value, if it is a known mark (the end of an integer type, the same in metres, 1e10, 9999)
      and far above all others: by their spread (metric: by 5 % of it; 255: twice; round numbers: ten times).
    - In relative depth and disparity: one negative value, where all others are 0 or more. Different negative values
      are kept, because such maps are known up to a shift only.
    - In relative depth and disparity: 0, if at least 0.1 % are 0, a gap separates them from all others (2 % of the
      spread of the others, 5 % in 8 bits, and 4 steps between values), and the map does not span exactly 0 to 1 or 0 to
      the end of its type, as a picture that was normalised does.

    Args:
        values: Integer or float [H, W].
        kind: What the values mean.
        missing: Values that are masked or transparent, bool [H, W].

    Returns:
        Their mask and notes.
    """
    numbers = values.astype(np.float64)
    finite = np.abs(numbers) <= np.finfo(np.float32).max  # False for NaN
    found: list[tuple[BoolArray, str]] = [] if missing is None else [(missing, "masked or transparent")]
    found.append((~finite if missing is None else ~finite & ~missing, "not a number"))
    if kind == "metric":
        found.append((_known(found) & (numbers <= 0), "0 or less"))
    block, words, doubt = _top(numbers, _known(found), values.dtype, kind)
    found.append((block, words))
    zero_doubt = ""
    if kind != "metric":
        found.append(_negative(numbers, _known(found), whole=values.dtype.kind in "iu"))
        zeros, zero_doubt = _zeros(numbers, _known(found), values.dtype)
        found.append((zeros, "0"))
    mask = ~_known(found)
    reasons = ", ".join(words for part, words in found if part.any())
    fraction = f"{100 * mask.mean():.1f} %"
    told = f"{fraction} of your depth map is unknown ({reasons}) and took the nearest known value." if reasons else ""
    return Unknown(mask=mask, reasons=reasons, notes=tuple(note for note in (told, doubt, zero_doubt) if note))


def _known(found: list[tuple[BoolArray, str]]) -> BoolArray:
    return ~np.logical_or.reduce([part for part, _ in found])


def _top(numbers: FloatArray, known: BoolArray, dtype: np.dtype, kind: DepthKind) -> tuple[BoolArray, str, str]:
    """The block at the largest value, if it is a mark; its value; and a note if it may be one."""
    nothing = np.zeros(numbers.shape, bool), "", ""
    if not known.any():
        return nothing
    top = float(numbers[known].max())
    block = known & (numbers == top)
    others = numbers[known & ~block]
    if np.count_nonzero(block) < LEAST_BLOCK or not others.size or others.max() <= 0:
        return nothing
    spread = float(np.ptp(others)) or float(others.max())
    gap, least = (top - float(others.max())) / spread, _least_gap(top, dtype, kind)
    sure = least != LEAST_BYTE_GAP or np.unique(others).size >= LEVELS
    if least is not None and gap >= least and sure:
        return block, _shown(top), ""
    return (*nothing[:2], _doubt(block, _shown(top)) if least is not None and gap >= DOUBT else "")


def _least_gap(top: float, dtype: np.dtype, kind: DepthKind) -> float | None:
    """How far a mark lies above the other values, in their spread; None if the value is no mark."""
    end = top in ENDS if dtype.kind in "iu" else bool(np.isclose(top, FLOAT_ENDS, rtol=1e-6).any())
    if end:
        return DOUBT if kind == "metric" else 1
    if top == BYTE_END:
        return 0.5 if kind == "metric" else LEAST_BYTE_GAP
    return 10 if top >= HUGE or top in ROUND else None


def _negative(numbers: FloatArray, known: BoolArray, *, whole: bool) -> tuple[BoolArray, str]:
    """The only negative value, if it is a mark."""
    below = known & (numbers < 0)
    others = numbers[known & ~below]
    count = np.count_nonzero(below)
    if count < LEAST_BLOCK or not others.size or np.ptp(numbers[below]) > 0:
        return np.zeros(numbers.shape, bool), ""
    value = float(numbers[below][0])
    apart = whole or float(others.min()) - value >= GAP[16] * float(np.ptp(others))
    return (below, _shown(value).replace("-", "−")) if apart else (np.zeros(numbers.shape, bool), "")


def _zeros(numbers: FloatArray, known: BoolArray, dtype: np.dtype) -> tuple[BoolArray, str]:
    """Zeros of relative depth or disparity that are unknown, and a note on zeros that may be."""
    zeros, nothing = known & (numbers == 0), np.zeros(numbers.shape, bool)
    others = numbers[known & ~zeros]
    count = np.count_nonzero(zeros)
    if count < max(LEAST_BLOCK, LEAST_ZEROS * numbers.size) or not others.size or others.min() <= 0:
        return nothing, ""
    levels = np.unique(others)
    gap = levels[0] / max(levels[-1] - levels[0], 1e-300)
    eight = dtype.itemsize == 1
    if gap < GAP[8 if eight else 16]:
        return nothing, ""
    dense = levels.size >= LEVELS and levels[0] >= STEPS * float(np.median(np.diff(levels)))
    normalised = levels[-1] in (1, BYTE_END) or (dtype.kind in "iu" and levels[-1] in ENDS)
    if dense and not normalised:
        return zeros, ""
    return nothing, _doubt(zeros, "0")


def _doubt(block: BoolArray, value: str) -> str:
    return (
        f"{100 * block.mean():.1f} % of your depth map is {value}, apart from the rest, and was taken as depth; "
        "if it is unknown, use NaN."
    )


def _shown(value: float) -> str:
    return f"{value:,.0f}" if abs(value) < 1e16 and value == int(value) else f"{value:,.6g}"
