"""From cuts on the grid to masks of the photo (method 1.7): CRF at `crf_size`, then a resize; earlier masks win."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from cuts3d.arrays import BoolArray, ImageArray
from cuts3d.backbones.own import used_backbone
from cuts3d.config import CutS3DConfig, FeatureConfig, RefineConfig
from cuts3d.grids import iou, resize_mask
from cuts3d.memo import Keyed, Memo
from cuts3d.method.refine import PhotoCRF, photo_crf, refine_coarse_mask
from cuts3d.method.score import distinctness
from cuts3d.run.scene import Scene
from cuts3d.run.search import FoundCut
from cuts3d.types import CoarseMask, Dropped, FoundMask, Instance, SpatialConfidence

Refine = Callable[[BoolArray], tuple[BoolArray, str]]  # grid mask -> photo mask, reason to drop it


def photo_masks(
    scene: Scene, cuts: Sequence[FoundCut], options: RefineConfig, memo: Memo, shape: tuple[int, ...]
) -> Iterator[tuple[Instance, SpatialConfidence] | Dropped]:
    """Bring every cut to the size of the photo, or of a reduced copy of it.

    Args:
        scene: The photo.
        cuts: Cuts that the search found.
        options: Parameters of the refinement; with `crf=False`, the result is the masks before the CRF.
        memo: Remembers the CRF and refined masks.
        shape: Height and width of the masks.

    Yields:
        For each cut in order, its instance and confidence, or the reason why it was dropped.
    """
    config = scene.config
    refine = _refiner(scene.photo, config.features, options, memo, shape)
    nested = config.masks.region == "recursive"
    earlier: list[BoolArray] = []  # each mask if masks may be nested, else one mask: their union
    for number, one in enumerate(cuts, start=1):
        mask, reason = refine(one.cut.mask)
        if not reason and any(iou(mask, other) > config.masks.max_overlap for other in earlier):
            reason = "it repeats an earlier mask"
        if not nested and earlier:
            mask &= ~earlier[0]
        if not reason and not mask.any():
            reason = "earlier masks cover it"
        if reason:
            yield Dropped(ncut=one.ncut, reason=reason)
            continue
        earlier = [*earlier, mask] if nested or not earlier else [earlier[0] | mask]
        yield _instance(scene, one, mask, number), one.confidence


def refine_coarse(
    image: Keyed[ImageArray], coarse: Sequence[CoarseMask], config: CutS3DConfig, memo: Memo
) -> list[FoundMask]:
    """Bring the masks of a baseline to the size of the photo, with the same refinement as ours; they may overlap.

    Args:
        image: uint8 [H, W, 3].
        coarse: Masks on the patch grid.
        config: Parameters of the refinement.
        memo: Remembers the CRF of the photo.
    """
    refine = _refiner(image, config.features, config.refine, memo, image.value.shape[:2])
    found: list[FoundMask] = []
    for one in coarse:
        mask, reason = refine(one.mask)
        if not reason and mask.any():
            found.append(FoundMask(mask=mask, score=one.score, coarse_mask=one.mask))
    return found


def mask_score(scene: Scene, cut: FoundCut, number: int) -> float:
    """Score in [0, 1] that ranks the masks of all photos, by the rule of `MaskConfig.score` (method 1.10).

    Args:
        scene: The photo.
        cut: The cut that gave the mask.
        number: Position in the order of cutting, from 1.
    """
    rule = scene.config.masks.score
    if rule == "distinct":
        return distinctness(cut.cut.mask, scene.affinity.value, scene.z.value)
    return cut.confidence.mean if rule == "confidence" else cut.confidence.mean / number


def _instance(scene: Scene, one: FoundCut, mask: BoolArray, number: int) -> Instance:
    return Instance(
        mask=mask,
        score=mask_score(scene, one, number),
        coarse_mask=one.cut.mask,
        coarse_confidence=one.confidence.values,
        number=number,
        ncut=one.ncut,
        cut=one.cut,
    )


def _refiner(
    image: Keyed[ImageArray], features: FeatureConfig, options: RefineConfig, memo: Memo, shape: tuple[int, ...]
) -> Refine:
    network_side = features.image_size or used_backbone(features.backbone).image_size
    crf: Keyed[PhotoCRF] | None = None
    if options.crf:
        crf = memo.lazy("crf", photo_crf, image, options, network_side)

    def refine(coarse: BoolArray) -> tuple[BoolArray, str]:
        refined, reason = memo("refine", refine_coarse_mask, coarse, options, crf).value
        return resize_mask(refined, shape), reason

    return refine
