"""Annotations as records, whatever form their masks and boxes have, and pairs of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any

from cuts3d.errors import InputError, shown
from cuts3d.io.coco import RLE, CocoDocument, DocumentInput, ImageId, Size, read_document, rle_box
from cuts3d.io.coco.fields import box_field, mask_field, number_field


@dataclass(frozen=True, slots=True)
class Item:
    """An object of the ground truth, or a prediction.

    Attributes:
        key: Its own id.
        image: Id of its image in the ground truth.
        mask: Run lengths; None where it has a box only.
        box: (x, y, width, height) in pixels.
        area: In pixels, as the ground truth states it; None for predictions.
        crowd: Whether predictions on it are ignored.
        category: Its category id, or 0.
        score: Of a prediction; 0 for the ground truth.
    """

    key: Any
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
) -> Iterator[Item]:
    """Annotations as records, in their order.

    Args:
        document: Where they are from.
        annotations: Its annotations.
        images: Id of an image in this document to its id in the ground truth; annotations on other images are skipped.
        sizes: (h, w) in pixels by the id in the ground truth. The first mask of an image adds a size that is missing.
        scored: Whether they must have a score.

    Raises:
        InputError: A score, box, area or segmentation is missing or cannot be used.
    """
    for position, entry in enumerate(annotations, start=1):
        if entry["image_id"] not in images:
            continue
        with document.naming(entry, position):
            item = _item(entry, images[entry["image_id"]], sizes, scored=scored)
        if item.mask is not None:
            sizes.setdefault(item.image, (item.mask["size"][0], item.mask["size"][1]))
        yield item


def _item(entry: Mapping[str, Any], image: ImageId, sizes: Mapping[ImageId, Size], *, scored: bool) -> Item:
    mask, box = mask_field(entry, sizes.get(image)), box_field(entry)
    if box is None and mask is None:
        raise ValueError("has neither 'bbox' nor 'segmentation'")
    category = entry.get("category_id")
    return Item(
        key=entry.get("id"),
        image=image,
        mask=mask,
        box=box if box is not None else rle_box(mask),  # pyright: ignore[reportArgumentType]
        area=None if scored or entry.get("area") is None else number_field(entry, "area"),
        crowd=bool(entry.get("iscrowd", 0)),
        category=int(category) if isinstance(category, Integral) else 0,
        score=number_field(entry, "score") if scored else 0.0,
    )


def read_pairs(pairs: DocumentInput, annotations: Sequence[Mapping[str, Any]]) -> list[tuple[Any, Any]]:
    """Pairs of annotations that touch, by their ids.

    Args:
        pairs: `{"pairs": [{"ann_ids": [a, b]}, …]}` or the list alone.
        annotations: Those of the ground truth.

    Raises:
        InputError: A pair is not two annotations of one image, or an id occurs twice in the ground truth.
    """
    source = read_document(pairs, "Pairs")
    listed = source.entries("pairs") if isinstance(source.content, Mapping) else source.objects(source.content, "it")
    image_of: dict[Any, Any] = {}
    for entry in annotations:
        if entry.get("id") in image_of:
            raise InputError(f"{source.label}: the ground truth has the annotation id {shown(entry.get('id'))} twice.")
        image_of[entry.get("id")] = entry.get("image_id")
    return [_pair(source, entry, position, image_of) for position, entry in enumerate(listed, start=1)]


def _pair(
    source: CocoDocument, entry: Mapping[str, Any], position: int, image_of: Mapping[Any, Any]
) -> tuple[Any, Any]:
    ids = entry.get("ann_ids")
    if not isinstance(ids, Sequence) or isinstance(ids, str) or len(ids) != 2 or ids[0] == ids[1]:
        raise InputError(f"{source.label}: pair {position} must have 'ann_ids' with two different ids.")
    for key in ids:
        if not isinstance(key, (Integral, str)) or key not in image_of:
            raise InputError(
                f"{source.label}: pair {position} names {shown(key)}, which is no annotation of the ground truth."
            )
    if image_of[ids[0]] != image_of[ids[1]]:
        raise InputError(f"{source.label}: the members of pair {position} are on different images.")
    return ids[0], ids[1]
