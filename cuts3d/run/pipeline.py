"""All stages in the order of the paper (method 1), as a generator: each result is yielded as soon as it is computed."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from cuts3d.arrays import ImageArray
from cuts3d.config import CutS3DConfig, RefineConfig, own_config
from cuts3d.memo import Memo, forgetful
from cuts3d.run.given import GivenFeatures
from cuts3d.run.masks import photo_masks
from cuts3d.run.scene import Scene, open_scene
from cuts3d.run.search import SearchResult, search
from cuts3d.run.stages import Stage, StageResult
from cuts3d.types import DepthMap, Dropped, Instance, Segmentation, SpatialConfidence


def run_pipeline(
    image: ImageArray,
    config: CutS3DConfig,
    *,
    depth: DepthMap | None = None,
    memo: Memo | None = None,
    view: ImageArray | None = None,
    given: GivenFeatures | None = None,
) -> Iterator[StageResult]:
    """Segment one photo, stage by stage.

    Args:
        image: uint8 [H, W, 3].
        config: All parameters.
        depth: The user's own depth map; it overrides the estimator.
        memo: Remembers stages of this photo between calls; None: nothing is remembered.
        view: A reduced copy of the photo, uint8 [h, w, 3]. The networks and the CRF still read the photo, but the
            masks have the size of the copy, and `Segmentation.image` is the copy. None: the photo itself.
        given: Features or an affinity of the user's own; no backbone runs (method 1.11).

    Yields:
        The results of all stages in order; `coarse` is the `Segmentation` before the CRF, `segmentation` the final one.
    """
    memo = memo or forgetful()
    if given is not None:
        config = own_config(config, given.source)
    scene = yield from open_scene(image, config, memo, depth, given)
    found = yield from search(scene, memo)
    shown = image if view is None else view
    yield from _segmentation("coarse", scene, found, dataclasses.replace(config.refine, crf=False), memo, shown)
    yield from _segmentation("segmentation", scene, found, config.refine, memo, shown)


def _segmentation(
    name: Stage, scene: Scene, found: SearchResult, options: RefineConfig, memo: Memo, shown: ImageArray
) -> Iterator[StageResult]:
    instances: list[Instance] = []
    confidences: list[SpatialConfidence] = []
    dropped = list(found.dropped)
    for entry in photo_masks(scene, found.cuts, options, memo, shown.shape[:2]):
        if isinstance(entry, Dropped):
            dropped.append(entry)
            continue
        instances.append(entry[0])
        confidences.append(entry[1])
        if name == "segmentation":
            yield StageResult("refine", entry[0], entry[0].number - 1)
    result = Segmentation(
        image=shown,
        instances=tuple(instances),
        depth=scene.depth.value,
        features=scene.features.value,
        importance=scene.importance.value,
        bipartitions=tuple(found.bipartitions),
        cloud=scene.cloud.value,
        confidences=tuple(confidences),
        dropped=tuple(dropped),
        config=scene.config,
    )
    yield StageResult(name, result)
