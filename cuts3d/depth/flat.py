"""No depth: every point at one distance. Sharpening is skipped, and LocalCut cuts in the plane."""

from __future__ import annotations

import numpy as np

from cuts3d.arrays import ImageArray
from cuts3d.depth.registry import DepthSpec, Estimate, register_depth
from cuts3d.types import DepthMap, PatchFeatures


def load_flat() -> Estimate:
    """Estimator function that sees everything at one distance."""

    def estimate(image: ImageArray, features: PatchFeatures | None) -> DepthMap:
        del features
        side = 64
        h, w = image.shape[:2]
        shape = (max(1, round(side * h / max(h, w))), max(1, round(side * w / max(h, w))))
        return DepthMap(values=np.full(shape, 0.5, np.float32), kind="relative", estimator="none (flat)")

    return estimate


register_depth(
    DepthSpec(
        name="none",
        title="No depth (flat)",
        kind="relative",
        source="built in",
        trained_on="nothing",
        licence="Apache-2.0",
        load=load_flat,
        embedded=True,
    )
)
