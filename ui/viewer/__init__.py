"""The 3D viewer: one point cloud with switchable layers, in Gradio or as one file."""

from ui.viewer.component import viewer
from ui.viewer.layers import ColourScale, Layer, label_layer, partition_layers, scalar_layer
from ui.viewer.links import link_sample
from ui.viewer.payload import ShownCut, layers_payload
from ui.viewer.photo_cloud import base_payload, cloud_shape
from ui.viewer.standalone import standalone_html

__all__ = [
    "ColourScale",
    "Layer",
    "ShownCut",
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
