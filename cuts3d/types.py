"""The records that the stages pass on (method 1).

Arrays are NumPy arrays, rows first. [h, w] is the patch grid or the grid of the 3D cut; [H, W] is the photo.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from cuts3d.arrays import BoolArray, FloatArray, ImageArray, IntArray
from cuts3d.config import CutS3DConfig

if TYPE_CHECKING:
    import networkx as nx
    import open3d
    from supervision import Detections  # pyright: ignore[reportMissingImports]

    from cuts3d.config import LocalCutConfig

Progress = Callable[[int, int], None]  # called with the items done and the number of items
DepthKind = Literal["metric", "relative", "disparity"]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class PatchFeatures:
    """Features of a photo on the patch grid (method 1.1).

    Attributes:
        vectors: Feature vectors f_i, not normalised, float32 [h*w, C], row-major over the grid; [h*w, 0] where an
            affinity was given instead.
        grid_shape: Grid (h, w).
        backbone: Name of the network in the registry, or `own_features` or `own_affinity` where they were given.
        center: Whether the affinity subtracts the mean vector before normalising.
        tokens: Output tokens of other blocks, for a depth head or a baseline, each float32 [h*w, C].
    """

    vectors: FloatArray
    grid_shape: tuple[int, int]
    backbone: str
    center: bool = False
    tokens: tuple[FloatArray, ...] = ()


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class DepthMap:
    """Depth of a photo, and the meaning of its values.

    Attributes:
        values: float32 [H', W'] at the resolution of the estimator; NaN where unknown.
        kind: `metric`: metres, larger = farther. `relative`: up to scale and shift, larger = farther.
            `disparity`: inverse depth up to scale and shift, larger = nearer.
        estimator: Title of the estimator, to be displayed.
        source: Name of the estimator in the registry (see `cuts3d.depth.get_depth`); empty for any other map.
        notes: What was done to a map of the user, one sentence each, such as which values are unknown.
    """

    values: FloatArray
    kind: DepthKind
    estimator: str
    source: str = ""
    notes: tuple[str, ...] = ()

    def inverse(self) -> FloatArray:
        """Values with larger = nearer, float64 [H', W']: disparity as it is, −relative depth, or 1 / metric depth."""
        values = self.values.astype(np.float64)
        if self.kind == "disparity":
            return values
        if self.kind == "relative":
            return -values
        return 1.0 / np.where(values > 0, values, np.nan)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Bipartition:
    """One normalised cut (NCut) of the patch graph (method 1.4).

    Attributes:
        eigenvector: Second generalised eigenvector x after orientation, float64 [h, w]; NaN at nodes not in the graph.
        mask: Foreground side B = {i : x_i > mean(x)}, bool [h, w].
        eigenvalue: λ₂ of (D − W) x = λ D x, in [0, 2]; the smaller, the weaker the links that are cut.
        seed: Grid position (row, column) of argmax x.
        corners: Number of image corners that are foreground after orientation, 0 to 4.
        flipped: Whether the orientation rules changed the sign of x.
        solver: `lanczos`, or `dense` where Lanczos did not converge.
        component: The 4-connected component of B that contains the seed, bool [h, w]: the mask of MaskCut.
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
    """One point per cell of the grid of the 3D cut (method 1.5, step 2).

    Attributes:
        points: float64 [h*w, 3]; x right, y down, z away from the camera, in units of the longer image side.
        grid_shape: Grid (h, w).
        eye: Position of the pinhole, float64 [3]; None for the orthographic camera.
    """

    points: FloatArray
    grid_shape: tuple[int, int]
    eye: FloatArray | None = None


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class KnnGraph:
    """Symmetric k-NN graph of a point cloud; each edge is listed once (method 1.5, step 4).

    Attributes:
        edges: Pairs of nodes i < j, int32 [E, 2], sorted by length.
        lengths: Euclidean lengths d, float64 [E], ascending.
        num_nodes: Number of points.
        points: Positions of the nodes, float64 [n, 3], as in `PointCloud.points`; None: not known.
    """

    edges: IntArray
    lengths: FloatArray
    num_nodes: int
    points: FloatArray | None = None

    def num_kept(self, tau_knn: float) -> int:
        """Number of edges of length τ_knn or less: the first ones."""
        return int(np.searchsorted(self.lengths, tau_knn, side="right"))

    def to_networkx(
        self, *, tau_knn: float | None = None, options: LocalCutConfig | None = None, cut: LocalCut | None = None
    ) -> nx.Graph:
        """The truncated graph as an `nx.Graph`, ready for `nx.minimum_cut(graph, "source", "sink")` (method 1.5).

        Nodes are the points, 0 to n − 1, with `x`, `y`, `z`. Links have `length` d, `weight` c(d), and `capacity`: c(d)
        as the integer that the max-flow computes with; divided by the graph's attribute `capacity_scale` it is c(d)
        again. The graph's other attributes are `tau_knn`, `sigma_c` and `capacity`.

        With a cut, the nodes also say whether they are in its `region`, on its `source_side` and in its `mask`, and
        there are two more nodes: `"source"`, linked with the sources in the component of the strongest one, and
        `"sink"`, linked with the sinks. These links have no capacity, which means unbounded. Of all minimum cuts, ours
        has the smallest source side; NetworkX may return another one of the same value.

        Args:
            tau_knn: Edges longer than τ_knn are left out; None: that of the options.
            options: τ_knn, σ_c and the form of the capacities; None: the defaults.
            cut: A cut of this graph.

        Raises:
            InputError: The cut belongs to a graph of another size.
        """
        from cuts3d.config import LocalCutConfig
        from cuts3d.errors import InputError
        from cuts3d.graphs import cut_network

        options = LocalCutConfig() if options is None else options
        tau = options.tau_knn if tau_knn is None else tau_knn
        nodes = {} if self.points is None else dict(zip("xyz", self.points.T, strict=True))
        if cut is not None:
            if cut.mask.size != self.num_nodes:
                raise InputError(f"The cut has {cut.mask.size:,} points, the graph {self.num_nodes:,}.")
            nodes |= {"region": cut.region.ravel(), "mask": cut.mask.ravel()}
            nodes |= {} if cut.source_side is None else {"source_side": cut.source_side.ravel()}
        kept = self.num_kept(tau)
        graph = cut_network(
            self.edges[:kept],
            self.lengths[:kept],
            nodes,
            num_nodes=self.num_nodes,
            terminals=None if cut is None else (cut.sources, cut.sinks),
            sigma_c=options.sigma_c,
            form=options.capacity,
        )
        graph.graph["tau_knn"] = float(tau)
        return graph


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class LocalCut:
    """One min-cut in 3D (method 1.5).

    Attributes:
        mask: The mask: source side inside B, only the component of the strongest source; bool [h, w].
        region: The region that was cut: B without earlier cuts and small components; bool [h, w].
        sources: Flat indices of the source terminals, int64 [S].
        sinks: Flat indices of the sink terminals, int64 [S'].
        flow: Value of the cut (a Gaussian edge of length 0 has capacity 1); 0 if truncation separated the terminals.
        connected: Whether a path joined source and sink before the cut.
        num_edges: Number of edges of length τ_knn or less.
        fallback: Empty, or the reason why the component of MaskCut was taken instead.
        source_side: Source side of the minimum cut, bool [h, w], of which the mask is a part; None: there was no cut.
    """

    mask: BoolArray
    region: BoolArray
    sources: IntArray
    sinks: IntArray
    flow: float
    connected: bool
    num_edges: int
    fallback: str = ""
    source_side: BoolArray | None = None


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class SpatialConfidence:
    """Spatial confidence SC = (1/T) Σ_t BC(t) of T cuts (paper; method 1.6).

    Attributes:
        values: SC, float32 [h, w] in [0, 1]; 1 outside the mask.
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
        score: Score in [0, 1] that ranks the masks of all photos, by the rule of `MaskConfig.score`.
        coarse_mask: The mask before the CRF, bool [h, w] on the grid of the 3D cut.
        coarse_confidence: Spatial confidence, float32 [h, w] on the grid of the 3D cut.
        number: Number of its cut in the order of cutting, from 1; numbers of dropped cuts are missing. The page
            and the files number the entries of `Segmentation.instances` instead.
        ncut: Index of its bipartition.
        cut: Its min-cut in 3D.
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
        score: Score in [0, 1] that ranks the masks of all photos, as the baseline defines it.
    """

    mask: BoolArray
    score: float


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class FoundMask:
    """A mask as it is stored as a pseudo-label, from our method or a baseline.

    Attributes:
        mask: bool [H, W] at the photo's size.
        score: Score in [0, 1] that ranks the masks of all photos.
        coarse_mask: The mask before the CRF, bool [h, w].
        coarse_confidence: Spatial confidence, float32 [h, w]; None if the method has none.
        fallback: Empty, or the reason why the component of MaskCut was taken instead of a cut in 3D.
    """

    mask: BoolArray
    score: float
    coarse_mask: BoolArray
    coarse_confidence: FloatArray | None = None
    fallback: str = ""

    @classmethod
    def of(cls, instance: Instance) -> FoundMask:
        """The part of an instance that is stored."""
        return cls(
            mask=instance.mask,
            score=instance.score,
            coarse_mask=instance.coarse_mask,
            coarse_confidence=instance.coarse_confidence,
            fallback=instance.cut.fallback,
        )

    @property
    def mean_confidence(self) -> float:
        """Mean spatial confidence inside the mask, in [0, 1]; 1 if the method has none."""
        if self.coarse_confidence is None or not self.coarse_mask.any():
            return 1.0
        return float(self.coarse_confidence[self.coarse_mask].mean())


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Dropped:
    """A cut that did not become an instance: the index of its bipartition, and the reason."""

    ncut: int
    reason: str


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Segmentation:
    """Everything the pipeline found in one photo.

    Attributes:
        image: The photo, uint8 [H, W, 3].
        instances: Masks in the order in which they were cut, disjoint. In the recursive mode they are ordered by score
            and may be nested.
        depth: The depth map, estimated or given.
        features: The patch features.
        importance: Spatial importance ΔD on the patch grid, float32 [h, w] in [β, 1]; None if depth is constant or
            sharpening is off.
        bipartitions: The NCuts in order.
        cloud: Point cloud of the whole photo on the grid of the 3D cut, before any point moves to the background.
        confidences: One per instance.
        dropped: Cuts that were rejected.
        config: The parameters of the run.
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
    config: CutS3DConfig = field(default_factory=CutS3DConfig)

    @property
    def back_to_front(self) -> tuple[tuple[int, Instance], ...]:
        """Pairs (position in `instances` from 1, instance), largest first, so that nested masks are drawn on top."""
        return tuple(sorted(enumerate(self.instances, start=1), key=lambda numbered: -numbered[1].area))

    @property
    def num_fallbacks(self) -> int:
        """Number of instances without a cut in 3D: the component of MaskCut, or a whole part of a recursive NCut."""
        return sum(bool(i.cut.fallback) for i in self.instances)

    def to_coco(self, file_name: str) -> dict[str, Any]:
        """The instances as a COCO document, as `cuts3d segment` writes it.

        Args:
            file_name: Name of the photo's file, by which an evaluation finds it.
        """
        from cuts3d.io.coco.write import coco_document

        return coco_document(self, file_name=file_name)

    def to_supervision(self, *, compact: bool = True) -> Detections:
        """The instances as `supervision.Detections`, in their order.

        `confidence` holds the scores, `class_id` is 0 and `data["class_name"]` "object". `data` has `number`, `ncut`,
        `area`, `mean_confidence`, `cut_value` and `fallback`, as `Instance` describes them. Boxes are edges of pixels.

        Args:
            compact: Whether masks are `supervision.CompactMask`, which take little memory; False: bool [n, H, W].

        Raises:
            ConfigError: supervision is not installed; it comes with the extra `formats`.
        """
        from cuts3d.formats.sv_detections import to_detections

        data = {
            "number": [i.number for i in self.instances],
            "ncut": [i.ncut for i in self.instances],
            "area": [i.area for i in self.instances],
            "mean_confidence": [i.mean_confidence for i in self.instances],
            "cut_value": [i.cut.flow for i in self.instances],
            "fallback": [i.cut.fallback for i in self.instances],
        }
        masks, scores = [i.mask for i in self.instances], [i.score for i in self.instances]
        h, w = self.image.shape[:2]
        return to_detections(masks, scores, (h, w), data=data, compact=compact)

    def to_open3d(self, *, side: int = 240) -> open3d.t.geometry.PointCloud:
        """The point cloud of the photo for Open3D: x right, y up, z towards the viewer, the longer image side is 1.

        Args:
            side: Points along the longer side.

        Returns:
            One point for each pixel of the reduced photo, row by row, with `positions` float32 [n, 3], `colors` uint8
            [n, 3], `normals` float32 [n, 3] that face the camera, `label` int32 [n, 1] (0 none, i + 1 the i-th
            instance) and `confidence` float32 [n, 1] in [0, 1] (method 1.6).

        Raises:
            MissingPackageError: Open3D is not installed.
        """
        from cuts3d.io.open3d_clouds import segmentation_cloud

        return segmentation_cloud(self, side=side)

    def show(self, *, theme: Literal["light", "dark"] = "light") -> None:
        """Show the photo with its masks: in the notebook, or from a script in the browser.

        Args:
            theme: `light` or `dark`.

        Raises:
            ConfigError: The theme is unknown, or Plotly is not installed.
        """
        from cuts3d.figures.masks import masks_figure

        masks_figure(self, theme=theme).show()

    def show_3d(self, *, instance: int = 0, theme: Literal["light", "dark"] = "light") -> None:
        """Show the point cloud with the layers of all stages: in the notebook, or from a script in the browser.

        Args:
            instance: Index of the instance whose partitions and terminals are shown, from 0.
            theme: `light` or `dark`.

        Raises:
            ConfigError: The theme is unknown, or Plotly is not installed.
            InputError: There is no such instance.
        """
        from cuts3d.figures.cloud import cloud_figure

        cloud_figure(self, instance=instance, theme=theme).show()

    def _repr_html_(self) -> str:
        """The masks over the photo and a table: how notebooks show a segmentation."""
        from cuts3d.figures.notebook import segmentation_html

        return segmentation_html(self)
