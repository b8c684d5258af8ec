"""Parts of all charts: the plot's position, axes, legend, names of lines."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import ArrayLike

from cuts3d.arrays import FloatArray
from cuts3d.figures.colours import css_colour

WIDTH, HEIGHT = 560, 250  # viewBox; `charts.css` repeats its proportions
LEFT, RIGHT, TOP, BOTTOM = 50, 524, 36, 196  # edges of the plot inside it; `charts.js` reads them from the data
LABEL_GAP = 20  # smallest distance of two names at the ends of lines
TINY = 1e-12


@dataclass(frozen=True, slots=True)
class Axes:
    """Maps data to viewBox units; `root` gives heights a square-root scale."""

    low: float
    high: float
    top: float
    root: bool = False

    def x(self, value: float) -> float:
        """Position of a value on the lower axis."""
        return LEFT + (RIGHT - LEFT) * (value - self.low) / max(self.high - self.low, TINY)

    def y(self, value: float) -> float:
        """Position of a value on the left axis."""
        fraction = max(value, 0.0) / max(self.top, TINY)
        return BOTTOM - (BOTTOM - TOP) * (math.sqrt(fraction) if self.root else fraction)


def figure_html(kind: str, y_title: str, keys: Iterable[str], svg: str, attributes: str = "") -> str:
    """A chart with its legend above it."""
    head = f'<figcaption><span class="y-title">{y_title}</span>{"".join(keys)}</figcaption>'
    return f'<figure class="chart {kind}"{attributes}>{head}{svg}</figure>'


def svg_html(parts: Iterable[str], label: str, role: str = "img") -> str:
    """The drawing of a chart."""
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="{role}"'
    return f'{head} aria-label="{escape(label)}">{"".join(parts)}</svg>'


def key_html(kind: str, words: str, colour: Sequence[int] | np.ndarray | None = None) -> str:
    """An entry of the legend above a chart; `words` is HTML."""
    style = "" if colour is None else f' style="--line: {css_colour(colour)}"'
    return f'<span class="key {kind}"{style}><i></i><span>{words}</span></span>'


def finite(values: ArrayLike) -> FloatArray:
    """The finite values, float64 [n]."""
    flat = np.asarray(values, dtype=np.float64).reshape(-1)
    return flat[np.isfinite(flat)]


def nice_ticks(low: float, high: float, count: int = 4) -> FloatArray:
    """Round values from `low`'s step to the first at or above `high`; float [2 or more]."""
    span = high - low if high - low > TINY else 1.0
    power = 10.0 ** math.floor(math.log10(span / count))
    step = power * next(m for m in (1, 2, 2.5, 5, 10) if m * power * count >= span * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil((low + span) / step - 1e-9)
    return np.round(np.arange(first, last + 1) * step, 12)


def ticks_inside(low: float, high: float) -> FloatArray:
    """Round values within a range."""
    ticks = nice_ticks(low, high)
    return ticks[(ticks >= low) & (ticks <= high)]


def grid_lines(axes: Axes, ticks: Iterable[float], form: str) -> str:
    """Horizontal lines with their values."""
    parts = []
    for tick in ticks:
        y = axes.y(float(tick))
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y:.1f}" dy=".35em" text-anchor="end">{form.format(tick)}</text>')
    return "".join(parts)


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def x_axis(axes: Axes, ticks: Iterable[float], title: str) -> str:
    """The lower axis with its values and title."""
    parts = [f'<line class="axis" x1="{LEFT}" x2="{RIGHT}" y1="{BOTTOM}" y2="{BOTTOM}"/>']
    for tick in ticks:
        parts.append(
            f'<text x="{axes.x(tick):.1f}" y="{BOTTOM + 5}" dy=".9em" text-anchor="middle">{_number(tick)}</text>'
        )
    parts.append(
        f'<text class="title" x="{(LEFT + RIGHT) / 2:.0f}" y="{HEIGHT - 5}" text-anchor="middle">{title}</text>'
    )
    return "".join(parts)


def line_names(axes: Axes, lines: FloatArray, names: Sequence[str], chosen: int | None) -> str:
    """Names right of the plot, at the ends of the lines; names that would overlap are moved apart."""
    if not lines.size:
        return ""
    order: list[int] = np.argsort(-lines[:, -1], kind="stable").tolist()
    heights = spread([axes.y(float(lines[i, -1])) for i in order])
    parts = []
    for i, y in zip(order, heights, strict=True):
        kind = ' class="chosen"' if i == chosen else ""
        parts.append(f'<text{kind} x="{RIGHT + 10}" y="{y:.1f}" dy=".35em">{escape(names[i])}</text>')
    return "".join(parts)


def spread(heights: Sequence[float]) -> FloatArray:
    """Ascending heights, moved so that they keep LABEL_GAP and stay within the plot."""
    gap = min(LABEL_GAP, (BOTTOM - TOP) / max(len(heights) - 1, 1))
    steps = gap * np.arange(len(heights))
    pushed = np.maximum.accumulate(np.asarray(heights) - steps)
    return np.minimum(pushed, BOTTOM - steps[-1]) + steps
