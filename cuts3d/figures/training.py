"""Curves of a training: losses against steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import ArrayLike

from cuts3d.arrays import FloatArray
from cuts3d.errors import InputError
from cuts3d.figures.templates import Theme, graph_objects, new_figure

if TYPE_CHECKING:
    import plotly.graph_objects as go

MOST_POINTS = 240  # largest number of points of a line
DASHES = ("solid", "dash", "dot", "dashdot", "longdash", "longdashdot")
Lines = Mapping[str, tuple[ArrayLike, ArrayLike]]


def metric_lines(metrics: Sequence[Mapping[str, float]], names: Sequence[str] = ("loss",)) -> dict[str, tuple]:
    """Lines of `training_figure` from the metrics of each step, as `metrics.jsonl` has them.

    Args:
        metrics: One record per step, with `step` and metrics by name.
        names: Which metrics.

    Returns:
        Steps and values by name, each float64 [n]; steps without the metric are left out.

    Raises:
        InputError: No record has one of the metrics.
    """
    lines = {}
    for name in names:
        pairs = [(float(one["step"]), float(one[name])) for one in metrics if name in one and "step" in one]
        if not pairs:
            known = ", ".join(sorted({key for one in metrics for key in one} - {"step"})) or "none"
            raise InputError(f"No step has the metric '{name}'; there are: {known}.")
        steps, values = np.array(pairs).T
        lines[name] = (steps, values)
    return lines


def training_figure(
    lines: Lines, *, end: int | None = None, y_title: str = "loss, no unit", theme: Theme = "light"
) -> go.Figure:
    """Losses against training steps, one line for each training or metric.

    Args:
        lines: Steps and values by name, each [n]; long ones are drawn as means over equal numbers of steps.
        end: Last step of the axis; None: the last step of the lines.
        y_title: Name and unit of the values.
        theme: `light` or `dark`.

    Raises:
        ConfigError: The theme is unknown, or Plotly is not installed.
        InputError: A line has not as many values as steps.
    """
    go = graph_objects()
    figure = new_figure(theme, height=340, hovermode="x unified", margin={"t": 56})
    for index, (name, (steps, values)) in enumerate(lines.items()):
        x, y, size = _means(name, steps, values)
        last = f": {y[-1]:.3g}" if y.size else ""
        mean = f" (mean of {size} steps)" if size > 1 else ""
        figure.add_trace(
            go.Scatter(
                x=x,
                y=y,
                name=name + last,
                mode="lines" if x.size > 1 else "markers",
                line={"width": 2.5, "dash": DASHES[index % len(DASHES)]},
                hovertemplate=f"%{{y:.4g}}{mean}",
            )
        )
    figure.update_xaxes(title_text="training step", rangemode="tozero")
    if end is not None:
        figure.update_xaxes(range=[0, end])
    figure.update_yaxes(title_text=y_title, rangemode="tozero")
    return figure


def _means(name: str, steps: ArrayLike, values: ArrayLike) -> tuple[FloatArray, FloatArray, int]:
    """A line with at most `MOST_POINTS` points, each the mean of equally many steps, and how many."""
    x, y = (np.asarray(one, dtype=np.float64).reshape(-1) for one in (steps, values))
    if x.size != y.size:
        raise InputError(f"The line '{name}' has {x.size} steps but {y.size} values.")
    known = np.isfinite(x) & np.isfinite(y)
    x, y = x[known], y[known]
    size = -(-x.size // MOST_POINTS)
    if size <= 1:
        return x, y, 1
    starts = np.arange(0, x.size, size)
    counts = np.diff(np.append(starts, x.size))
    return np.add.reduceat(x, starts) / counts, np.add.reduceat(y, starts) / counts, size
