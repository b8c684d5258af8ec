"""The records that flow from stage to stage.

Arrays are NumPy, row first. Small letters [h, w] are the patch grid (or the cut's grid), capitals [H, W] the photo.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from cuts3d.arrays import BoolArray, FloatArray, ImageArray, IntArray

Progress = Callable[[int, int], None]  # called with the items done and the number of items
DepthKind = Literal["metric", "relative", "disparity"]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class PatchFeatures:
    """Features of a photo on the patch grid.

    Attributes:
        vectors: Raw feature vectors, float32 [h*w, C], row-major over the grid.
        grid_shape: Grid (h, w).
        backbone: Registry name of the network.
        center: Whether the affinity subtracts the mean vector before normalising.
        tokens: Outputs of further blocks for a depth head, each float32 [h*w, C].
    """

    vectors: FloatArray
    grid_shape: tuple[int, int]
    backbone: str
    center: bool = False
    tokens: tuple[FloatArray, ...] = ()


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class DepthMap:
    """Depth of a photo and what its values mean.

    Attributes:
        values: float32 [H', W'] at the estimator's own resolution; NaN where unknown.
        kind: `metric`: metres, larger = farther. `relative`: up to scale and shift, larger = farther.
            `disparity`: inverse depth up to scale and shift, larger = nearer.
        estimator: Who made it, for people.
        source: Registry name of the estimator that made it (see `cuts3d.depth.get_depth`); empty for any other map.
    """

    values: FloatArray
    kind: DepthKind
    estimator: str
    source: str = ""

    def inverse(self) -> FloatArray:
        """Values with larger = nearer: disparity as it is, depth negated or inverted (metric). Float64 [H', W']."""
        values = self.values.astype(np.float64)
        if self.kind == "disparity":
            return values
        if self.kind == "relative":
            return -values
        return 1.0 / np.where(values > 0, values, np.nan)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Bipartition:
    """One NCut of the patch graph (method 1.4).

    Attributes:
        eigenvector: Oriented second generalised eigenvector, float64 [h, w]; NaN at nodes not in the graph.
        mask: Foreground side B, bool [h, w].
        eigenvalue: NCut relaxation value λ₂ of (D − W)x = λDx, in [0, 2]; small = a clean cut.
        seed: Grid position (row, column) of the largest entry.
        corners: How many of the four image corners are foreground after orientation.
        flipped: Whether the orientation rules turned the vector round.
        solver: `lanczos` or the `dense` fallback.
        component: The 4-connected part of B that holds the seed, bool [h, w]: MaskCut's mask.
    """

    eigenvector: FloatArray
    mask: BoolArray
    eigenvalue: float
    seed: tuple[int, int]
    corners: int
    flipped: bool
    solver: Literal["lanczos", "dense"]
    component: BoolArray


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class PointCloud:
    """One point per node of the cut's grid.

    Attributes:
        points: float64 [h*w, 3]; x right, y down, z away, in units of the photo's longer side.
        grid_shape: Grid (h, w).
    """

    points: FloatArray
    grid_shape: tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class KnnGraph:
    """Symmetric k-NN graph of a point cloud, each edge once.

    Attributes:
        edges: Node pairs i < j, int32 [E, 2], sorted by length.
        lengths: Euclidean lengths, float64 [E], ascending.
        num_nodes: Number of points.
    """

    edges: IntArray
    lengths: FloatArray
    num_nodes: int


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class LocalCut:
    """One min-cut in 3D (method 1.5).

    Attributes:
        mask: What is kept: source side within B, in the component of the seed; bool [h, w].
        region: What it was cut from: B, less earlier cuts and crumbs; bool [h, w].
        sources: Flat indices of the source terminals, int64 [S].
        sinks: Flat indices of the sink terminals, int64 [S'].
        flow: Cut value in capacity units (a Gaussian link of length 0 has 1); 0 where truncation alone separated them.
        connected: Whether source and sink were joined before the cut.
        num_edges: Edges left after truncation at τ_knn.
        fallback: Empty, or why MaskCut's component was taken instead.
    """

    mask: BoolArray
    region: BoolArray
    sources: IntArray
    sinks: IntArray
    flow: float
    connected: bool
    num_edges: int
    fallback: str = ""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class SpatialConfidence:
    """Agreement of T cuts (method 1.6).

    Attributes:
        values: Spatial confidence, float32 [h, w] in [0, 1]; 1 outside the mask.
        cuts: The binary cuts BC(t), bool [T, h, w].
        taus: Their thresholds, float64 [T], ascending; the last is τ_knn.
        mean: Mean of `values` inside the mask.
    """

    values: FloatArray
    cuts: BoolArray
    taus: FloatArray
    mean: float


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Instance:
    """One instance mask.

    Attributes:
        mask: bool [H, W] at the photo's size.
        score: Rank among the masks of all photos, in [0, 1], by the rule of `MaskConfig.score`.
        coarse_mask: The mask before the CRF, bool [h, w] on the cut's grid.
        coarse_confidence: Spatial confidence, float32 [h, w] on the cut's grid.
        number: Number of its cut in the order of cutting, from 1; numbers of dropped cuts are missing. The page
            and the files number the entries of `Segmentation.instances` instead.
        ncut: Index of the bipartition it was cut from.
        cut: The min-cut that made it.
    """

    mask: BoolArray
    score: float
    coarse_mask: BoolArray
    coarse_confidence: FloatArray
    number: int
    ncut: int
    cut: LocalCut

    @property
    def confidence(self) -> FloatArray:
        """Spatial confidence at the photo's size, float32 [H, W] in [0, 1]; 1 outside the mask."""
        from cuts3d.grids import resize_map

        values = resize_map(self.coarse_confidence, self.mask.shape)
        values[~self.mask] = 1.0
        return np.clip(values, 0.0, 1.0, out=values)

    @property
    def mean_confidence(self) -> float:
        """Mean spatial confidence inside the mask, in [0, 1] (method 1.6)."""
        inside = self.coarse_confidence[self.coarse_mask]
        return float(inside.mean()) if inside.size else 0.0

    @property
    def area(self) -> int:
        """Pixels of the mask."""
        return int(np.count_nonzero(self.mask))

    @property
    def bbox(self) -> tuple[int, int, int, int]:
        """Box (x, y, width, height) in pixels, as in COCO."""
        from cuts3d.grids import bounding_box

        return bounding_box(self.mask)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class CoarseMask:
    """A baseline's mask before refinement.

    Attributes:
        mask: bool [h, w] on the patch grid.
        score: Its method's own rank among the masks of all photos, in [0, 1].
    """

    mask: BoolArray
    score: float


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class FoundMask:
    """A mask as it is stored as a pseudo-label, whatever method found it.

    Attributes:
        mask: bool [H, W] at the photo's size.
        score: Rank among the masks of all photos, in [0, 1].
        coarse_mask: The mask before the CRF, bool [h, w].
        coarse_confidence: Spatial confidence, float32 [h, w]; None where the method knows none.
        fallback: Empty, or why MaskCut's component was taken instead of a cut in 3D.
    """

    mask: BoolArray
    score: float
    coarse_mask: BoolArray
    coarse_confidence: FloatArray | None = None
    fallback: str = ""

    @classmethod
    def of(cls, instance: Instance) -> FoundMask:
        """What of an instance is stored."""
        return cls(
            mask=instance.mask,
            score=instance.score,
            coarse_mask=instance.coarse_mask,
            coarse_confidence=instance.coarse_confidence,
            fallback=instance.cut.fallback,
        )

    @property
    def mean_confidence(self) -> float:
        """Mean spatial confidence inside the mask, in [0, 1]; 1 where the method knows none."""
        if self.coarse_confidence is None or not self.coarse_mask.any():
            return 1.0
        return float(self.coarse_confidence[self.coarse_mask].mean())


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Dropped:
    """A cut that did not become an instance, and why."""

    ncut: int
    reason: str


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Segmentation:
    """Everything the pipeline found in one photo.

    Attributes:
        image: The photo, uint8 [H, W, 3].
        instances: Masks in the order in which they were cut; disjoint, but for the recursive mode, where they come by
            score and may lie inside one another.
        depth: The depth map as estimated or given.
        features: The patch features.
        importance: Spatial importance on the patch grid, float32 [h, w] in [β, 1], or None where depth is flat or
            sharpening is off.
        bipartitions: The NCuts in order.
        cloud: Point cloud of the whole photo on the cut's grid, before any bipartition.
        confidences: One per instance.
        dropped: Cuts that were rejected.
    """

    image: ImageArray
    instances: tuple[Instance, ...]
    depth: DepthMap
    features: PatchFeatures
    importance: FloatArray | None
    bipartitions: tuple[Bipartition, ...]
    cloud: PointCloud
    confidences: tuple[SpatialConfidence, ...]
    dropped: tuple[Dropped, ...] = field(default=())

    @property
    def back_to_front(self) -> tuple[tuple[int, Instance], ...]:
        """Place in `instances` from 1, and instance, the largest first: painted so, nested masks stay visible."""
        return tuple(sorted(enumerate(self.instances, start=1), key=lambda numbered: -numbered[1].area))

    @property
    def num_fallbacks(self) -> int:
        """Instances that no cut in 3D made: MaskCut's component, or a whole part of a recursive NCut."""
        return sum(bool(i.cut.fallback) for i in self.instances)
