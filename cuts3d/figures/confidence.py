"""Spatial confidence: what each cut of the τ_knn sweep keeps, and how much (method 1.6)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from cuts3d.errors import InputError
from cuts3d.figures.colours import CONFIDENCE, css_colour, instance_rgb
from cuts3d.figures.maps import UNIT, heatmap, panels, place_of
from cuts3d.figures.templates import CASING, Theme, graph_objects, new_figure

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from cuts3d.types import Segmentation, SpatialConfidence

SYMBOLS = ("circle", "square", "diamond", "triangle-up", "triangle-down", "cross", "x", "pentagon")


def confidence_sweep_figure(result: Segmentation, instance: int = 0, *, theme: Theme = "light") -> go.Figure:
    """Heatmaps of confidence across the sweep of τ_knn, as small multiples, with their mean last (method 1.6).

    Args:
        result: What was found.
        instance: Index of the instance, from 0.
        theme: `light` or `dark`.

    Returns:
        T + 1 panels. The panel of τ_t has a value where the cut BC(t) keeps a cell: the fraction of all T cuts that
        keep it. The last panel is the spatial confidence SC inside the mask, with its lower limit.

    Raises:
        ConfigError: The theme is unknown, or Plotly is not installed.
        InputError: There is no such instance.
    """
    sweep, cut = _sweep(result, instance), result.instances[instance].cut
    kept = sweep.cuts.mean(axis=0, dtype=np.float32)
    titles = [f"τ_knn {t:.3f}: {100 * c.mean():.1f} %" for t, c in zip(sweep.taus, sweep.cuts, strict=True)]
    figure = panels([*titles, f"SC, mean {sweep.mean:.2f}"], result.image.shape, theme)
    maps = [np.where(c, kept, np.nan) for c in sweep.cuts] + [np.where(cut.mask, sweep.values, np.nan)]
    words = ["%{z:.2f} of the cuts keep it", "SC %{z:.2f}"]
    bar = {"title": {"text": "kept by"}, "tickvals": [0, 0.5, 1], "ticktext": ["0 cuts", "half", "all"]}
    for index, values in enumerate(maps):
        trace = heatmap(
            values,
            CONFIDENCE,
            result.image.shape,
            name=titles[index] if index < len(titles) else "SC",
            zmin=0.0,
            zmax=1.0,
            showscale=index == 0,
            colorbar=bar,
            hovertemplate=f"{words[index == len(titles)]}<extra></extra>",
        )
        figure.add_trace(trace, **place_of(index, figure))
    return figure


def area_figure(
    confidences: Sequence[SpatialConfidence], *, tau_knn: float | None = None, theme: Theme = "light"
) -> go.Figure:
    """Area of the cuts against τ_knn, one line per instance: where a line is flat, the mask does not depend on τ_knn.

    Args:
        confidences: Sweeps of the instances, as in `Segmentation.confidences`.
        tau_knn: Marked on the axis; None: the largest τ_knn of the sweeps, that of the final cut.
        theme: `light` or `dark`.

    Returns:
        Each line in the colour and with the number of its instance.

    Raises:
        ConfigError: The theme is unknown, or Plotly is not installed.
        InputError: There is no sweep.
    """
    if not confidences:
        raise InputError("There is no sweep over τ_knn to show: no instance was found.")
    go = graph_objects()
    tau = float(confidences[0].taus[-1]) if tau_knn is None else tau_knn
    figure = new_figure(theme, height=340, hovermode="x unified", margin={"t": 64})
    for index, sweep in enumerate(confidences):
        areas = 100.0 * sweep.cuts.mean(axis=(1, 2))
        casing = {"color": CASING, "width": 5}
        figure.add_trace(
            go.Scatter(x=sweep.taus, y=areas, mode="lines", line=casing, hoverinfo="skip", showlegend=False)
        )
        colour = css_colour(instance_rgb(index))
        marker = {"size": 9, "symbol": SYMBOLS[index % len(SYMBOLS)], "line": {"width": 1, "color": CASING}}
        figure.add_trace(
            go.Scatter(
                x=sweep.taus,
                y=areas,
                name=f"instance {index + 1}",
                mode="lines+markers",
                line={"color": colour, "width": 3},
                marker={**marker, "color": colour},
                hovertemplate="%{y:.1f} %",
            )
        )
    figure.add_shape(
        type="line",
        name="tau_knn",
        x0=tau,
        x1=tau,
        y0=0,
        y1=1,
        yref="paper",
        line={"width": 2, "dash": "dash"},
        label={"text": f"τ_knn {tau:.3g}", "textposition": "end", "textangle": 0, "yanchor": "bottom"},
    )
    figure.update_xaxes(title_text=f"τ_knn, {UNIT}")
    figure.update_yaxes(title_text="area of the cut, % of the photo", rangemode="tozero")
    return figure


def _sweep(result: Segmentation, instance: int) -> SpatialConfidence:
    if not 0 <= instance < len(result.confidences):
        raise InputError(f"There is no instance with the index {instance}; {len(result.confidences)} were found.")
    return result.confidences[instance]
