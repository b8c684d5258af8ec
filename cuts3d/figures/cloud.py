"""The point cloud in 3D, with a layer for each stage and a slider for the partition at each τ_knn (method 1.5, 1.6)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from cuts3d.arrays import IntArray
from cuts3d.errors import InputError
from cuts3d.figures.cloud_layers import CloudLayer, cloud_layers, colour_scale, css_colour_commas
from cuts3d.figures.maps import UNIT
from cuts3d.figures.templates import Theme, graph_objects, new_figure
from cuts3d.grids import fit_longer_side, resize_image, sample_map
from cuts3d.method.depth_range import normalise_depth
from cuts3d.method.point_cloud import photo_cloud

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from cuts3d.types import PointCloud, Segmentation

SIDE = 160  # points along the longer side
SOURCE, SINK = "rgb(240,228,66)", "rgb(86,180,233)"  # as on the page
FIRST = "instances"  # the layer that is shown first, if there is one
EYE = {
    "eye": {"x": 0.55, "y": -1.55, "z": 0.6},
    "up": {"x": 0, "y": 0, "z": 1},
}  # a little above the photo's camera


def cloud_figure(result: Segmentation, *, instance: int = 0, side: int = SIDE, theme: Theme = "light") -> go.Figure:
    """The point cloud: colour, depth, eigenvector, bipartition, partition at each τ_knn, confidence, instances.

    Depth has natural proportions here: its range is one longer image side, whatever `depth_scale` is. The camera stays
    where it was when Plotly draws a new figure of the same `layout.uirevision`.

    Args:
        result: What was found.
        instance: Index of the instance whose NCut, partitions and terminals are shown, from 0.
        side: Points along the longer side.
        theme: `light` or `dark`.

    Returns:
        The first trace has the points (x to the right, y away from the camera, z down); `marker.color` is the index of
        a point's colour in `marker.colorscale`, and `customdata` is its value. Then come the sources and the sinks.
        The drop-down changes the first trace, and so does the slider of τ_knn.

    Raises:
        ConfigError: The theme is unknown, or Plotly is not installed.
        InputError: There is no such instance.
    """
    if not 0 <= instance < max(1, len(result.instances)):
        raise InputError(f"There is no instance with the index {instance}; {len(result.instances)} were found.")
    shape = fit_longer_side(result.image.shape, side, least=2, enlarge=False)
    cloud = _cloud(result, shape)
    z = sample_map(normalise_depth(result.depth, clip_percent=result.config.cloud.depth_clip), shape)
    layers = cloud_layers(result, z, resize_image(result.image, shape), instance)
    figure = new_figure(theme, height=600, margin={"l": 0, "r": 0, "t": 56, "b": 0}, uirevision="cloud")
    first = next((i for i, layer in enumerate(layers) if layer.name == FIRST), 0)
    figure.add_trace(_points(cloud, layers[first]))
    if result.instances:
        _add_terminals(figure, result, instance)
    _add_controls(figure, layers, first)
    figure.update_scenes(
        xaxis={"title": {"text": "x, right"}},
        yaxis={"title": {"text": "depth z, away"}},
        zaxis={"title": {"text": "y, down"}, "autorange": "reversed"},
        aspectmode="data",
        camera=EYE,
        uirevision="cloud",
        domain={"x": [0, 1], "y": [0.12 if figure.layout.sliders else 0, 1]},
    )
    return figure.update_layout(
        legend={"x": 0.99, "xanchor": "right", "y": 0.99, "yanchor": "top", "orientation": "v"},
        meta={"unit": UNIT},
    )


def _cloud(result: Segmentation, shape: tuple[int, int]) -> PointCloud:
    height, width = result.image.shape[:2]
    return photo_cloud(result.depth, (height, width), shape, result.config.cloud, depth_scale=1.0)


def _points(cloud: PointCloud, layer: CloudLayer) -> Any:
    x, y, z = cloud.points.astype(np.float32).T
    style = {key.removeprefix("marker."): value[0] for key, value in _style(layer).items() if key.startswith("marker.")}
    bar = {"x": 0.0, "xanchor": "left", "y": 0.5, "len": 0.5, **style.pop("colorbar")}
    return graph_objects().Scatter3d(
        x=x,
        y=z,
        z=y,
        mode="markers",
        name="points",
        showlegend=False,
        customdata=layer.values,
        hovertemplate=_hover(layer),
        marker={"size": 2.6, "line": {"width": 0}, "cmin": 0, "cmax": 255, "colorbar": bar, **style},
    )


def _style(layer: CloudLayer) -> dict[str, list[Any]]:
    """What a layer changes of the points; each value is that of one trace, as Plotly's `restyle` takes it."""
    bar = layer.bar or {"title": "", "tickvals": [], "ticktext": []}
    return {
        "marker.color": [layer.indices],
        "marker.colorscale": [colour_scale(layer.palette)],
        "marker.showscale": [layer.bar is not None],
        "marker.colorbar": [
            {"title": {"text": bar["title"]}, "tickvals": bar["tickvals"], "ticktext": bar["ticktext"]}
        ],
    }


def _hover(layer: CloudLayer) -> str:
    return f"x %{{x:.3f}}, y %{{z:.3f}}, z %{{y:.3f}}{layer.hover}<extra></extra>"


def _add_terminals(figure: Any, result: Segmentation, instance: int) -> None:
    cut = result.instances[instance].cut
    points = _cloud(result, result.cloud.grid_shape).points
    for name, indices, colour in (("source", cut.sources, SOURCE), ("sink", cut.sinks, SINK)):
        figure.add_trace(_terminal(name, points[indices], colour, indices))


def _terminal(name: str, points: Any, colour: str, indices: IntArray) -> Any:
    x, y, z = points.astype(np.float32).T
    return graph_objects().Scatter3d(
        x=x,
        y=z,
        z=y,
        mode="markers",
        name=name,
        customdata=indices,
        hovertemplate=f"{name}, cell %{{customdata}}<br>x %{{x:.3f}}, y %{{z:.3f}}, z %{{y:.3f}}<extra></extra>",
        marker={"symbol": "diamond", "size": 7, "color": colour, "line": {"width": 1, "color": "rgb(20,24,32)"}},
    )


def _add_controls(figure: Any, layers: Sequence[CloudLayer], first: int) -> None:
    """The drop-down of the layers, one entry for all partitions, and the slider of their τ_knn."""
    partitions = [layer for layer in layers if layer.name == "partition"]
    entries = [layer for layer in layers if layer.tau is None or layer is partitions[-1]]  # the last is the final cut's
    active = entries.index(layers[first])
    figure.update_layout(
        updatemenus=[
            {
                "buttons": [_button(entry, len(partitions)) for entry in entries],
                "active": active,
                "x": 0.01,
                "xanchor": "left",
                "y": 1.0,
                "yanchor": "bottom",
                "pad": {"b": 8},
                "showactive": True,
            }
        ],
        annotations=[
            {"name": "key", "text": _key(layers[first]), "x": 0.01, "y": 0.99, "xref": "paper", "yref": "paper",
             "xanchor": "left", "yanchor": "top", "align": "left"},
        ],
    )  # fmt: skip
    if not partitions:
        return
    place = next(i for i, entry in enumerate(entries) if entry.name == "partition")
    steps = [
        {
            "label": f"{layer.tau:.3f}",
            "name": f"tau_{index}",
            "method": "update",
            "args": [_restyled(layer), {"annotations[0].text": _key(layer), "updatemenus[0].active": place}, [0]],
        }
        for index, layer in enumerate(partitions)
    ]
    slider = {
        "steps": steps,
        "active": len(steps) - 1,
        "visible": layers[first].name == "partition",
        "currentvalue": {"prefix": "τ_knn ", "suffix": f" ({UNIT})"},
        "pad": {"t": 8, "b": 16, "l": 16, "r": 16},
        "x": 0.04,
        "len": 0.92,
        "y": 0.0,
        "yanchor": "bottom",
    }
    figure.update_layout(sliders=[slider])


def _button(layer: CloudLayer, partitions: int) -> dict[str, Any]:
    """An entry of the drop-down: arguments of Plotly's `update`."""
    changed: dict[str, Any] = {"annotations[0].text": _key(layer)}
    if partitions:
        changed["sliders[0].visible"] = layer.name == "partition"
        changed["sliders[0].active"] = partitions - 1
    arguments = [_restyled(layer), changed, [0]]
    return {"label": layer.title, "name": layer.name, "method": "update", "args": arguments}


def _restyled(layer: CloudLayer) -> dict[str, list[Any]]:
    bar = layer.bar or {"title": "", "tickvals": [], "ticktext": []}
    style = {key: value for key, value in _style(layer).items() if key != "marker.colorbar"}
    return {
        **style,
        "marker.colorbar.title.text": [bar["title"]],
        "marker.colorbar.tickvals": [bar["tickvals"]],
        "marker.colorbar.ticktext": [bar["ticktext"]],
        "customdata": [layer.values],
        "hovertemplate": [_hover(layer)],
    }


def _key(layer: CloudLayer) -> str:
    """The categories of a layer as a legend: squares in their colours."""
    return "<br>".join(
        f'<span style="color:{css_colour_commas(colour)}">■</span> {label}' for label, colour in layer.key[:12]
    )
