"""Charts of lines: areas of the cuts against τ_knn, and losses against training steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np
from numpy.typing import ArrayLike

from cuts3d.arrays import FloatArray
from cuts3d.figures.colours import css_colour
from cuts3d.io.overlays import instance_colour
from ui.draw.chart_parts import (
    BOTTOM,
    TINY,
    TOP,
    Axes,
    figure_html,
    grid_lines,
    key_html,
    line_names,
    nice_ticks,
    svg_html,
    ticks_inside,
    x_axis,
)

MOST_POINTS = 120  # largest number of points of a line of losses


def area_chart(
    taus: ArrayLike,
    areas: ArrayLike,
    current_tau: float,
    names: Sequence[str],
    *,
    chosen: int | None = None,
    colours: ArrayLike | None = None,
) -> str:
    """Area of the binary cuts against τ_knn, one line per instance.

    Args:
        taus: Thresholds of the sweep, float [T], ascending, T ≥ 1.
        areas: Fractions of the photo in [0, 1], float [I, T]; `SpatialConfidence.cuts.mean(axis=(1, 2))` is one row.
        current_tau: The current τ_knn, drawn as a vertical line.
        names: I names of one to three letters, written at the ends of the lines.
        chosen: Row of the line that is drawn thick.
        colours: uint8 [I, 3]; None: the palette's.

    Returns:
        HTML of one figure.
    """
    x = np.asarray(taus, dtype=np.float64).reshape(-1)
    lines = 100.0 * np.asarray(areas, dtype=np.float64).reshape(len(names), x.size)
    palette = [instance_colour(i) for i in range(len(names))] if colours is None else np.asarray(colours)
    ticks = nice_ticks(0.0, float(lines.max(initial=0.0)))
    axes = Axes(*_tau_range([*x.tolist(), float(current_tau)]), ticks[-1])
    at = axes.x(current_tau)
    drawn = [
        grid_lines(axes, ticks, "{:g}"),
        x_axis(axes, ticks_inside(axes.low, axes.high), "τ_knn"),
        f'<line class="now" x1="{at:.1f}" x2="{at:.1f}" y1="{TOP - 6}" y2="{BOTTOM}"/>',
        f'<text class="now-label" x="{at:.1f}" y="{TOP - 14}" text-anchor="middle">{current_tau:.3g}</text>',
    ]
    order = sorted(range(len(names)), key=lambda i: i == chosen)  # the chosen line on top
    drawn += [_line(axes, x, lines[i], names[i], palette[i], chosen=i == chosen) for i in order]
    drawn.append(line_names(axes, lines, names, chosen))
    keys = [key_html("now", f"τ_knn now: <b>{current_tau:.3g}</b>")]
    summary = f"Area of {len(names)} instances against τ_knn, now {current_tau:.3g}."
    if chosen is not None and 0 <= chosen < len(names) and x.size:
        name, area = names[chosen], lines[chosen, int(np.abs(x - current_tau).argmin())]
        keys.insert(0, key_html("line", f"{escape(name)}: <b>{area:.1f} %</b>", palette[chosen]))
        summary += f" {name} covers {area:.1f} % of the photo there."
    return figure_html("area-chart", "% of photo", keys, svg_html(drawn, summary))


def loss_chart(lines: Mapping[str, tuple[ArrayLike, ArrayLike]], *, end: int | None = None) -> str:
    """Loss against training steps, one line for each training.

    Args:
        lines: Steps and losses by name, each [n]; long ones are drawn as means over equal numbers of steps.
        end: Last step of the axis; None: the last step of the lines.

    Returns:
        HTML of one figure.
    """
    means = {name: _run_means(*_pairs(steps, losses)) for name, (steps, losses) in lines.items()}
    last = max((float(x[-1]) for x, _ in means.values() if x.size), default=1.0)
    ticks = nice_ticks(0.0, max((float(y.max()) for _, y in means.values() if y.size), default=1.0))
    axes = Axes(0.0, float(end or last), ticks[-1])
    drawn = [grid_lines(axes, ticks, "{:g}"), x_axis(axes, ticks_inside(axes.low, axes.high), "step")]
    keys = []
    for index, (name, (x, y)) in enumerate(means.items()):
        colour = css_colour(instance_colour(index))
        points = " ".join(f"{axes.x(a):.1f},{axes.y(b):.1f}" for a, b in zip(x.tolist(), y.tolist(), strict=True))
        drawn.append(
            f'<g class="area-line" style="--line: {colour}"><polyline class="casing" points="{points}"/>'
            f'<polyline points="{points}"/><title>{escape(name)}</title></g>'
        )
        words = f"{escape(name)}: <b>{y[-1]:.3g}</b>" if y.size else escape(name)
        keys.append(key_html("line", words, instance_colour(index)))
    summary = "; ".join(f"{name}: loss {y[0]:.3g} to {y[-1]:.3g}" for name, (_, y) in means.items() if y.size)
    return figure_html("loss-chart", "loss", keys, svg_html(drawn, summary or "No step yet."))


def _line(axes: Axes, taus: FloatArray, areas: FloatArray, name: str, colour: np.ndarray, *, chosen: bool) -> str:
    spots = [(axes.x(t), axes.y(a), t, a) for t, a in zip(taus.tolist(), areas.tolist(), strict=True)]
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y, *_ in spots)
    dots = "".join(
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{6 if chosen else 4}">'
        f"<title>{escape(name)}: {a:.1f} % at τ_knn {t:.3g}</title></circle>"
        for x, y, t, a in spots
    )
    kind = "area-line chosen" if chosen else "area-line"
    casing = f'<polyline class="casing" points="{points}"/>'  # pale colours need an outline on a white page
    return f'<g class="{kind}" style="--line: {css_colour(colour)}">{casing}<polyline points="{points}"/>{dots}</g>'


def _tau_range(values: Sequence[float]) -> tuple[float, float]:
    """From a little below the smallest to the largest value; a single value is centred."""
    low, high = min(values), max(values)
    if high - low > TINY:
        return low - 0.06 * (high - low), high
    pad = 0.25 * abs(high) or 0.5
    return low - pad, high + pad


def _pairs(steps: ArrayLike, losses: ArrayLike) -> tuple[FloatArray, FloatArray]:
    x, y = (np.asarray(values, dtype=np.float64).reshape(-1) for values in (steps, losses))
    known = np.isfinite(x[: y.size]) & np.isfinite(y[: x.size])
    return x[: known.size][known], y[: known.size][known]


def _run_means(x: FloatArray, y: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The same line with at most `MOST_POINTS` points, each the mean of equally many."""
    size = -(-x.size // MOST_POINTS)
    if size <= 1:
        return x, y
    starts = np.arange(0, x.size, size)
    counts = np.diff(np.append(starts, x.size))
    return np.add.reduceat(x, starts) / counts, np.add.reduceat(y, starts) / counts
