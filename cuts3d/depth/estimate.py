"""One call from a photo to its depth."""

from __future__ import annotations

from cuts3d.arrays import ImageArray
from cuts3d.depth.registry import get_depth
from cuts3d.types import DepthMap, PatchFeatures


def estimate_depth(image: ImageArray, name: str = "embedded", *, features: PatchFeatures | None = None) -> DepthMap:
    """Depth of a photo.

    Args:
        image: uint8 [H, W, 3].
        name: A registered estimator.
        features: Features of the same photo; where they carry the tokens that the estimator reads, the backbone does
            not run again.

    Returns:
        The depth map at the estimator's own resolution.
    """
    from cuts3d.config import FeatureConfig
    from cuts3d.depth.loaded import loaded_estimator
    from cuts3d.run.features import photo_vectors

    spec = get_depth(name)
    estimate = loaded_estimator(name)
    if not spec.tokens_of:
        return estimate(image, None)
    fits = features is not None and features.backbone == spec.tokens_of
    if features is None or not fits or len(features.tokens) != len(spec.token_layers):
        features = photo_vectors(image, FeatureConfig(backbone=spec.tokens_of), spec.token_layers)
    return estimate(image, features)
