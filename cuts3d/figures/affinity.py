"""The affinity of one patch to all others: its distribution with τ_ncut, and its maps before and after sharpening."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from cuts3d.arrays import FloatArray
from cuts3d.errors import InputError
from cuts3d.figures.colours import AFFINITY
from cuts3d.figures.maps import cell_position, heatmap, panels, place_of, ring
from cuts3d.figures.templates import Theme, graph_objects, new_figure

if TYPE_CHECKING:
    import plotly.graph_objects as go

BINS = 50


def affinity_histogram_figure(
    before: ArrayLike, after: ArrayLike, tau_ncut: float, *, editable: bool = True, theme: Theme = "light"
) -> go.Figure:
    """Similarities of one patch to all, before and after sharpening, with τ_ncut (method 1.2).

    Bins are [i/50, (i+1)/50), the last closed. Heights have a square-root scale, so that a bin of one patch stays
    visible next to one of hundreds. τ_ncut is the shape `tau_ncut`; dragging it sends Plotly's event
    `plotly_relayout` with `shapes[0].x0`. `layout.meta` has the similarities, to count what lies above it.

    Args:
        before: Similarities in [0, 1], float [n]; others are clipped, NaN dropped.
        after: The same after sharpening, float [n].
        tau_ncut: Threshold in [0, 1]; a patch is linked above it.
        editable: Whether the threshold can be dragged.
        theme: `light` or `dark`.

    Raises:
        ConfigError: The theme is unknown, or Plotly is not installed.
    """
    go = graph_objects()
    sides = {"before": _finite(before), "after": _finite(after)}
    figure = new_figure(theme, height=340, hovermode="x unified", margin={"t": 64})
    edges = np.linspace(0.0, 1.0, BINS + 1)
    middles, top = (edges[:-1] + edges[1:]) / 2, 1
    for name, values in sides.items():
        counts = np.histogram(np.clip(values, 0, 1), bins=BINS, range=(0, 1))[0]
        top = max(top, int(counts.max()))
        figure.add_trace(
            go.Scatter(
                x=middles,
                y=np.sqrt(counts),
                customdata=counts,
                name=f"{name} sharpening: {_percentage_above(values, tau_ncut)} linked",
                mode="lines",
                line={"shape": "hvh", "width": 2, "dash": "dot" if name == "before" else "solid"},
                fill="tozeroy" if name == "after" else None,
                hovertemplate="%{customdata} patches",
            )
        )
    ticks = _root_ticks(top)
    figure.update_xaxes(title_text="similarity to the chosen patch, in [0, 1]", range=[0, 1])
    figure.update_yaxes(
        title_text="patches, √ scale", tickvals=np.sqrt(ticks), ticktext=[f"{t:,}" for t in ticks], rangemode="tozero"
    )
    figure.add_shape(
        type="line",
        name="tau_ncut",
        x0=tau_ncut,
        x1=tau_ncut,
        y0=0,
        y1=1,
        yref="paper",
        line={"width": 3},
        label={"text": f"τ_ncut {tau_ncut:.3f}", "textposition": "end", "textangle": 0, "yanchor": "bottom"},
        editable=editable,
    )
    figure.update_layout(meta={name: [round(float(v), 4) for v in np.sort(side)] for name, side in sides.items()})
    return figure


def patch_affinity_figure(
    before: FloatArray,
    after: FloatArray,
    patch: tuple[int, int],
    photo_shape: tuple[int, ...],
    *,
    theme: Theme = "light",
) -> go.Figure:
    """Affinity of every patch to one, before and after sharpening (method 1.2 and 1.3), on the fixed scale 0 to 1.

    Args:
        before: Affinity to the patch, float [h, w] on the patch grid.
        after: The same after sharpening.
        patch: Row and column of the patch.
        photo_shape: (height, width, …) of the photo.
        theme: `light` or `dark`.

    Raises:
        ConfigError: The theme is unknown, or Plotly is not installed.
        InputError: The two maps differ in shape, or the patch lies outside.
    """
    if before.shape != after.shape or not all(0 <= p < n for p, n in zip(patch, before.shape, strict=True)):
        raise InputError(f"The patch {patch} must lie on one grid of both maps; got {before.shape} and {after.shape}.")
    figure = panels(["before sharpening", "after sharpening"], photo_shape, theme, columns=2)
    x, y = cell_position(patch, before.shape, photo_shape)
    for index, (name, values) in enumerate((("before", before), ("after", after))):
        bar = {"title": {"text": "affinity"}, "tickvals": [0, 0.5, 1], "ticktext": ["0 unlike", "0.5", "1 alike"]}
        place = place_of(index, figure)
        trace = heatmap(
            values,
            AFFINITY,
            photo_shape,
            name=name,
            zmin=0.0,
            zmax=1.0,
            showscale=index == 0,
            colorbar=bar,
            hovertemplate="x %{x:.3f}, y %{y:.3f}<br>affinity %{z:.3f}<extra></extra>",
        )
        figure.add_trace(trace, **place)
        figure.add_trace(ring(x, y, "the patch"), **place)
    return figure


def _finite(values: ArrayLike) -> FloatArray:
    flat = np.asarray(values, dtype=np.float64).reshape(-1)
    return flat[np.isfinite(flat)]


def _percentage_above(values: FloatArray, tau: float) -> str:
    return f"{100 * float(np.mean(values > tau)):.1f} %" if values.size else "–"


def _root_ticks(top: int) -> list[int]:
    """Round counts from 0 to `top`, far enough apart on a square-root axis."""
    kept = [0]
    for power in range(math.ceil(math.log10(max(top, 2))) + 1):
        for value in (10**power, 2 * 10**power, 5 * 10**power):
            if value <= top and math.sqrt(value) - math.sqrt(kept[-1]) >= 0.14 * math.sqrt(top):
                kept.append(value)
    return kept
