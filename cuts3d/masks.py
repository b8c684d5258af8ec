"""From cuts on the grid to masks of the photo: CRF at the network's input size, then the photo's; earlier masks win."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from cuts3d.backbones import get_backbone
from cuts3d.config import CutS3DConfig, RefineConfig
from cuts3d.grids import iou, resize_image, resize_mask
from cuts3d.iteration import Iteration
from cuts3d.refine import PhotoCRF, refine_mask
from cuts3d.stages import Memo
from cuts3d.types import CoarseMask, Dropped, FoundMask, ImageArray, Instance, SpatialConfidence


def photo_masks(iteration: Iteration, options: RefineConfig) -> Iterator[tuple[Instance, SpatialConfidence] | Dropped]:
    """Bring every cut to the photo's size.

    Args:
        iteration: A finished iteration.
        options: How they are refined; without its CRF, these are the masks before it.

    Yields:
        For every cut in order its instance and confidence, or why it was dropped.
    """
    image, config, memo = iteration.image, iteration.config, iteration.memo
    side = config.features.image_size or get_backbone(config.features.backbone).image_size
    small = resize_image(image, (side, side))
    taken = np.zeros(image.shape[:2], dtype=bool)
    cuts = zip(iteration.cuts, iteration.confidences, strict=True)
    for number, ((index, cut), confidence) in enumerate(cuts, start=1):
        coarse = resize_mask(cut.mask, (side, side))
        key = (side, options, cut.mask.shape, cut.mask.tobytes())
        refined, reason = memo(
            "refine",
            key,
            lambda m=coarse: refine_mask(small, m, options, crf=lambda: _photo_crf(small, options, memo)),
        )
        mask = resize_mask(refined, image.shape[:2])
        if not reason and iou(mask, taken) > config.masks.max_overlap:
            reason = "it repeats an earlier mask"
        mask &= ~taken
        if not reason and not mask.any():
            reason = "earlier masks cover it"
        if reason:
            yield Dropped(ncut=index, reason=reason)
            continue
        taken |= mask
        instance = Instance(
            mask=mask,
            score=confidence.mean / number,
            coarse_mask=cut.mask,
            coarse_confidence=confidence.values,
            number=number,
            ncut=index,
            cut=cut,
        )
        yield instance, confidence


def refine_coarse(image: ImageArray, coarse: Sequence[CoarseMask], config: CutS3DConfig, memo: Memo) -> list[FoundMask]:
    """Bring a neighbour's masks to the photo's size, refined as ours are; they may overlap.

    Args:
        image: uint8 [H, W, 3].
        coarse: On the patch grid.
        config: How they are refined.
        memo: Remembers the photo's CRF.
    """
    side = config.features.image_size or get_backbone(config.features.backbone).image_size
    small = resize_image(image, (side, side))
    found: list[FoundMask] = []
    for one in coarse:
        rough = resize_mask(one.mask, (side, side))
        refined, reason = refine_mask(small, rough, config.refine, crf=lambda: _photo_crf(small, config.refine, memo))
        mask = resize_mask(refined, image.shape[:2])
        if not reason and mask.any():
            found.append(FoundMask(mask=mask, score=one.score, coarse_mask=one.mask))
    return found


def _photo_crf(small: ImageArray, options: RefineConfig, memo: Memo) -> PhotoCRF:
    return memo("crf", (small.shape, options), lambda: PhotoCRF(small, options))
