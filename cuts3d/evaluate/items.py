"""Annotations as records, whatever form their masks and boxes have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cuts3d.errors import InputError
from cuts3d.io.coco import (
    RLE,
    CocoDocument,
    GeometryError,
    ImageId,
    Size,
    as_id,
    describe_annotation,
    image_id,
    rle_box,
)
from cuts3d.io.coco.fields import box_field, crowd_field, mask_field, number_field


@dataclass(frozen=True, slots=True)
class Item:
    """An object of the ground truth, or a prediction.

    Attributes:
        key: Its own id; None where it has none.
        image: Id of its image in the ground truth.
        mask: Run lengths; None where it has a box only.
        box: (x, y, width, height) in pixels.
        area: In pixels, as the ground truth states it; None for predictions.
        crowd: Whether predictions on it are ignored.
        category: Its category id, or 0.
        score: Of a prediction; 0 for the ground truth.
    """

    key: ImageId | None
    image: ImageId
    mask: RLE | None
    box: tuple[float, ...]
    area: float | None
    crowd: bool
    category: int
    score: float


def items(
    document: CocoDocument,
    annotations: Sequence[Mapping[str, Any]],
    images: Mapping[ImageId, ImageId],
    sizes: dict[ImageId, Size],
    *,
    scored: bool,
) -> tuple[list[Item], list[str]]:
    """Annotations as records, in their order, and what is wrong with those that are left out.

    Args:
        document: Where they are from.
        annotations: Its annotations.
        images: Id of an image in this document to its id in the ground truth; annotations on other images are skipped.
        sizes: (h, w) in pixels by the id in the ground truth. The first mask of an image adds a size that is missing.
        scored: Whether they must have a score.

    Raises:
        InputError: A score, area or `iscrowd` cannot be used, a mask is of the turned or resized image, or no
            annotation is left.
    """
    found: list[Item] = []
    faults: list[str] = []
    for position, entry in enumerate(annotations, start=1):
        image = images.get(image_id(entry))
        if image is None:
            continue
        with document.naming(entry, position):
            try:
                item = _item(entry, image, sizes, scored=scored)
            except GeometryError as error:
                faults.append(f"{describe_annotation(entry, position)} {error}")
                continue
        if item.mask is not None:
            sizes.setdefault(image, (item.mask["size"][0], item.mask["size"][1]))
        found.append(item)
    if faults and not found:
        raise InputError(f"{document.label}: none of the annotations can be used, for example: {faults[0]}.")
    return found, faults


def _item(entry: Mapping[str, Any], image: ImageId, sizes: Mapping[ImageId, Size], *, scored: bool) -> Item:
    area = None if scored or entry.get("area") is None else number_field(entry, "area")
    if area is not None and area < 0:  # COCO's figures would count such an object as a crowd
        raise ValueError(f"has the area {area:g}: a number of pixels is expected")
    crowd, score = crowd_field(entry), number_field(entry, "score") if scored else 0.0
    mask, box = mask_field(entry, sizes.get(image)), box_field(entry, sizes.get(image))
    if box is None and mask is None:
        raise GeometryError("has neither 'bbox' nor 'segmentation'")
    category = as_id(entry.get("category_id"))
    return Item(
        key=as_id(entry.get("id")),
        image=image,
        mask=mask,
        box=box if box is not None else rle_box(mask),  # pyright: ignore[reportArgumentType]
        area=area,
        crowd=crowd,
        category=category if isinstance(category, int) else 0,
        score=score,
    )
