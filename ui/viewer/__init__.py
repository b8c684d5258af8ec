"""The 3D viewer: one point cloud with switchable layers, in Gradio or as one file."""

from ui.viewer.component import viewer
from ui.viewer.payload import (
    Layer,
    base_payload,
    cloud_shape,
    label_layer,
    layers_payload,
    link_sample,
    partition_layers,
    scalar_layer,
)
from ui.viewer.standalone import standalone_html

__all__ = [
    "Layer",
    "base_payload",
    "cloud_shape",
    "label_layer",
    "layers_payload",
    "link_sample",
    "partition_layers",
    "scalar_layer",
    "standalone_html",
    "viewer",
]
