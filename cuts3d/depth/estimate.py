"""One call from a photo to its depth."""

from __future__ import annotations

from dataclasses import replace

from cuts3d.arrays import ImageArray
from cuts3d.backbones.features import photo_vectors
from cuts3d.config import FeatureConfig
from cuts3d.depth.loaded import loaded_estimator
from cuts3d.depth.registry import get_depth
from cuts3d.types import DepthMap, PatchFeatures


def estimate_depth(image: ImageArray, name: str = "embedded", *, features: PatchFeatures | None = None) -> DepthMap:
    """Depth of a photo.

    Args:
        image: uint8 [H, W, 3].
        name: Registry name of the estimator.
        features: Features of the same photo. If they carry the tokens that the estimator reads, the backbone does not
            run again.

    Returns:
        The depth map at the estimator's own resolution; its `source` is `name`.

    Raises:
        ConfigError: No estimator has that name.
        WeightsUnavailableError: The weights of the estimator or of its backbone are missing.
    """
    spec = get_depth(name)
    estimate = loaded_estimator(name)
    if not spec.tokens_of:
        return replace(estimate(image, None), source=name)
    fits = features is not None and features.backbone == spec.tokens_of
    if features is None or not fits or len(features.tokens) != len(spec.token_layers):
        features = photo_vectors(image, FeatureConfig(backbone=spec.tokens_of), spec.token_layers)
    return replace(estimate(image, features), source=name)
