"""Depth and spatial importance side by side (method 1.3 and 1.5)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cuts3d.figures.colours import DEPTH, IMPORTANCE
from cuts3d.figures.maps import heatmap, panels
from cuts3d.figures.templates import Theme
from cuts3d.method.depth_range import normalise_depth

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from cuts3d.types import Segmentation

SIDE = 320  # longer side of the depth map in the figure
UNITS = {"metric": "m", "relative": "relative, no unit", "disparity": "disparity, no unit"}


def depth_figure(result: Segmentation, *, theme: Theme = "light") -> go.Figure:
    """Depth z with 0 the nearest, and spatial importance ΔD in [β, 1]; near and edges are bright.

    Args:
        result: What was found.
        theme: `light` or `dark`.

    Returns:
        Two panels. Hovering over depth gives the map's own value, in metres where it is metric.

    Raises:
        ConfigError: The theme is unknown, or Plotly is not installed.
        InputError: The depth map has too few usable values.
    """
    shape = result.image.shape
    figure = panels(["Depth z", "Spatial importance ΔD"], shape, theme, columns=2)
    z = normalise_depth(result.depth, clip_percent=result.config.cloud.depth_clip)
    step = max(1, max(z.shape) // SIDE)
    values = result.depth.values[::step, ::step]
    figure.add_trace(
        heatmap(
            z[::step, ::step],
            DEPTH,
            shape,
            name="depth",
            zmin=0.0,
            zmax=1.0,
            reversescale=True,  # near is bright
            customdata=values,
            hovertemplate=f"z %{{z:.3f}}<br>map: %{{customdata:.4g}} ({UNITS[result.depth.kind]})<extra></extra>",
            colorbar=_bar("z", (0.0, 1.0), ("0 near", "1 far"), x=1.0),
        ),
        row=1,
        col=1,
    )
    if result.importance is None:
        words = "no sharpening: it is off,<br>or the depth is constant"
        figure.add_annotation(text=words, x=0.5, y=0.5, xref="x2 domain", yref="y2 domain")
        return figure
    beta = min(result.config.importance.beta, 0.999)
    figure.add_trace(
        heatmap(
            np.asarray(result.importance),
            IMPORTANCE,
            shape,
            name="importance",
            zmin=beta,
            zmax=1.0,
            hovertemplate="ΔD %{z:.3f}<extra></extra>",
            colorbar=_bar("ΔD", (beta, 1.0), (f"{beta:.2f} flat", "1 edge"), x=1.0),
        ),
        row=1,
        col=2,
    )
    for bar, edge in zip((trace.colorbar for trace in figure.data), ("bottom", "top"), strict=True):
        bar.update(y=0.5, yanchor=edge, lenmode="fraction", len=0.5)
    return figure


def _bar(title: str, values: tuple[float, float], texts: tuple[str, str], *, x: float) -> dict[str, object]:
    return {"title": {"text": title}, "tickvals": list(values), "ticktext": list(texts), "x": x}
