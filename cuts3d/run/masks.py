"""From cuts on the grid to masks of the photo: CRF at its working size, then the photo's size; earlier masks win."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from cuts3d.arrays import BoolArray, ImageArray
from cuts3d.backbones import get_backbone
from cuts3d.config import CutS3DConfig, FeatureConfig, RefineConfig
from cuts3d.grids import iou, resize_mask
from cuts3d.memo import Keyed, Memo
from cuts3d.method.refine import PhotoCRF, photo_crf, refine_coarse_mask
from cuts3d.method.score import distinctness
from cuts3d.run.scene import Scene
from cuts3d.run.search import FoundCut
from cuts3d.types import CoarseMask, Dropped, FoundMask, Instance, SpatialConfidence

Refine = Callable[[BoolArray], tuple[BoolArray, str]]  # a mask on the grid to the photo's mask, and why it is dropped


def photo_masks(
    scene: Scene, cuts: Sequence[FoundCut], options: RefineConfig, memo: Memo
) -> Iterator[tuple[Instance, SpatialConfidence] | Dropped]:
    """Bring every cut to the photo's size.

    Args:
        scene: The photo.
        cuts: What the search has found.
        options: How they are refined; without its CRF, these are the masks before it.
        memo: Remembers the CRF and refined masks.

    Yields:
        For every cut in order its instance and confidence, or why it was dropped.
    """
    config = scene.config
    refine = _refiner(scene.photo, config.features, options, memo)
    nested = config.masks.region == "recursive"
    earlier: list[BoolArray] = []  # one by one where masks may lie inside one another, else their union
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
    """Bring a baseline's masks to the photo's size, refined as ours are; they may overlap.

    Args:
        image: uint8 [H, W, 3].
        coarse: On the patch grid.
        config: How they are refined.
        memo: Remembers the photo's CRF.
    """
    refine = _refiner(image, config.features, config.refine, memo)
    found: list[FoundMask] = []
    for one in coarse:
        mask, reason = refine(one.mask)
        if not reason and mask.any():
            found.append(FoundMask(mask=mask, score=one.score, coarse_mask=one.mask))
    return found


def mask_score(scene: Scene, cut: FoundCut, number: int) -> float:
    """Score that ranks a mask among the masks of all photos, in [0, 1], by the rule of `MaskConfig.score`.

    Args:
        scene: The photo.
        cut: The cut behind the mask.
        number: Its place in the order of cutting, from 1.
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


def _refiner(image: Keyed[ImageArray], features: FeatureConfig, options: RefineConfig, memo: Memo) -> Refine:
    network_side = features.image_size or get_backbone(features.backbone).image_size
    crf: Keyed[PhotoCRF] | None = None
    if options.crf:
        crf = memo.lazy("crf", photo_crf, image, options, network_side)
    shape = image.value.shape[:2]

    def refine(coarse: BoolArray) -> tuple[BoolArray, str]:
        refined, reason = memo("refine", refine_coarse_mask, coarse, options, crf).value
        return resize_mask(refined, shape), reason

    return refine
