"""No depth: all points at the same distance. The affinity is not sharpened, and LocalCut cuts in the image plane."""

from __future__ import annotations

import numpy as np

from cuts3d.arrays import ImageArray
from cuts3d.depth.registry import DepthSpec, Estimate, register_depth
from cuts3d.grids import fit_longer_side
from cuts3d.types import DepthMap, PatchFeatures

SIDE = 64  # longer side of the map


def load_flat() -> Estimate:
    """An estimator that returns the same distance everywhere."""

    def estimate(image: ImageArray, features: PatchFeatures | None) -> DepthMap:
        del features
        values = np.full(fit_longer_side(image.shape, SIDE), 0.5, np.float32)
        return DepthMap(values=values, kind="relative", estimator="none (flat)")

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
