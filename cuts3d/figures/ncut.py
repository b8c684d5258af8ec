"""The normalised cuts: the spectrum of one, and the eigenvectors of all (method 1.4)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from cuts3d.errors import InputError
from cuts3d.figures.colours import EIGENVECTOR
from cuts3d.figures.maps import cell_position, centres, heatmap, panels, place_of, ring, symmetric_range
from cuts3d.figures.templates import Theme, graph_objects, new_figure

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from cuts3d.types import Segmentation

TICKS = ["background", "mean", "object"]
SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def spectrum_figure(eigenvalues: ArrayLike, *, theme: Theme = "light") -> go.Figure:
    """The smallest generalised eigenvalues of (D − W)x = λDx, with λ₂ of the cut and the gap after it (method 1.4).

    Args:
        eigenvalues: λ₁ ≤ λ₂ ≤ …, float [m], as `Explorer.spectrum` gives them; λ₁ is 0.
        theme: `light` or `dark`.

    Returns:
        λ₂ is the trace `the cut`. The gap λ₃ − λ₂ says how much better the best cut is than the next.

    Raises:
        ConfigError: The theme is unknown, or Plotly is not installed.
        InputError: There are fewer than two eigenvalues, or one is not finite.
    """
    values = np.asarray(eigenvalues, dtype=np.float64).reshape(-1)
    if values.size < 2 or not np.isfinite(values).all():
        raise InputError("A spectrum needs at least two finite eigenvalues.")
    go = graph_objects()
    numbers = np.arange(1, values.size + 1)
    names = ["λ" + str(n).translate(SUBSCRIPTS) for n in numbers]
    figure = new_figure(theme, height=320, margin={"t": 56})
    for label, chosen in (("other eigenvalues", numbers != 2), (f"the cut: λ₂ = {values[1]:.3g}", numbers == 2)):
        figure.add_trace(
            go.Scatter(
                x=numbers[chosen],
                y=values[chosen],
                text=[name for name, c in zip(names, chosen, strict=True) if c],
                name=label,
                mode="markers",
                marker={"size": 13 if values[1] in values[chosen] else 10},
                error_y={"type": "data", "symmetric": False, "array": 0 * values[chosen], "arrayminus": values[chosen],
                         "width": 0, "thickness": 2},
                hovertemplate="%{text} = %{y:.6g}<extra></extra>",
            )
        )  # fmt: skip
    if values.size > 2:
        gap = values[2] - values[1]
        figure.add_shape(
            type="rect", name="gap", x0=1.5, x1=3.5, y0=values[1], y1=values[2], line={"width": 0}, opacity=0.16,
            fillcolor="#808a99", layer="below",
        )  # fmt: skip
        figure.add_annotation(
            x=1.5, y=values[2], text=f"gap λ₃ − λ₂ = {gap:.3g}", xanchor="left", yanchor="bottom", xshift=4
        )
    figure.update_xaxes(title_text="eigenvalue of (D − W)x = λDx", tickvals=numbers, ticktext=names, showgrid=False)
    figure.update_yaxes(title_text="λ, in [0, 2]", rangemode="tozero")
    return figure


def eigenvectors_figure(result: Segmentation, *, most: int = 6, theme: Theme = "light") -> go.Figure:
    """The eigenvector of each NCut, with the border of its bipartition B and its seed (method 1.4).

    Args:
        result: What was found.
        most: Panels at most; the first NCuts are shown.
        theme: `light` or `dark`.

    Returns:
        One panel per NCut. Its colours are centred on mean(x), the threshold of B; the white line is B's border.

    Raises:
        ConfigError: The theme is unknown, or Plotly is not installed.
        InputError: There is no NCut.
    """
    if not result.bipartitions:
        raise InputError("The segmentation has no NCut whose eigenvector could be shown.")
    shown, go, shape = result.bipartitions[:most], graph_objects(), result.image.shape
    titles = [f"NCut {n}, λ₂ = {b.eigenvalue:.3g}" for n, b in enumerate(shown, start=1)]
    figure = panels(titles, shape, theme)
    for index, partition in enumerate(shown):
        low, mean, high = symmetric_range(partition.eigenvector)
        place = place_of(index, figure)
        bar = {
            "title": {"text": "x_i"},
            "tickvals": [low, mean, high],
            "ticktext": ["background", "0", "object"],
        }
        trace = heatmap(
            partition.eigenvector,
            EIGENVECTOR,
            shape,
            name=f"eigenvector {index + 1}",
            zmin=low,
            zmax=high,
            showscale=index == 0,
            colorbar=bar,
            hovertemplate="x_i %{z:.4g}<extra></extra>",
        )
        figure.add_trace(trace, **place)
        border = go.Contour(
            z=partition.mask.astype(np.uint8),
            contours={"start": 0.5, "end": 0.5, "size": 1, "coloring": "none"},
            line={"width": 2},
            showscale=False,
            showlegend=False,
            hoverinfo="skip",
            name=f"border of B {index + 1}",
            **centres(partition.mask.shape, shape),
        )
        figure.add_trace(border, **place)
        figure.add_trace(ring(*cell_position(partition.seed, partition.mask.shape, shape), "seed"), **place)
    return figure
