"""From cuts on the grid to masks of the photo: CRF at the network's input size, then the photo's; earlier masks win."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from cuts3d.arrays import BoolArray, ImageArray
from cuts3d.backbones import get_backbone
from cuts3d.config import CutS3DConfig, FeatureConfig, RefineConfig
from cuts3d.grids import iou, resize_image, resize_mask
from cuts3d.method.refine import PhotoCRF, refine_mask
from cuts3d.run.search import Iteration
from cuts3d.run.stages import Memo
from cuts3d.types import CoarseMask, Dropped, FoundMask, Instance, SpatialConfidence


def photo_masks(iteration: Iteration, options: RefineConfig) -> Iterator[tuple[Instance, SpatialConfidence] | Dropped]:
    """Bring every cut to the photo's size.

    Args:
        iteration: A finished iteration.
        options: How they are refined; without its CRF, these are the masks before it.

    Yields:
        For every cut in order its instance and confidence, or why it was dropped.
    """
    image, config = iteration.image, iteration.config
    refine = _refiner(image, config.features, options, iteration.memo)
    nested = config.masks.region == "recursive"
    earlier: list[BoolArray] = []  # one by one where masks may lie inside one another, else all as one
    cuts = zip(iteration.cuts, iteration.confidences, strict=True)
    for number, ((index, cut), confidence) in enumerate(cuts, start=1):
        mask, reason = refine(cut.mask)
        if not reason and any(iou(mask, other) > config.masks.max_overlap for other in earlier):
            reason = "it repeats an earlier mask"
        if not nested and earlier:
            mask &= ~earlier[0]
        if not reason and not mask.any():
            reason = "earlier masks cover it"
        if reason:
            yield Dropped(ncut=index, reason=reason)
            continue
        earlier = [*earlier, mask] if nested or not earlier else [earlier[0] | mask]
        instance = Instance(
            mask=mask,
            score=iteration.score(cut.mask, confidence, number),
            coarse_mask=cut.mask,
            coarse_confidence=confidence.values,
            number=number,
            ncut=index,
            cut=cut,
        )
        yield instance, confidence


def refine_coarse(image: ImageArray, coarse: Sequence[CoarseMask], config: CutS3DConfig, memo: Memo) -> list[FoundMask]:
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


def _refiner(
    image: ImageArray, features: FeatureConfig, options: RefineConfig, memo: Memo
) -> Callable[[BoolArray], tuple[BoolArray, str]]:
    """A function from a mask on the grid to the photo's mask, and empty or the reason to drop it."""
    network = features.image_size or get_backbone(features.backbone).image_size
    side = options.crf_size
    small = resize_image(image, (side, side))

    def crf() -> PhotoCRF:
        return memo("crf", (network, options), lambda: PhotoCRF(small, options, scale=side / network))

    def refine(coarse: BoolArray) -> tuple[BoolArray, str]:
        key = (network, options, coarse.shape, coarse.tobytes())
        rough = resize_mask(coarse, (side, side))
        refined, reason = memo("refine", key, lambda: refine_mask(small, rough, options, crf=crf))
        return resize_mask(refined, image.shape[:2]), reason

    return refine
