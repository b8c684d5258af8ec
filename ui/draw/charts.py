"""Charts of the affinity and of the spectrum as inline SVG, for `gr.HTML`. They follow a slider without remounting.

Text that must stay legible on a phone is HTML around the drawing, since text inside an SVG shrinks with it. Colours are
classes in `charts.css`, so that they follow the page's light and dark mode.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from html import escape
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from cuts3d.arrays import FloatArray, IntArray
from ui.draw.chart_parts import (
    BOTTOM,
    LEFT,
    RIGHT,
    TOP,
    Axes,
    figure_html,
    finite,
    grid_lines,
    key_html,
    nice_ticks,
    svg_html,
    x_axis,
)

CHART_CSS = Path(__file__).with_suffix(".css").read_text(encoding="utf-8")
CHART_JS = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")

BINS = 50
TICK_GAP = 30  # smallest distance of two labels on the √ axis, viewBox units
SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def affinity_histogram(before: ArrayLike, after: ArrayLike, tau: float) -> str:
    """Similarities of one patch to all, before and after sharpening, with τ_ncut as a line to drag.

    Bins are [i/50, (i+1)/50), the last closed; heights are numbers of patches on a √ scale, so that a bin of one stays
    visible next to a bin of hundreds. Needs `CHART_JS` for the drag, which sends the event `input` with `{tau}`.

    Args:
        before: Similarities in [0, 1], float [n]; others are clipped, NaN dropped.
        after: The same after sharpening, float [n].
        tau: τ_ncut in [0, 1]; a patch is linked above it.

    Returns:
        HTML of one figure.
    """
    sides = {"before": finite(before), "after": finite(after)}
    tau = min(1.0, max(0.0, float(tau)))
    counts = {name: np.histogram(np.clip(v, 0, 1), bins=BINS, range=(0, 1))[0] for name, v in sides.items()}
    linked = {name: _percentage_above(values, tau) for name, values in sides.items()}
    axes = Axes(0.0, 1.0, float(max(1, *(int(c.max()) for c in counts.values()))), root=True)
    summary = (
        f"Linked above τ_ncut {tau:.3f}: {linked['before']} of the patches before sharpening, {linked['after']} after."
    )
    drawn = [
        f'<g role="img" aria-label="{escape(summary)}">',
        grid_lines(axes, _root_ticks(axes), "{:g}"),
        x_axis(axes, np.linspace(0, 1, 6), "similarity to the chosen patch"),
        _linked_band(axes.x(tau)),
        *(_steps(axes, counts[name], name) for name in sides),
        *_bin_tooltips(axes, counts["before"], counts["after"]),
        "</g>",
        _tau_grip(axes.x(tau), tau),
    ]
    keys = [key_html(name, f"{name}: <b>{linked[name]}</b> linked") for name in sides]
    svg = svg_html(drawn, "Similarities of the chosen patch, with the threshold τ_ncut", role="group")
    extra = f' data-tau="{tau:.4f}" data-left="{LEFT}" data-right="{RIGHT}"'
    return figure_html("affinity-chart", "patches, √ scale", keys, svg, extra)


def spectrum_chart(eigenvalues: ArrayLike, gap_after: int = 1) -> str:
    """The smallest generalised eigenvalues of (D − W)x = λDx as lollipops, λ₂ (the cut's) highlighted.

    Args:
        eigenvalues: λ₁ ≤ λ₂ ≤ …, float [m]; λ₁ is 0.
        gap_after: Index (from 0) of the eigenvalue after which the gap is marked; 1: λ₃ − λ₂, which says how much
            better the best cut is than the next.

    Returns:
        HTML of one figure.
    """
    values = finite(eigenvalues)
    count = values.size
    ticks = nice_ticks(0.0, float(values.max(initial=0.0)))
    axes = Axes(-0.6, max(count, 1) - 0.4, ticks[-1])
    drawn = [grid_lines(axes, ticks, "{:g}"), x_axis(axes, (), "smallest eigenvalues of (D − W)x = λDx")]
    every = math.ceil(max(count, 1) / 12)
    for index, value in enumerate(values):
        drawn.append(_lollipop(axes, index, float(value), labelled=index == 1 or index % every == 0))
    keys, summary = [], "No eigenvalues."
    if count > 1:
        keys.append(key_html("cut", f"<b>λ₂ = {values[1]:.3g}</b>, the cut"))
        summary = f"The {count} smallest eigenvalues; the cut is λ₂ = {values[1]:.3g}."
    if 0 <= gap_after < count - 1:
        lower, upper = float(values[gap_after]), float(values[gap_after + 1])
        names = f"{_lambda(gap_after)} to {_lambda(gap_after + 1)}"
        drawn.append(_gap_mark(axes, gap_after, lower, upper))
        keys.append(key_html("gap", f"gap {names}: <b>{upper - lower:.3g}</b>"))
        summary += f" Gap from {names}: {upper - lower:.3g}."
    return figure_html("spectrum-chart", "eigenvalue λ", keys, svg_html(drawn, summary))


def _percentage_above(values: FloatArray, tau: float) -> str:
    return f"{100 * float(np.mean(values > tau)):.1f} %" if values.size else "–"


def _root_ticks(axes: Axes) -> list[float]:
    """Round counts that are far enough apart on the √ axis, largest first, then 0."""
    kept: list[float] = []
    for power in range(math.floor(math.log10(axes.top)), -1, -1):
        for value in (m * 10.0**power for m in (5, 2, 1)):
            above = axes.y(kept[-1]) if kept else TOP - TICK_GAP
            if value <= axes.top and axes.y(value) - above >= TICK_GAP and BOTTOM - axes.y(value) >= TICK_GAP:
                kept.append(value)
    return [*kept, 0.0]


def _steps(axes: Axes, counts: IntArray, kind: str) -> str:
    edges = np.linspace(0, 1, counts.size + 1)
    steps = "".join(f"V{axes.y(int(c)):.1f}H{axes.x(e):.1f}" for c, e in zip(counts, edges[1:], strict=True))
    return f'<path class="steps {kind}" d="M{LEFT},{BOTTOM}{steps}V{BOTTOM}"/>'


def _bin_tooltips(axes: Axes, before: IntArray, after: IntArray) -> Iterable[str]:
    width = (RIGHT - LEFT) / before.size
    for i, (old, new) in enumerate(zip(before, after, strict=True)):
        words = f"{i / before.size:.2f} to {(i + 1) / before.size:.2f}: {old} patches before, {new} after"
        box = f'x="{axes.x(i / before.size):.1f}" y="{TOP}" width="{width:.1f}" height="{BOTTOM - TOP}"'
        yield f'<rect class="bin" {box}><title>{words}</title></rect>'


def _linked_band(x: float) -> str:
    """The part above τ; a nested SVG clips it, so that the script only needs to move it."""
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


def _lollipop(axes: Axes, index: int, value: float, *, labelled: bool) -> str:
    x, y, name = axes.x(index), axes.y(value), _lambda(index)
    kind = "stick cut" if index == 1 else "stick"
    label = f'<text x="{x:.1f}" y="{BOTTOM + 5}" dy=".9em" text-anchor="middle">{name}</text>' if labelled else ""
    return (
        f'<g class="{kind}"><title>{name} = {value:.6g}</title>'
        f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{BOTTOM}" y2="{y:.1f}"/>'
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{8 if index == 1 else 6}"/>{label}</g>'
    )


def _gap_mark(axes: Axes, index: int, lower: float, upper: float) -> str:
    x, y0, y1 = axes.x(index + 0.5), axes.y(lower), axes.y(upper)
    return f'<path class="gap" d="M{x - 6:.1f},{y0:.1f}h12M{x - 6:.1f},{y1:.1f}h12M{x:.1f},{y0:.1f}V{y1:.1f}"/>'
