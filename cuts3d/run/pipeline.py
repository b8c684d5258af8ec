"""The stages in the order of the paper, as a generator. Each result is yielded as soon as it is there."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable, Iterator

from cuts3d.arrays import FloatArray, ImageArray
from cuts3d.config import CutS3DConfig, RefineConfig
from cuts3d.depth import estimate_depth, get_depth, normalise_depth
from cuts3d.grids import resize_map
from cuts3d.method.affinity import cosine_affinity
from cuts3d.method.importance import sharpen_affinity, spatial_importance
from cuts3d.run.features import remembered_vectors
from cuts3d.run.masks import photo_masks
from cuts3d.run.search import Iteration
from cuts3d.run.stages import Memo, Stage, StageResult, compute_always
from cuts3d.types import DepthMap, Dropped, Instance, PatchFeatures, Segmentation, SpatialConfidence


def run_pipeline(
    image: ImageArray, config: CutS3DConfig, *, depth: DepthMap | None = None, memo: Memo = compute_always
) -> Iterator[StageResult]:
    """Segment one photo, stage by stage.

    Args:
        image: uint8 [H, W, 3].
        config: All parameters.
        depth: A depth map of the user's own, in place of the estimator.
        memo: Remembers stages between calls; see `cuts3d.run.explorer`.

    Yields:
        Every stage's result in order; `coarse` is the `Segmentation` before the CRF, the last is the final one.
    """
    features, features_key = photo_features(image, config, depth, memo)
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

    iteration = Iteration(image, config, features, found, affinity, memo, (sharpened_key, depth_key))
    yield from iteration.run(sharpened)

    def segmentation(name: Stage, options: RefineConfig) -> Iterator[StageResult]:
        instances: list[Instance] = []
        confidences: list[SpatialConfidence] = []
        dropped = list(iteration.dropped)
        for made in photo_masks(iteration, options):
            if isinstance(made, Dropped):
                dropped.append(made)
                continue
            instances.append(made[0])
            confidences.append(made[1])
            if name == "segmentation":
                yield StageResult("refine", made[0], made[0].number - 1)
        result = Segmentation(
            image=image,
            instances=tuple(instances),
            depth=found,
            features=features,
            importance=importance,
            bipartitions=tuple(iteration.bipartitions),
            cloud=iteration.cloud,
            confidences=tuple(confidences),
            dropped=tuple(dropped),
        )
        yield StageResult(name, result)

    yield from segmentation("coarse", dataclasses.replace(config.refine, crf=False))
    yield from segmentation("segmentation", config.refine)


def photo_features(
    image: ImageArray, config: CutS3DConfig, depth: DepthMap | None, memo: Memo
) -> tuple[PatchFeatures, Hashable]:
    """Features of a photo, with the tokens that the depth estimator reads, and the key they are remembered by."""
    options, source = config.features, get_depth(config.depth.depth)
    shared = depth is None and source.tokens_of == options.backbone
    layers = source.token_layers if shared else ()
    key = (options, layers)
    return remembered_vectors(image, options, memo, layers), key


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
