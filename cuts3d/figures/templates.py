"""The light and the dark template of all figures: everything that depends on the theme.

A page changes the theme of a drawn figure by giving it the other template; no trace names a colour of the theme itself.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any, Literal, get_args

from cuts3d.errors import ConfigError, shown

if TYPE_CHECKING:
    import plotly.graph_objects as go

Theme = Literal["light", "dark"]
FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, sans-serif'
CASING = "rgba(118, 126, 138, 0.75)"  # outlines pale and dark lines alike on either background


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ink:
    """Colours of a theme; those of lines are by Okabe and Ito, lightened or darkened for the background."""

    paper: str
    plot: str
    text: str
    quiet: str
    grid: str
    lines: tuple[str, ...]


_INKS = {
    "light": _Ink(
        paper="#ffffff",
        plot="#f6f7f9",
        text="#1f2937",
        quiet="#5b6573",
        grid="#dfe3e9",
        lines=("#0072b2", "#d55e00", "#008060", "#b3568f", "#8a6d00", "#3d3d9e"),
    ),
    "dark": _Ink(
        paper="#12161c",
        plot="#1a2029",
        text="#e6e9ee",
        quiet="#a3adba",
        grid="#323a46",
        lines=("#56b4e9", "#f0903c", "#35c79a", "#dd93bd", "#f0e442", "#a9a9f5"),
    ),
}


def graph_objects() -> Any:
    """The module `plotly.graph_objects`.

    Raises:
        ConfigError: Plotly is not installed.
    """
    try:
        import plotly.graph_objects
    except ImportError:
        raise ConfigError("Figures need Plotly: run 'pip install \"cuts3d[figures]\"'.") from None
    return plotly.graph_objects


@cache
def figure_template(theme: Theme) -> go.layout.Template:
    """Background, fonts, grids and line colours of a theme; `figure.update_layout(template=…)` changes a figure's.

    Args:
        theme: `light` or `dark`.

    Raises:
        ConfigError: The theme is neither, or Plotly is not installed.
    """
    if theme not in _INKS:
        raise ConfigError(f"Unknown theme {shown(theme)}; choose one of: {', '.join(get_args(Theme))}.")
    ink, go = _INKS[theme], graph_objects()
    axis = {
        "gridcolor": ink.grid,
        "linecolor": ink.quiet,
        "zerolinecolor": ink.grid,
        "tickcolor": ink.quiet,
        "tickfont": {"color": ink.quiet},
        "title": {"standoff": 8},
        "automargin": True,
    }
    room = {
        "backgroundcolor": ink.plot,
        "gridcolor": ink.grid,
        "linecolor": ink.quiet,
        "zerolinecolor": ink.grid,
        "tickfont": {"color": ink.quiet, "size": 10},
    }
    bar = {"outlinewidth": 0, "thickness": 12, "tickfont": {"color": ink.quiet, "size": 11}}
    control = {"bgcolor": ink.plot, "bordercolor": ink.grid, "font": {"color": ink.text, "size": 13}}
    template = go.layout.Template(
        layout={
            "paper_bgcolor": ink.paper,
            "plot_bgcolor": ink.plot,
            "font": {"family": FONT, "size": 13, "color": ink.text},
            "colorway": list(ink.lines),
            "xaxis": axis,
            "yaxis": axis,
            "scene": {"xaxis": room, "yaxis": room, "zaxis": room},
            "margin": {"l": 56, "r": 24, "t": 40, "b": 52},
            "hoverlabel": {"font": {"family": FONT, "size": 12}},
            "legend": {"orientation": "h", "x": 0, "y": 1.02, "yanchor": "bottom", "font": {"size": 12}},
            "shapedefaults": {"line": {"color": ink.text}, "label": {"font": {"color": ink.text}}},
            "annotationdefaults": {"font": {"color": ink.text, "size": 12}, "showarrow": False},
            "updatemenudefaults": control,
            "sliderdefaults": {
                "bgcolor": ink.grid,
                "bordercolor": ink.grid,
                "activebgcolor": ink.quiet,
                "tickcolor": ink.quiet,
                "font": {"color": ink.quiet, "size": 11},
                "currentvalue": {"font": {"color": ink.text, "size": 13}},
            },
        },
    )
    template.data.heatmap = [go.Heatmap(colorbar=bar)]
    template.data.scatter3d = [go.Scatter3d(marker={"colorbar": bar})]
    template.data.contour = [go.Contour(line={"color": "#ffffff"})]
    return template


def new_figure(theme: Theme, **layout: Any) -> go.Figure:
    """An empty figure in a theme; `layout` is Plotly's."""
    return graph_objects().Figure(layout={"template": figure_template(theme), **layout})
