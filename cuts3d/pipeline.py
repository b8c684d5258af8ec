"""The stages in the order of the paper, as a generator. Each result is yielded as soon as it is there."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, Protocol, TypeVar

import numpy as np

from cuts3d.affinity import cosine_affinity, graph_weights
from cuts3d.backbones import extract_features, get_backbone
from cuts3d.confidence import spatial_confidence
from cuts3d.config import CutS3DConfig
from cuts3d.depth import estimate_depth, get_depth, normalise_depth
from cuts3d.grids import iou, resize_image, resize_map, resize_mask, sample_map, without_crumbs
from cuts3d.importance import sharpen_affinity, spatial_importance
from cuts3d.local_cut import eigenvector_on, knn_graph, local_cut
from cuts3d.models import loaded_backbone
from cuts3d.ncut import bipartition
from cuts3d.point_cloud import back_project, send_to_background
from cuts3d.refine import refine_mask
from cuts3d.types import (
    Bipartition,
    BoolArray,
    DepthMap,
    Dropped,
    FloatArray,
    ImageArray,
    Instance,
    LocalCut,
    PatchFeatures,
    Segmentation,
    SpatialConfidence,
)

Stage = Literal[
    "features",
    "depth",
    "importance",
    "affinity",
    "sharpened",
    "ncut",
    "graph",
    "local_cut",
    "confidence",
    "refine",
    "segmentation",
]
T = TypeVar("T")
MAX_TINY_CUTS = 8  # cuts of one region that may come out too small before it counts as used up


class Memo(Protocol):
    """Computes a stage, or returns what an equal key gave before."""

    def __call__(self, stage: Stage, key: Hashable, compute: Callable[[], T]) -> T:
        """Result of `compute()`, perhaps remembered."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class StageResult:
    """One finished stage.

    Attributes:
        stage: Its name.
        value: What it made.
        index: Which bipartition (`ncut`) or which cut (`graph` to `refine`) it belongs to; 0 before the iteration.
    """

    stage: Stage
    value: Any
    index: int = 0


def compute_always(stage: Stage, key: Hashable, compute: Callable[[], T]) -> T:
    """The memo that remembers nothing."""
    del stage, key
    return compute()


def run_pipeline(
    image: ImageArray, config: CutS3DConfig, *, depth: DepthMap | None = None, memo: Memo = compute_always
) -> Iterator[StageResult]:
    """Segment one photo, stage by stage.

    Args:
        image: uint8 [H, W, 3].
        config: All parameters.
        depth: A depth map of the user's own, in place of the estimator.
        memo: Remembers stages between calls; see `cuts3d.explorer`.

    Yields:
        Every stage's result in order; the last is the `Segmentation`.
    """
    features, features_key = _features(image, config, depth, memo)
    yield StageResult("features", features)
    depth_key = ("own", id(depth)) if depth is not None else (config.depth, features_key)
    found = depth or memo("depth", depth_key, lambda: estimate_depth(image, config.depth.depth, features=features))
    yield StageResult("depth", found)
    z = normalise_depth(found, clip_percent=config.cloud.depth_clip)

    importance_key = (depth_key, features.grid_shape, config.importance.sharpen, config.importance.beta,
                      config.importance.sigma, config.cloud.depth_clip)  # fmt: skip
    importance = memo("importance", importance_key, lambda: _importance(z, features, config))
    yield StageResult("importance", importance)
    affinity = memo("affinity", features_key, lambda: cosine_affinity(features.vectors, center=features.center))
    yield StageResult("affinity", affinity)
    sharpened_key = (features_key, importance_key, config.importance)
    sharpened = memo("sharpened", sharpened_key, lambda: _sharpen(affinity, importance, config))
    yield StageResult("sharpened", sharpened)

    iteration = _Iteration(image, config, features.grid_shape, z, memo, (sharpened_key, depth_key))
    yield from iteration.run(sharpened)
    yield from iteration.refine()
    yield StageResult(
        "segmentation",
        Segmentation(
            image=image,
            instances=tuple(iteration.instances),
            depth=found,
            features=features,
            importance=importance,
            bipartitions=tuple(iteration.bipartitions),
            cloud=iteration.cloud,
            confidences=tuple(iteration.confidences),
            dropped=tuple(iteration.dropped),
        ),
    )


def _features(
    image: ImageArray, config: CutS3DConfig, depth: DepthMap | None, memo: Memo
) -> tuple[PatchFeatures, Hashable]:
    options, source = config.features, get_depth(config.depth.depth)
    shared = depth is None and source.tokens_of == options.backbone
    layers = source.token_layers if shared else ()
    key = (options, layers)
    spec = get_backbone(options.backbone)

    def compute() -> PatchFeatures:
        return extract_features(
            loaded_backbone(options.backbone),
            spec,
            image,
            image_size=options.image_size,
            feature=options.feature,
            layer=options.layer,
            center=options.center,
            token_layers=layers,
        )

    return memo("features", key, compute), key


def _importance(z: FloatArray, features: PatchFeatures, config: CutS3DConfig) -> FloatArray | None:
    if not config.importance.sharpen:
        return None
    coarse = resize_map(z, features.grid_shape)
    return spatial_importance(coarse, beta=config.importance.beta, sigma=config.importance.sigma)


def _sharpen(affinity: FloatArray, importance: FloatArray | None, config: CutS3DConfig) -> FloatArray:
    if importance is None:
        return affinity
    options = config.importance
    return sharpen_affinity(affinity, importance, pair_rule=options.pair_rule, direction=options.direction)


def cut_grid(grid_shape: tuple[int, int], photo_shape: tuple[int, int], cut_size: int | None) -> tuple[int, int]:
    """Grid of the 3D cut: the patch grid, or one of `cut_size` points along the photo's longer side.

    A grid coarser than the patches is never used.
    """
    if cut_size is None:
        return grid_shape
    h, w = (max(2, round(cut_size * side / max(photo_shape))) for side in photo_shape)
    return (max(h, grid_shape[0]), max(w, grid_shape[1]))


class _Iteration:
    """Instances one after another: NCut, then LocalCut inside its region (method 1.4, 1.5)."""

    def __init__(
        self,
        image: ImageArray,
        config: CutS3DConfig,
        grid_shape: tuple[int, int],
        z: FloatArray,
        memo: Memo,
        key: Hashable,
    ) -> None:
        self.image, self.config, self.memo, self.key = image, config, memo, key
        self.grid_shape = grid_shape
        self.shape = cut_grid(grid_shape, image.shape[:2], config.cloud.cut_size)
        options = config.cloud
        self.cloud = back_project(
            sample_map(z, self.shape),
            image.shape[:2],
            camera=options.camera,
            field_of_view=options.field_of_view,
            depth_scale=options.depth_scale,
        )
        spec = get_backbone(config.features.backbone)
        self.tau_ncut = spec.tau_ncut if config.affinity.tau_ncut is None else config.affinity.tau_ncut
        self.bipartitions: list[Bipartition] = []
        self.cuts: list[tuple[int, LocalCut]] = []
        self.confidences: list[SpatialConfidence] = []
        self.instances: list[Instance] = []
        self.dropped: list[Dropped] = []

    @property
    def _full(self) -> bool:
        return len(self.cuts) >= self.config.masks.max_instances

    def run(self, sharpened: FloatArray) -> Iterator[StageResult]:
        """Cut until N masks are found, a cut is rejected, or nothing is left."""
        options = self.config.masks
        weights: FloatArray | None = None

        def graph() -> FloatArray:
            nonlocal weights
            if weights is None:
                c = self.config.affinity
                weights = graph_weights(sharpened, tau_ncut=self.tau_ncut, epsilon=c.epsilon, mode=c.affinity)
            return weights

        nodes = np.ones(self.grid_shape, dtype=bool)
        while not self._full and np.count_nonzero(nodes) > max(2, options.min_area * nodes.size):
            key = (self.key, self.config.affinity, nodes.tobytes())
            partition = self.memo("ncut", key, lambda n=nodes: bipartition(graph(), self.grid_shape, nodes=n))
            index = len(self.bipartitions)
            self.bipartitions.append(partition)
            yield StageResult("ncut", partition, index)
            reason = self._reject_partition(partition)
            if reason:
                self.dropped.append(Dropped(ncut=index, reason=reason))
                return
            before = len(self.cuts)
            yield from self._cut_region(partition, index, key)
            taken = [resize_mask(cut.mask, self.grid_shape) for n, cut in self.cuts[before:]]
            used = partition.mask if options.region == "exhaust" else np.zeros_like(nodes)
            after = nodes & ~np.logical_or.reduce([used, *taken])
            if len(self.cuts) == before or (after == nodes).all():
                self.dropped.append(Dropped(ncut=index, reason="no cut of its region was large enough"))
                return
            nodes = after

    def _reject_partition(self, partition: Bipartition) -> str:
        options = self.config.masks
        if options.max_ncut is not None and partition.eigenvalue > options.max_ncut:
            return f"NCut value {partition.eigenvalue:.3f} is above {options.max_ncut:g}: nothing stands out any more"
        if np.count_nonzero(partition.mask) <= options.min_area * partition.mask.size:
            return "the bipartition is smaller than the least area"
        return ""

    def _cut_region(self, partition: Bipartition, index: int, ncut_key: Hashable) -> Iterator[StageResult]:
        """LocalCut inside one bipartition: once, or until what is left is too small."""
        options = self.config
        eigenvector = eigenvector_on(partition, self.shape)
        region = resize_mask(partition.mask, self.shape) & ~np.isnan(eigenvector)
        component: BoolArray | None = resize_mask(partition.component, self.shape) & region
        least = options.masks.min_area * region.size
        tiny = 0
        while not self._full and tiny < MAX_TINY_CUTS:
            region = without_crumbs(region, least)
            if not region.any():
                return
            graph_key = (ncut_key, region.tobytes(), options.cloud, options.graph)
            graph = self.memo("graph", graph_key, lambda r=region: self._graph(r))
            yield StageResult("graph", graph, len(self.cuts))
            cut_key = (graph_key, options.local_cut, options.masks.min_area)
            cut = self.memo(
                "local_cut", cut_key, lambda g=graph, r=region, c=component: self._local_cut(g, eigenvector, r, c)
            )
            accepted = np.count_nonzero(cut.mask) > least
            if accepted:
                number = len(self.cuts)
                self.cuts.append((index, cut))
                yield StageResult("local_cut", cut, number)
                confidence = self.memo(
                    "confidence",
                    (cut_key, options.confidence),
                    lambda g=graph, r=region, c=cut: self._confidence(g, c, r),
                )
                self.confidences.append(confidence)
                yield StageResult("confidence", confidence, number)
            tiny += not accepted
            if options.masks.region == "once":
                return
            region = region & ~cut.mask
            component = None  # later cuts of a region have no MaskCut counterpart to fall back to

    def _graph(self, region: BoolArray) -> Any:
        options = self.config.cloud
        cloud = send_to_background(
            self.cloud, region, background_depth=options.background_depth, depth_scale=options.depth_scale
        )
        return knn_graph(cloud, k_neighbors=self.config.graph.k_neighbors)

    def _local_cut(self, graph: Any, eigenvector: FloatArray, region: BoolArray, component: Any) -> LocalCut:
        options = self.config.local_cut
        return local_cut(
            graph,
            eigenvector,
            region,
            tau_knn=options.tau_knn,
            sigma_c=options.sigma_c,
            terminals=options.terminals,
            terminal_fraction=options.terminal_fraction,
            capacity=options.capacity,
            min_area=self.config.masks.min_area,
            component=component,
        )

    def _confidence(self, graph: Any, cut: LocalCut, region: BoolArray) -> SpatialConfidence:
        options, local = self.config.confidence, self.config.local_cut
        return spatial_confidence(
            graph,
            cut,
            region,
            tau_knn=local.tau_knn,
            tau_knn_min=options.tau_knn_min,
            num_cuts=options.num_cuts,
            confidence_floor=options.confidence_floor,
            sigma_c=local.sigma_c,
            capacity=local.capacity,
        )

    def refine(self) -> Iterator[StageResult]:
        """Bring every cut to the photo: CRF at the network's input size, then the photo's; earlier masks win."""
        spec = get_backbone(self.config.features.backbone)
        side = self.config.features.image_size or spec.image_size
        small = resize_image(self.image, (side, side))
        taken = np.zeros(self.image.shape[:2], dtype=bool)
        kept: list[SpatialConfidence] = []
        for number, ((index, cut), confidence) in enumerate(zip(self.cuts, self.confidences, strict=True)):
            coarse = resize_mask(cut.mask, (side, side))
            key = (side, self.config.refine, cut.mask.shape, cut.mask.tobytes())
            refined, reason = self.memo("refine", key, lambda m=coarse: refine_mask(small, m, self.config.refine))
            mask = resize_mask(refined, self.image.shape[:2])
            if not reason and iou(mask, taken) > self.config.masks.max_overlap:
                reason = "it repeats an earlier mask"
            mask &= ~taken
            if not reason and not mask.any():
                reason = "earlier masks cover it"
            if reason:
                self.dropped.append(Dropped(ncut=index, reason=reason))
                continue
            taken |= mask
            instance = Instance(
                mask=mask,
                score=confidence.mean / (number + 1),
                coarse_mask=cut.mask,
                coarse_confidence=confidence.values,
                ncut=index,
                cut=cut,
            )
            self.instances.append(instance)
            kept.append(confidence)
            yield StageResult("refine", instance, number)
        self.confidences = kept
