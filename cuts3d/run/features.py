"""Features of a photo, kept in the memo of a run."""

from __future__ import annotations

from cuts3d.arrays import ImageArray
from cuts3d.backbones.features import photo_vectors
from cuts3d.config import FeatureConfig
from cuts3d.run.stages import Memo
from cuts3d.types import PatchFeatures


def remembered_vectors(
    image: ImageArray, options: FeatureConfig, memo: Memo, token_layers: tuple[int, ...] = ()
) -> PatchFeatures:
    """Features of a photo through a memo, whose key is (options, token_layers); see `photo_vectors`."""
    return memo("features", (options, token_layers), lambda: photo_vectors(image, options, token_layers))
