"""The masks of a segmentation over the photo, as a figure that can be zoomed."""

from __future__ import annotations

import base64
import io
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from cuts3d.arrays import ImageArray
from cuts3d.figures.colours import css_colour, instance_rgb
from cuts3d.figures.maps import UNIT, centres, extent_of
from cuts3d.figures.templates import Theme, graph_objects, new_figure
from cuts3d.grids import fit_longer_side, resize_image, sample_map
from cuts3d.io.overlays import draw_overlay, label_map

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from cuts3d.types import Segmentation

SIDE = 720  # longer side of the photo in a figure, pixels
LABELS_SIDE = 240  # longer side of what hovering reads


def masks_figure(result: Segmentation, *, side: int = SIDE, theme: Theme = "light") -> go.Figure:
    """The photo with its masks; hovering names the instance, the legend has its score and confidence.

    Args:
        result: What was found.
        side: Longer side of the picture, pixels.
        theme: `light` or `dark`.

    Raises:
        ConfigError: The theme is unknown, or Plotly is not installed.
    """
    go, shape = graph_objects(), fit_longer_side(result.image.shape, side, enlarge=False)
    figure = new_figure(theme, height=480, hovermode="closest", margin={"t": 20})
    height, width = extent_of(result.image.shape)
    place = centres(shape, result.image.shape)
    figure.add_trace(go.Image(source=picture_uri(reduced_overlay(result, side)), hoverinfo="skip", **place))
    coarse = fit_longer_side(shape, LABELS_SIDE, enlarge=False)
    labels = sample_map(label_map(result).astype(np.float32), coarse)
    figure.add_trace(
        go.Heatmap(
            z=np.where(labels > 0, labels, np.nan),
            name="labels",
            colorscale=[[0, "rgba(0,0,0,0)"], [1, "rgba(0,0,0,0)"]],
            showscale=False,
            hoverongaps=False,
            hovertemplate="instance %{z}<extra></extra>",
            **centres(coarse, result.image.shape),
        )
    )
    for index, instance in enumerate(result.instances):
        figure.add_trace(
            go.Scatter(
                x=[None],
                y=[None],
                mode="markers",
                name=f"{index + 1}: score {instance.score:.2f}, confidence {instance.mean_confidence:.2f}",
                marker={"symbol": "square", "size": 11, "color": css_colour(instance_rgb(index))},
            )
        )
    figure.update_xaxes(range=[0, width], constrain="domain", showgrid=False, zeroline=False, title_text=f"x, {UNIT}")
    figure.update_yaxes(
        range=[height, 0], constrain="domain", scaleanchor="x", showgrid=False, zeroline=False, title_text="y"
    )
    return figure


def reduced_overlay(result: Segmentation, side: int) -> ImageArray:
    """The photo with its masks, uint8 [h, w, 3], at most `side` pixels along the longer side."""
    return resize_image(draw_overlay(result), fit_longer_side(result.image.shape, side, enlarge=False))


def picture_uri(pixels: ImageArray) -> str:
    """A picture, uint8 [h, w, 3], as a data URI: a JPEG of high quality."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=90)
    return f"data:image/jpeg;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"
