"""The images to evaluate, named by their ids or file names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from cuts3d.errors import InputError, shown
from cuts3d.evaluate.names import NameIndex, name_parts
from cuts3d.evaluate.notices import Notice, counted, examples
from cuts3d.io.coco import ImageId, ImageRecord, as_id
from cuts3d.io.files import read_text

Images = Mapping[ImageId, ImageRecord]


def find_images(words: Iterable[Any], images: Images) -> dict[Any, ImageId]:
    """Images by id, else by file name, else by a number with zeros in front; words that name none are left out."""
    words = list(words)
    texts = {word: name_parts(word) for word in words if isinstance(word, str)}
    names = {image.id: name_parts(image.name) for image in images.values() if image.name is not None}
    index = NameIndex(names, texts)
    return {word: found for word in words if (found := _find(word, images, index)) is not None}


def _find(word: Any, images: Images, index: NameIndex) -> Any:
    own = as_id(word)
    if own in images or not isinstance(word, str):
        return own if own in images else None
    found = index.find(name_parts(word))
    if found is not None:
        return found.image
    number = as_id(word.lstrip("0") or "0") if word.isascii() and word.isdecimal() else None
    return number if number in images else None


def choose_images(images: Images, wanted: Iterable[ImageId] | None) -> tuple[set[ImageId], list[Notice]]:
    """The images to evaluate: all, or those with these ids or file names.

    Raises:
        InputError: There is no image, or none of those that were asked for is in the ground truth.
    """
    if isinstance(wanted, str | bytes):
        raise InputError("The images to evaluate must be a list of ids or file names, not one text.")
    words = None if wanted is None else list(dict.fromkeys(map(_hashable, wanted)))
    found = {i: i for i in images} if words is None else find_images(words, images)
    missing = [word for word in words or () if word not in found]
    if missing and not found:
        raise InputError(f"None of the images asked for is in the ground truth: {examples(missing)}.")
    if not found:
        raise InputError("There is no image to evaluate.")
    if not missing:
        return set(found.values()), []
    text = f"Left out: {len(missing)} of the {counted(len(words or ()), 'image')} asked for, which the ground truth "
    text += f"does not have: {examples(missing)}."
    return set(found.values()), [Notice("unknown_image_ids", len(missing), text)]


def _hashable(word: Any) -> Any:
    own = word if isinstance(word, str) else as_id(word)
    if own is None:
        raise InputError(f"{shown(word)} is neither the id nor the file name of an image to evaluate.")
    return own


def read_ids(path: Path) -> list[str]:
    """Image ids or file names, one on each line; empty lines are skipped.

    Raises:
        InputError: The file cannot be read, or names no image.
    """
    found = [line.strip() for line in read_text(path).splitlines() if line.strip()]
    if not found:
        raise InputError(f"'{path}' names no image.")
    return found
