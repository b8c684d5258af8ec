"""The stages before the first cut (method 1.1 to 1.3, 1.5): features, depth, affinity, graph weights, point cloud."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass

from cuts3d.arrays import FloatArray, ImageArray
from cuts3d.backbones.features import feature_request, photo_features, tau_ncut_of
from cuts3d.config import CutS3DConfig
from cuts3d.depth import estimate_depth, get_depth
from cuts3d.grids import fit_longer_side, resize_map
from cuts3d.memo import Keyed, Memo
from cuts3d.method.affinity import feature_affinity, graph_weights
from cuts3d.method.depth_range import normalise_depth
from cuts3d.method.importance import sharpen_affinity, spatial_importance
from cuts3d.method.point_cloud import photo_cloud
from cuts3d.run.given import GivenFeatures, centred
from cuts3d.run.stages import StageResult
from cuts3d.types import DepthMap, PatchFeatures, PointCloud


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Scene:
    """The stages of a photo before the first cut. The search, the masks and the score read it.

    Attributes:
        photo: uint8 [H, W, 3].
        config: All parameters.
        features: Patch features.
        depth: The depth map, estimated or given.
        z: Depth on the patch grid, float32 [h, w] in [0, 1], 0 = nearest.
        importance: Spatial importance ΔD, float32 [h, w] in [β, 1]; None if sharpening is off or depth is constant.
        affinity: Cosine affinity A before sharpening, float32 [h*w, h*w] in [0, 1].
        weights: Weights W of the NCut graph, float32 [h*w, h*w]; computed when a cut needs them, and not remembered.
        cloud: Points of the whole photo on the grid of the 3D cut.
    """

    photo: Keyed[ImageArray]
    config: CutS3DConfig
    features: Keyed[PatchFeatures]
    depth: Keyed[DepthMap]
    z: Keyed[FloatArray]
    importance: Keyed[FloatArray | None]
    affinity: Keyed[FloatArray]
    weights: Keyed[FloatArray]
    cloud: Keyed[PointCloud]

    @property
    def grid_shape(self) -> tuple[int, int]:
        """Patch grid (h, w)."""
        return self.features.value.grid_shape

    @property
    def cut_shape(self) -> tuple[int, int]:
        """Grid (h, w) of the 3D cut."""
        return self.cloud.value.grid_shape


def open_scene(
    image: ImageArray,
    config: CutS3DConfig,
    memo: Memo,
    depth: DepthMap | None = None,
    given: GivenFeatures | None = None,
) -> Generator[StageResult, None, Scene]:
    """Compute the stages before the first cut.

    Args:
        image: uint8 [H, W, 3].
        config: All parameters.
        memo: Remembers stages of this photo.
        depth: The user's own depth map; it overrides the estimator.
        given: Features or an affinity of the user's own, which override the backbone; `own_config` fits to them.

    Yields:
        Features, depth, importance, affinity and sharpened affinity, each as soon as it is computed.

    Returns:
        The scene.
    """
    get_depth(config.depth.depth)  # an unknown name is an error, even if the user's own depth map overrides it
    photo = memo.given(image)
    if given is None:
        features = photo_features(photo, feature_request(config.features), memo)
    else:
        features = memo("features", centred, memo.given(given.features), config.features.center)
    yield StageResult("features", features.value)
    if depth is None:
        found = memo("depth", estimate_depth, photo, config.depth.depth, features=features)
    else:
        found = memo.given(depth)
    yield StageResult("depth", found.value)
    grid_shape, clip = features.value.grid_shape, config.cloud.depth_clip
    z = memo("z", _depth_on_grid, found, grid_shape, clip)
    o = config.importance
    importance: Keyed[FloatArray | None] = Keyed(None, lambda: None)
    if o.sharpen:
        importance = memo("importance", spatial_importance, z, beta=o.beta, sigma=o.sigma)
    yield StageResult("importance", importance.value)
    own = None if given is None else given.affinity
    affinity = memo("affinity", feature_affinity, features) if own is None else memo.given(own)
    yield StageResult("affinity", affinity.value)
    sharpened = affinity
    if importance.value is not None:
        sharpened = memo(
            "sharpened", sharpen_affinity, affinity, importance, pair_rule=o.pair_rule, direction=o.direction
        )
    yield StageResult("sharpened", sharpened.value)
    a, shape = config.affinity, (image.shape[0], image.shape[1])
    tau = tau_ncut_of(config)
    return Scene(
        photo=photo,
        config=config,
        features=features,
        depth=found,
        z=z,
        importance=importance,
        affinity=affinity,
        weights=memo.lazy("weights", graph_weights, sharpened, tau_ncut=tau, epsilon=a.epsilon, mode=a.affinity),
        cloud=memo(
            "cloud", photo_cloud, found, shape, cut_grid(grid_shape, shape, config.cloud.cut_size), config.cloud
        ),
    )


def cut_grid(grid_shape: tuple[int, int], photo_shape: tuple[int, int], cut_size: int | None) -> tuple[int, int]:
    """Grid of the 3D cut: the patch grid, or one of `cut_size` points along the longer side of the photo.

    A grid coarser than the patches is never used.
    """
    if cut_size is None:
        return grid_shape
    h, w = fit_longer_side(photo_shape, cut_size, least=2)
    return (max(h, grid_shape[0]), max(w, grid_shape[1]))


def _depth_on_grid(depth: DepthMap, grid_shape: tuple[int, int], clip_percent: float) -> FloatArray:
    return resize_map(normalise_depth(depth, clip_percent=clip_percent), grid_shape)
