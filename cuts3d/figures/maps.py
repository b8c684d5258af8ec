"""Maps over the photo as heatmaps: their place, their axes in one unit, and panels side by side."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cuts3d.arrays import FloatArray
from cuts3d.figures.colours import Scale
from cuts3d.figures.templates import Theme, figure_template, graph_objects

if TYPE_CHECKING:
    import plotly.graph_objects as go

UNIT = "fraction of the longer image side"  # of x, y and τ_knn alike
PANEL = 230  # height of a row of panels, pixels


def extent_of(photo_shape: tuple[int, ...]) -> tuple[float, float]:
    """Height and width of a photo in fractions of its longer side."""
    longer = max(photo_shape[:2])
    return photo_shape[0] / longer, photo_shape[1] / longer


def centres(grid: tuple[int, ...], photo_shape: tuple[int, ...]) -> dict[str, float]:
    """`x0`, `dx`, `y0`, `dy` of a heatmap: centres of the cells, in fractions of the longer image side."""
    height, width = extent_of(photo_shape)
    dy, dx = height / grid[0], width / grid[1]
    return {"x0": dx / 2, "dx": dx, "y0": dy / 2, "dy": dy}


def cell_position(cell: tuple[int, int], grid: tuple[int, ...], photo_shape: tuple[int, ...]) -> tuple[float, float]:
    """Centre (x, y) of a cell (row, column), in fractions of the longer image side."""
    place = centres(grid, photo_shape)
    return place["x0"] + cell[1] * place["dx"], place["y0"] + cell[0] * place["dy"]


def heatmap(values: FloatArray, scale: Scale, photo_shape: tuple[int, ...], **options: Any) -> Any:
    """A map over the photo.

    Args:
        values: Float [h, w]; NaN stays empty.
        scale: Colour map.
        photo_shape: (height, width, …) of the photo.
        options: Of `plotly.graph_objects.Heatmap`; a colour bar has a fixed length, however many panels there are.
    """
    if "colorbar" in options:
        options["colorbar"] = {"lenmode": "pixels", "len": 170, "y": 1, "yanchor": "top", **options["colorbar"]}
    place = centres(values.shape, photo_shape)
    return graph_objects().Heatmap(z=values, colorscale=scale.name, **{**place, "hoverongaps": False, **options})


def panels(titles: Sequence[str], photo_shape: tuple[int, ...], theme: Theme, *, columns: int = 3) -> go.Figure:
    """Empty panels with the photo's proportions, at most `columns` in a row, with one zoom and one pan for all.

    Args:
        titles: One per panel.
        photo_shape: (height, width, …) of the photo.
        theme: `light` or `dark`.
        columns: Panels in a row.
    """
    graph_objects()  # says what is missing
    from plotly.subplots import make_subplots

    columns = min(columns, len(titles))
    rows = math.ceil(len(titles) / columns)
    height, width = extent_of(photo_shape)
    figure = make_subplots(
        rows=rows,
        cols=columns,
        subplot_titles=list(titles),
        shared_xaxes="all",
        shared_yaxes="all",
        horizontal_spacing=0.05 / columns,
        vertical_spacing=min(0.16, 0.34 / rows),
    )
    tall = PANEL * min(1.6, max(0.6, 3 / columns * height / width))
    figure.update_layout(template=figure_template(theme), height=round(90 + rows * (tall + 30)))
    figure.update_layout(hovermode="closest", margin={"r": 80})
    figure.update_xaxes(range=[0, width], constrain="domain", showgrid=False, zeroline=False, showticklabels=False)
    figure.update_yaxes(range=[height, 0], constrain="domain", showgrid=False, zeroline=False, showticklabels=False)
    figure.update_yaxes(scaleanchor="x", row=1, col=1)  # the other axes match these
    figure.update_xaxes(title_text=f"x, {UNIT}" if columns == 1 else "x", showticklabels=True, row=rows)
    figure.update_yaxes(title_text="y", showticklabels=True, col=1)
    return figure


def place_of(index: int, figure: Any) -> dict[str, int]:
    """`row` and `col` of a panel, from 1."""
    columns = len(figure._grid_ref[0])
    return {"row": index // columns + 1, "col": index % columns + 1}


def ring(x: float, y: float, name: str, symbol: str = "circle-open") -> Any:
    """A mark over a map: a white ring in a dark one, legible on any colour."""
    marker = {"symbol": symbol, "size": 13, "color": "#ffffff", "line": {"width": 3, "color": "#ffffff"}}
    hover = f"{name}<br>x %{{x:.3f}}, y %{{y:.3f}}<extra></extra>"
    return graph_objects().Scatter(
        x=[x], y=[y], mode="markers", name=name, marker=marker, hovertemplate=hover, showlegend=False
    )


def symmetric_range(values: FloatArray) -> tuple[float, float, float]:
    """Lowest colour, mean and highest colour of an eigenvector: the mean, the threshold of B, is in the middle."""
    mean = float(np.nanmean(values))
    reach = max(float(np.nanmax(np.abs(values - mean))), 1e-12)
    return mean - reach, mean, mean + reach
