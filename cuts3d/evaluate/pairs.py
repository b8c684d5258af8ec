"""Pairs of objects of the ground truth that touch each other."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from cuts3d.errors import InputError, shown
from cuts3d.evaluate.items import Item
from cuts3d.evaluate.notices import Notice, counted, examples
from cuts3d.io.coco import CocoDocument, DocumentInput, ImageId, as_id, image_id, read_document

Pair = tuple[Item, Item]


def read_pairs(
    pairs: DocumentInput, annotations: Sequence[Mapping[str, Any]], kept: Sequence[Item], chosen: set[ImageId]
) -> tuple[list[Pair], list[Notice]]:
    """Pairs of annotations that touch, on the evaluated images, and what was left out.

    Args:
        pairs: `{"pairs": [{"ann_ids": [a, b]}, …]}` or the list alone.
        annotations: Those of the ground truth.
        kept: Those that can be used, on the evaluated images.
        chosen: The evaluated images.

    Raises:
        InputError: A pair is not two annotations of one image, the ground truth has none of them, or an id occurs
            twice there.
    """
    source = read_document(pairs, "Pairs")
    listed = source.entries("pairs") if isinstance(source.content, Mapping) else source.objects(source.content, "it")
    ids = [_ids(source, entry, position) for position, entry in enumerate(listed, start=1)]
    image_of = _images_of(source, annotations)
    known = [position for position, pair in enumerate(ids) if all(key in image_of for key in pair)]
    unknown = [key for pair in ids for key in pair if key not in image_of]
    if ids and not known:
        raise InputError(f"{source.label}: the ground truth has none of the annotations, such as {examples(unknown)}.")
    for position in known:
        if image_of[ids[position][0]] != image_of[ids[position][1]]:
            raise InputError(f"{source.label}: the members of pair {position + 1} are on different images.")
    by_key = {item.key: item for item in kept}
    here = [ids[position] for position in known if image_of[ids[position][0]] in chosen]
    usable = [(by_key[a], by_key[b]) for a, b in here if a in by_key and b in by_key]
    return usable, [*_unknown(len(ids) - len(known), unknown), *_unusable(len(here) - len(usable))]


def _unknown(count: int, keys: Sequence[object]) -> list[Notice]:
    if not count:
        return []
    text = f"Left out: {counted(count, 'touching pair')} of annotations that the ground truth does not have: "
    return [Notice("unknown_pairs", count, f"{text}{examples(keys)}.")]


def _unusable(count: int) -> list[Notice]:
    text = f"Left out: {counted(count, 'touching pair')} with a member that has no usable mask or box."
    return [Notice("unusable_pairs", count, text)] if count else []


def _images_of(source: CocoDocument, annotations: Sequence[Mapping[str, Any]]) -> dict[ImageId | None, ImageId]:
    keys = [as_id(entry.get("id")) for entry in annotations]
    twice = next((key for key, times in Counter(keys).items() if times > 1), None)
    if twice is not None:
        raise InputError(f"{source.label}: the ground truth has the annotation id {shown(twice)} twice.")
    found = {key: image_id(entry) for key, entry in zip(keys, annotations, strict=True)}
    return {key: image for key, image in found.items() if key is not None}


def _ids(source: CocoDocument, entry: Mapping[str, Any], position: int) -> tuple[ImageId, ImageId]:
    ids = entry.get("ann_ids")
    keys = [as_id(key) for key in ids] if isinstance(ids, Sequence) and not isinstance(ids, str) else []
    if len(keys) != 2 or keys[0] is None or keys[1] is None or keys[0] == keys[1]:
        raise InputError(f"{source.label}: pair {position} must have 'ann_ids' with two different ids.")
    return keys[0], keys[1]
