"""Self-supervised backbones, one file per family. Importing this package registers all of them."""

from cuts3d.backbones import embedded  # first, so that it is the first of every list

# isort: split
from cuts3d.backbones import diffncuts, dinov3, hub
from cuts3d.backbones.registry import BackboneSpec, FeatureKind, get_backbone, list_backbones, register_backbone
from cuts3d.backbones.vit import ViTBackbone, extract_batch, extract_features

__all__ = [
    "BackboneSpec",
    "FeatureKind",
    "ViTBackbone",
    "diffncuts",
    "dinov3",
    "embedded",
    "extract_batch",
    "extract_features",
    "get_backbone",
    "hub",
    "list_backbones",
    "register_backbone",
]
