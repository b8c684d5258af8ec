"""Plotly figures."""

from __future__ import annotations

import numpy as np
import plotly.graph_objects as go

from cuts3d.config import CutS3DConfig
from cuts3d.export import PALETTE, dense_cloud
from cuts3d.types import Segmentation

CLOUD_POINTS_SIDE = 110
HEIGHT = 440


def cloud_figure(result: Segmentation, config: CutS3DConfig) -> go.Figure:
    """The photo as a point cloud that can be turned, its instances tinted.

    Args:
        result: What was found.
        config: For the camera.

    Returns:
        A figure of fixed height.
    """
    points, colours, labels = dense_cloud(result, config, side=CLOUD_POINTS_SIDE)
    tint = np.concatenate([np.zeros((1, 3)), PALETTE[np.arange(max(1, labels.max())) % len(PALETTE)]])[labels]
    mixed = np.where(labels[:, None] > 0, 0.45 * colours + 0.55 * tint, colours).astype(np.uint8)
    cloud = go.Scatter3d(
        x=points[:, 0],
        y=points[:, 2],
        z=points[:, 1],
        mode="markers",
        marker={"size": 2.4, "color": [f"#{r:02x}{g:02x}{b:02x}" for r, g, b in mixed]},
        hoverinfo="skip",
    )
    hidden = {"visible": False, "showbackground": False}
    figure = go.Figure(cloud)
    figure.update_layout(
        height=HEIGHT,
        margin={"l": 0, "r": 0, "t": 0, "b": 0},
        paper_bgcolor="rgba(0,0,0,0)",
        showlegend=False,
        uirevision="keep",
        scene={
            "xaxis": hidden,
            "yaxis": hidden,
            "zaxis": hidden,
            "aspectmode": "data",
            "camera": {"eye": {"x": 0.3, "y": -1.25, "z": 0.32}, "center": {"x": 0, "y": 0, "z": 0.06}},
            "dragmode": "orbit",
        },
    )
    return figure
