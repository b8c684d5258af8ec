"""Agreement of depth estimators on one photo: masks, depth and depth borders."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cuts3d.errors import InputError
from cuts3d.figures.colours import AFFINITY, EIGENVECTOR
from cuts3d.figures.templates import Theme, figure_template, graph_objects

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from cuts3d.run.compare import DepthComparison


def agreement_figure(found: DepthComparison, *, theme: Theme = "light") -> go.Figure:
    """The three matrices of a comparison of depth estimators, with their numbers.

    Args:
        found: Result of `cuts3d.run.compare.compare_depth`.
        theme: `light` or `dark`.

    Returns:
        Matched IoU of the masks and F-score of the depth borders in [0, 1], Spearman's ρ of depth in [−1, 1]; a ρ that
        does not exist is an empty cell.

    Raises:
        ConfigError: The theme is unknown, or Plotly is not installed.
        InputError: No estimator worked.
    """
    if not found.names:
        raise InputError("No depth estimator worked, so there is no agreement to show.")
    go = graph_objects()
    from plotly.subplots import make_subplots

    matrices = (
        ("masks: matched IoU", found.mask_iou, AFFINITY, 0.0),
        ("depth: Spearman's ρ", found.depth_spearman, EIGENVECTOR, -1.0),
        ("depth borders: F-score", found.edge_f, AFFINITY, 0.0),
    )
    figure = make_subplots(rows=1, cols=3, subplot_titles=[m[0] for m in matrices], horizontal_spacing=0.06)
    names = list(found.names)
    for column, (title, values, scale, low) in enumerate(matrices, start=1):
        text = np.where(np.isnan(values), "", np.char.mod("%.2f", values))
        trace = go.Heatmap(
            z=values,
            x=names,
            y=names,
            name=title,
            zmin=low,
            zmax=1.0,
            colorscale=scale.name,
            text=text,
            texttemplate="%{text}",
            showscale=False,
            hoverongaps=False,
            xgap=2,
            ygap=2,
            hovertemplate="%{y} and %{x}: %{z:.3f}<extra></extra>",
        )
        figure.add_trace(trace, row=1, col=column)
        figure.update_yaxes(scaleanchor="x" if column == 1 else f"x{column}", row=1, col=column)
    figure.update_xaxes(type="category", constrain="domain", showgrid=False, title_text="estimator")
    figure.update_yaxes(type="category", constrain="domain", showgrid=False, autorange="reversed", showticklabels=False)
    figure.update_yaxes(showticklabels=True, title_text="estimator", col=1)
    return figure.update_layout(template=figure_template(theme), height=380)
