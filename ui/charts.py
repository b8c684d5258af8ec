"""Small charts as inline SVG, for `gr.HTML`: they follow a slider without remounting, and cost the page no library.

Words that must stay legible at a phone's width stand in HTML round the drawing, since text inside an SVG shrinks with
it; colours are classes in `charts.css`, so light and dark follow the page.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from cuts3d.export import instance_colour
from cuts3d.types import FloatArray, IntArray

CHART_CSS = Path(__file__).with_suffix(".css").read_text(encoding="utf-8")
CHART_JS = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")

WIDTH, HEIGHT = (
    560,
    250,
)  # viewBox, its proportions in `charts.css` too; `charts.js` reads the plot's edges from the figure
LEFT, RIGHT, TOP, BOTTOM = 50, 524, 36, 196  # of the plot inside it
BINS = 50
TICK_GAP = 30  # least distance of two labels on the √ axis, viewBox units
LABEL_GAP = 20  # least distance of two names at the ends of lines
TINY = 1e-12
SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


@dataclass(frozen=True, slots=True)
class _Axes:
    """From data to viewBox. `root` draws heights on a square-root scale."""

    low: float
    high: float
    top: float
    root: bool = False

    def x(self, value: float) -> float:
        return LEFT + (RIGHT - LEFT) * (value - self.low) / max(self.high - self.low, TINY)

    def y(self, value: float) -> float:
        share = max(value, 0.0) / max(self.top, TINY)
        return BOTTOM - (BOTTOM - TOP) * (math.sqrt(share) if self.root else share)


def affinity_histogram(before: ArrayLike, after: ArrayLike, tau: float) -> str:
    """Similarities of one patch to all, before and after sharpening, with τ_ncut as a line to drag.

    Bins are [i/50, (i+1)/50), the last closed; heights are numbers of patches on a √ scale, so that a bin of one stays
    visible beside a bin of hundreds. Needs `CHART_JS` for the drag, which sends the event `input` with `{tau}`.

    Args:
        before: Similarities in [0, 1], float [n]; others are clipped, NaN dropped.
        after: The same after sharpening, float [n].
        tau: τ_ncut in [0, 1]; a patch is linked above it.

    Returns:
        HTML of one figure.
    """
    sides = {"before": _finite(before), "after": _finite(after)}
    tau = min(1.0, max(0.0, float(tau)))
    counts = {name: np.histogram(np.clip(v, 0, 1), bins=BINS, range=(0, 1))[0] for name, v in sides.items()}
    shares = {name: _share_above(values, tau) for name, values in sides.items()}
    axes = _Axes(0.0, 1.0, float(max(1, *(int(c.max()) for c in counts.values()))), root=True)
    said = (
        f"Linked above τ_ncut {tau:.3f}: {shares['before']} of the patches before sharpening, {shares['after']} after."
    )
    drawn = [
        f'<g role="img" aria-label="{escape(said)}">',
        _grid_lines(axes, _root_ticks(axes), "{:g}"),
        _x_axis(axes, np.linspace(0, 1, 6), "similarity to the chosen patch"),
        _linked_band(axes.x(tau)),
        *(_steps(axes, counts[name], name) for name in sides),
        *_bin_tooltips(axes, counts["before"], counts["after"]),
        "</g>",
        _tau_grip(axes.x(tau), tau),
    ]
    keys = [_key(name, f"{name}: <b>{shares[name]}</b> linked") for name in sides]
    svg = _svg(drawn, "Similarities of the chosen patch, with the threshold τ_ncut", role="group")
    extra = f' data-tau="{tau:.4f}" data-left="{LEFT}" data-right="{RIGHT}"'
    return _figure("affinity-chart", "patches, √ scale", keys, svg, extra)


def spectrum_chart(eigenvalues: ArrayLike, gap_after: int = 1) -> str:
    """The smallest generalised eigenvalues of (D − W)x = λDx as lollipops, λ₂ (the cut's) highlighted.

    Args:
        eigenvalues: λ₁ ≤ λ₂ ≤ …, float [m]; λ₁ is 0.
        gap_after: Index (from 0) of the eigenvalue after which the gap is marked; 1: λ₃ − λ₂, whose width says how
            much better the best cut is than the next.

    Returns:
        HTML of one figure.
    """
    values = _finite(eigenvalues)
    count = values.size
    ticks = _nice_ticks(0.0, float(values.max(initial=0.0)))
    axes = _Axes(-0.6, max(count, 1) - 0.4, ticks[-1])
    drawn = [_grid_lines(axes, ticks, "{:g}"), _x_axis(axes, (), "smallest eigenvalues of (D − W)x = λDx")]
    every = math.ceil(max(count, 1) / 12)
    for index, value in enumerate(values):
        drawn.append(_lollipop(axes, index, float(value), labelled=index == 1 or index % every == 0))
    keys, said = [], "No eigenvalues."
    if count > 1:
        keys.append(_key("cut", f"<b>λ₂ = {values[1]:.3g}</b>, the cut"))
        said = f"The {count} smallest eigenvalues; the cut is λ₂ = {values[1]:.3g}."
    if 0 <= gap_after < count - 1:
        lower, upper = float(values[gap_after]), float(values[gap_after + 1])
        names = f"{_lambda(gap_after)} to {_lambda(gap_after + 1)}"
        drawn.append(_gap_mark(axes, gap_after, lower, upper))
        keys.append(_key("gap", f"gap {names}: <b>{upper - lower:.3g}</b>"))
        said += f" Gap from {names}: {upper - lower:.3g}."
    return _figure("spectrum-chart", "eigenvalue λ", keys, _svg(drawn, said))


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
        areas: Shares of the photo in [0, 1], float [I, T]; `SpatialConfidence.cuts.mean(axis=(1, 2))` is one row.
        current_tau: τ_knn in use, drawn as a vertical line.
        names: What is written at the end of each line, I texts of one to three letters.
        chosen: Row drawn thick.
        colours: uint8 [I, 3]; None: the palette's.

    Returns:
        HTML of one figure.
    """
    x = np.asarray(taus, dtype=np.float64).reshape(-1)
    lines = 100.0 * np.asarray(areas, dtype=np.float64).reshape(len(names), x.size)
    palette = [instance_colour(i) for i in range(len(names))] if colours is None else np.asarray(colours)
    ticks = _nice_ticks(0.0, float(lines.max(initial=0.0)))
    axes = _Axes(*_tau_range([*x.tolist(), float(current_tau)]), ticks[-1])
    at = axes.x(current_tau)
    drawn = [
        _grid_lines(axes, ticks, "{:g}"),
        _x_axis(axes, _ticks_inside(axes.low, axes.high), "τ_knn"),
        f'<line class="now" x1="{at:.1f}" x2="{at:.1f}" y1="{TOP - 6}" y2="{BOTTOM}"/>',
        f'<text class="now-label" x="{at:.1f}" y="{TOP - 14}" text-anchor="middle">{current_tau:.3g}</text>',
    ]
    order = sorted(range(len(names)), key=lambda i: i == chosen)  # the chosen line on top
    drawn += [_line(axes, x, lines[i], names[i], palette[i], chosen=i == chosen) for i in order]
    drawn.append(_line_names(axes, lines, names, chosen))
    keys = [_key("now", f"τ_knn now: <b>{current_tau:.3g}</b>")]
    said = f"Area of {len(names)} instances against τ_knn, now {current_tau:.3g}."
    if chosen is not None and 0 <= chosen < len(names) and x.size:
        name, area = names[chosen], lines[chosen, int(np.abs(x - current_tau).argmin())]
        keys.insert(0, _key("line", f"{escape(name)}: <b>{area:.1f} %</b>", palette[chosen]))
        said += f" {name} covers {area:.1f} % of the photo there."
    return _figure("area-chart", "% of photo", keys, _svg(drawn, said))


def _figure(kind: str, y_title: str, keys: Iterable[str], svg: str, attributes: str = "") -> str:
    head = f'<figcaption><span class="y-title">{y_title}</span>{"".join(keys)}</figcaption>'
    return f'<figure class="chart {kind}"{attributes}>{head}{svg}</figure>'


def _svg(parts: Iterable[str], label: str, role: str = "img") -> str:
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" role="{role}"'
    return f'{head} aria-label="{escape(label)}">{"".join(parts)}</svg>'


def _key(kind: str, words: str, colour: Sequence[int] | np.ndarray | None = None) -> str:
    style = "" if colour is None else f' style="--line: {_css(colour)}"'
    return f'<span class="key {kind}"{style}><i></i><span>{words}</span></span>'


def _css(colour: Sequence[int] | np.ndarray) -> str:
    return "rgb({} {} {})".format(*(int(c) for c in colour))


def _finite(values: ArrayLike) -> FloatArray:
    flat = np.asarray(values, dtype=np.float64).reshape(-1)
    return flat[np.isfinite(flat)]


def _share_above(values: FloatArray, tau: float) -> str:
    return f"{100 * float(np.mean(values > tau)):.1f} %" if values.size else "–"


def _nice_ticks(low: float, high: float, count: int = 4) -> FloatArray:
    """Round values from `low`'s step to the first at or above `high`; float [2 or more]."""
    span = high - low if high - low > TINY else 1.0
    power = 10.0 ** math.floor(math.log10(span / count))
    step = power * next(m for m in (1, 2, 2.5, 5, 10) if m * power * count >= span * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil((low + span) / step - 1e-9)
    return np.round(np.arange(first, last + 1) * step, 12)


def _ticks_inside(low: float, high: float) -> FloatArray:
    ticks = _nice_ticks(low, high)
    return ticks[(ticks >= low) & (ticks <= high)]


def _tau_range(values: Sequence[float]) -> tuple[float, float]:
    """From a little before the smallest to the largest, whose line's name stands outside; one value is centred."""
    low, high = min(values), max(values)
    if high - low > TINY:
        return low - 0.06 * (high - low), high
    pad = 0.25 * abs(high) or 0.5
    return low - pad, high + pad


def _root_ticks(axes: _Axes) -> list[float]:
    """Round counts that stand apart on the √ axis, largest first, then 0."""
    kept: list[float] = []
    for power in range(math.floor(math.log10(axes.top)), -1, -1):
        for value in (m * 10.0**power for m in (5, 2, 1)):
            above = axes.y(kept[-1]) if kept else TOP - TICK_GAP
            if value <= axes.top and axes.y(value) - above >= TICK_GAP and BOTTOM - axes.y(value) >= TICK_GAP:
                kept.append(value)
    return [*kept, 0.0]


def _grid_lines(axes: _Axes, ticks: Iterable[float], form: str) -> str:
    parts = []
    for tick in ticks:
        y = axes.y(float(tick))
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y:.1f}" dy=".35em" text-anchor="end">{form.format(tick)}</text>')
    return "".join(parts)


def _x_axis(axes: _Axes, ticks: Iterable[float], title: str) -> str:
    parts = [f'<line class="axis" x1="{LEFT}" x2="{RIGHT}" y1="{BOTTOM}" y2="{BOTTOM}"/>']
    for tick in ticks:
        parts.append(f'<text x="{axes.x(tick):.1f}" y="{BOTTOM + 5}" dy=".9em" text-anchor="middle">{tick:.3g}</text>')
    parts.append(
        f'<text class="title" x="{(LEFT + RIGHT) / 2:.0f}" y="{HEIGHT - 5}" text-anchor="middle">{title}</text>'
    )
    return "".join(parts)


def _steps(axes: _Axes, counts: IntArray, kind: str) -> str:
    edges = np.linspace(0, 1, counts.size + 1)
    steps = "".join(f"V{axes.y(int(c)):.1f}H{axes.x(e):.1f}" for c, e in zip(counts, edges[1:], strict=True))
    return f'<path class="steps {kind}" d="M{LEFT},{BOTTOM}{steps}V{BOTTOM}"/>'


def _bin_tooltips(axes: _Axes, before: IntArray, after: IntArray) -> Iterable[str]:
    width = (RIGHT - LEFT) / before.size
    for i, (old, new) in enumerate(zip(before, after, strict=True)):
        words = f"{i / before.size:.2f} to {(i + 1) / before.size:.2f}: {old} patches before, {new} after"
        box = f'x="{axes.x(i / before.size):.1f}" y="{TOP}" width="{width:.1f}" height="{BOTTOM - TOP}"'
        yield f'<rect class="bin" {box}><title>{words}</title></rect>'


def _linked_band(x: float) -> str:
    """The part above τ; a nested SVG clips it, so that the script only has to move it."""
    size = f'width="{RIGHT - LEFT}" height="{BOTTOM - TOP}"'
    band = f'<rect class="tau-band" {size} transform="translate({x - LEFT:.2f} 0)"/>'
    return f'<svg x="{LEFT}" y="{TOP}" {size}>{band}</svg>'


def _tau_grip(x: float, tau: float) -> str:
    slider = f'aria-valuemin="0" aria-valuemax="1" aria-valuenow="{tau:.4f}" aria-orientation="horizontal"'
    label = "τ_ncut: patches above this similarity are linked"
    return (
        f'<g class="tau-grip" role="slider" tabindex="0" {slider} aria-label="{label}" '
        f'transform="translate({x:.2f} 0)"><title>{label}. Drag, or use the arrow keys.</title>'
        f'<rect class="reach" x="-26" y="0" width="52" height="{BOTTOM + 4}"/>'
        f'<line y1="{TOP - 8}" y2="{BOTTOM}"/>'
        f'<rect class="handle" x="-7" y="{TOP + 52}" width="14" height="32" rx="7"/>'
        f'<text y="{TOP - 14}" text-anchor="middle">τ {tau:.3f}</text></g>'
    )


def _lambda(index: int) -> str:
    return "λ" + str(index + 1).translate(SUBSCRIPTS)


def _lollipop(axes: _Axes, index: int, value: float, *, labelled: bool) -> str:
    x, y, name = axes.x(index), axes.y(value), _lambda(index)
    kind = "stick cut" if index == 1 else "stick"
    label = f'<text x="{x:.1f}" y="{BOTTOM + 5}" dy=".9em" text-anchor="middle">{name}</text>' if labelled else ""
    return (
        f'<g class="{kind}"><title>{name} = {value:.6g}</title>'
        f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{BOTTOM}" y2="{y:.1f}"/>'
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{8 if index == 1 else 6}"/>{label}</g>'
    )


def _gap_mark(axes: _Axes, index: int, lower: float, upper: float) -> str:
    x, y0, y1 = axes.x(index + 0.5), axes.y(lower), axes.y(upper)
    return f'<path class="gap" d="M{x - 6:.1f},{y0:.1f}h12M{x - 6:.1f},{y1:.1f}h12M{x:.1f},{y0:.1f}V{y1:.1f}"/>'


def _line(axes: _Axes, taus: FloatArray, areas: FloatArray, name: str, colour: np.ndarray, *, chosen: bool) -> str:
    spots = [(axes.x(t), axes.y(a), t, a) for t, a in zip(taus.tolist(), areas.tolist(), strict=True)]
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y, *_ in spots)
    dots = "".join(
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{6 if chosen else 4}">'
        f"<title>{escape(name)}: {a:.1f} % at τ_knn {t:.3g}</title></circle>"
        for x, y, t, a in spots
    )
    kind = "area-line chosen" if chosen else "area-line"
    casing = f'<polyline class="casing" points="{points}"/>'  # pale colours need an edge on a white page
    return f'<g class="{kind}" style="--line: {_css(colour)}">{casing}<polyline points="{points}"/>{dots}</g>'


def _line_names(axes: _Axes, lines: FloatArray, names: Sequence[str], chosen: int | None) -> str:
    """Names right of the plot at the height of the lines' ends, pushed apart where lines end close together."""
    if not lines.size:
        return ""
    order: list[int] = np.argsort(-lines[:, -1], kind="stable").tolist()
    heights = _spread([axes.y(float(lines[i, -1])) for i in order])
    parts = []
    for i, y in zip(order, heights, strict=True):
        kind = ' class="chosen"' if i == chosen else ""
        parts.append(f'<text{kind} x="{RIGHT + 10}" y="{y:.1f}" dy=".35em">{escape(names[i])}</text>')
    return "".join(parts)


def _spread(heights: Sequence[float]) -> FloatArray:
    """Ascending heights moved as little as a pass down and a pass up need to keep LABEL_GAP, within the plot."""
    gap = min(LABEL_GAP, (BOTTOM - TOP) / max(len(heights) - 1, 1))
    steps = gap * np.arange(len(heights))
    pushed = np.maximum.accumulate(np.asarray(heights) - steps)
    return np.minimum(pushed, BOTTOM - steps[-1]) + steps
