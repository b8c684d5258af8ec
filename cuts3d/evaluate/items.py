"""Annotations as records, whatever form their masks and boxes have, and pairs of them."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np

from cuts3d.errors import InputError, shown
from cuts3d.evaluate.input import Document, ImageId, Source, entries, load, named, objects
from cuts3d.evaluate.masks import RLE, Size, box_of, to_rle


@dataclass(frozen=True, slots=True)
class Item:
    """An annotated or predicted object: `key` is its own id, `image` its image's, `score` means nothing for truth."""

    key: Any
    image: ImageId
    mask: RLE | None
    box: tuple[float, ...]  # x, y, width, height in pixels
    area: float | None  # pixels, as the truth states it
    crowd: bool
    category: int
    score: float


def items(
    source: Source,
    listed: Sequence[Mapping[str, Any]],
    images: Mapping[ImageId, ImageId],
    sizes: dict[ImageId, Size],
    *,
    scored: bool,
) -> Iterator[Item]:
    """Annotations as records, in their order.

    Args:
        source: Where they are from.
        listed: Its annotations.
        images: Image id in this document to the image's id in the truth; annotations on other images are left out.
        sizes: (h, w) in pixels by the truth's id; where one is missing, the first mask of the image sets it.
        scored: They must have a score.

    Raises:
        InputError: A score, box, area or segmentation is missing or cannot be used.
    """
    for place, entry in enumerate(listed, start=1):
        if entry["image_id"] not in images:
            continue
        try:
            item = _item(entry, images[entry["image_id"]], sizes, scored=scored)
        except ValueError as error:
            raise InputError(f"{source.label}: {named(entry, place)} {error}.") from None
        if item.mask is not None:
            sizes.setdefault(item.image, (item.mask["size"][0], item.mask["size"][1]))
        yield item


def _item(entry: Mapping[str, Any], image: ImageId, sizes: Mapping[ImageId, Size], *, scored: bool) -> Item:
    segmentation, box = entry.get("segmentation"), entry.get("bbox")
    mask = to_rle(segmentation, sizes.get(image)) if _given(segmentation) else None
    if not _given(box) and mask is None:
        raise ValueError("has neither 'bbox' nor 'segmentation'")
    category = entry.get("category_id")
    return Item(
        key=entry.get("id"),
        image=image,
        mask=mask,
        box=_box(box) if _given(box) else box_of(mask),  # pyright: ignore[reportArgumentType]
        area=None if scored or entry.get("area") is None else _number(entry, "area"),
        crowd=bool(entry.get("iscrowd", 0)),
        category=int(category) if isinstance(category, Integral) else 0,
        score=_number(entry, "score") if scored else 0.0,
    )


def _given(value: Any) -> bool:
    """COCO writes an empty list where there is nothing."""
    return value is not None and not (isinstance(value, Sized) and not len(value))


def _box(box: Any) -> tuple[float, ...]:
    try:
        values = np.asarray(box, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        values = np.empty(0)
    if values.shape != (4,) or not np.isfinite(values).all() or values[2:].min() < 0:
        raise ValueError(f"has the box {shown(box)}: four numbers x, y, width, height are expected")
    return tuple(values.tolist())


def _number(entry: Mapping[str, Any], key: str) -> float:
    if key not in entry:
        raise ValueError(f"has no '{key}'")
    if not isinstance(entry[key], Real) or not abs(entry[key]) <= sys.float_info.max:
        raise ValueError(f"has the {key} {shown(entry[key])}: a finite number is expected")
    return float(entry[key])


def read_pairs(pairs: Document, truth: Sequence[Mapping[str, Any]]) -> list[tuple[Any, Any]]:
    """Pairs of truth annotations that touch, by their ids.

    Args:
        pairs: `{"pairs": [{"ann_ids": [a, b]}, …]}` or the list alone.
        truth: Its annotations.

    Raises:
        InputError: A pair is not two annotations of one image of the truth, or their ids occur twice there.
    """
    source = load(pairs, "Pairs")
    listed = entries(source, "pairs") if isinstance(source.content, Mapping) else objects(source, source.content, "it")
    homes: dict[Any, Any] = {}
    for entry in truth:
        if entry.get("id") in homes:
            raise InputError(f"{source.label}: the truth has the annotation id {shown(entry.get('id'))} twice.")
        homes[entry.get("id")] = entry.get("image_id")
    found = []
    for place, entry in enumerate(listed, start=1):
        ids = entry.get("ann_ids")
        if not isinstance(ids, Sequence) or isinstance(ids, str) or len(ids) != 2 or ids[0] == ids[1]:
            raise InputError(f"{source.label}: pair {place} must have 'ann_ids' with two different ids.")
        for key in ids:
            if not isinstance(key, (Integral, str)) or key not in homes:
                raise InputError(
                    f"{source.label}: pair {place} names {shown(key)}, which is no annotation of the truth."
                )
        if homes[ids[0]] != homes[ids[1]]:
            raise InputError(f"{source.label}: the members of pair {place} are on different images.")
        found.append((ids[0], ids[1]))
    return found
