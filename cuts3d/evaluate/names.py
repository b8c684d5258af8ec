"""Which image of the predictions is which of the ground truth, and which images are evaluated: by file name or id."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path, PurePosixPath

from cuts3d.errors import InputError, shown
from cuts3d.io.coco import ImageId, ImageRecord
from cuts3d.io.files import read_text

Images = Mapping[ImageId, ImageRecord]


def match_names(true_label: str, true_images: Images, own_label: str, own_images: Images) -> dict[ImageId, ImageId]:
    """Predicted image ids to true ones: by the same file name, else by a last part that is unique on both sides.

    Args:
        true_label: What errors call the ground truth.
        true_images: Its images.
        own_label: What errors call the predictions.
        own_images: Their images.

    Raises:
        InputError: An image has no file name, or two images of one document have the same.
    """
    true_ids, own_ids = _by_name(true_label, true_images), _by_name(own_label, own_images)
    true_ends, own_ends = _by_last_part(true_ids), _by_last_part(own_ids)
    matched: dict[ImageId, ImageId] = {}
    for name, i in own_ids.items():
        same_end = true_ends.get(last_part(name), [])
        if name in true_ids:
            matched[i] = true_ids[name]
        elif len(same_end) == 1 == len(own_ends[last_part(name)]):
            matched[i] = same_end[0]
    return matched


def _by_name(label: str, images: Images) -> dict[str, ImageId]:
    found: dict[str, ImageId] = {}
    for image in images.values():
        if image.name is None:
            raise InputError(f"{label}: image {shown(image.id)} has no 'file_name', by which images are matched.")
        if image.name in found:
            raise InputError(f"{label}: two images have the file name '{image.name}'.")
        found[image.name] = image.id
    return found


def _by_last_part(names: Mapping[str, ImageId]) -> dict[str, list[ImageId]]:
    found: dict[str, list[ImageId]] = defaultdict(list)
    for name, i in names.items():
        found[last_part(name)].append(i)
    return dict(found)


def last_part(name: str) -> str:
    """A file name without its folders."""
    return PurePosixPath(name.replace("\\", "/")).name


def choose_images(images: Images, wanted: Iterable[ImageId] | None) -> set[ImageId]:
    """The images to evaluate: all, or those with these ids or file names. An id may be given as text.

    Raises:
        InputError: There is no image, or the ground truth does not have one of them.
    """
    chosen = set(images) if wanted is None else _found(images, list(wanted))
    if not chosen:
        raise InputError("There is no image to evaluate.")
    return chosen


def _found(images: Images, words: list[ImageId]) -> set[ImageId]:
    names = {image.name: i for i, image in images.items() if image.name is not None}
    ends = _by_last_part(names)
    ids = {word: _find(word, images, names, ends) for word in words}
    missing = [word for word, i in ids.items() if i is None]
    if missing:
        some = ", ".join(repr(word) for word in missing[:3]) + (", …" if len(missing) > 3 else "")
        raise InputError(f"{len(missing)} of the {len(ids)} images asked for are not in the ground truth: {some}.")
    return {i for i in ids.values() if i is not None}


def _find(
    word: ImageId, images: Images, names: Mapping[str, ImageId], ends: Mapping[str, list[ImageId]]
) -> ImageId | None:
    if word in images:
        return word
    if not isinstance(word, str):
        return None
    if word in names:
        return names[word]
    same_end = ends.get(last_part(word), [])
    if len(same_end) == 1:
        return same_end[0]
    return int(word) if word.isdecimal() and int(word) in images else None


def read_ids(path: Path) -> list[str]:
    """Image ids or file names, one on each line; empty lines are skipped.

    Raises:
        InputError: The file cannot be read, or names no image.
    """
    found = [line.strip() for line in read_text(path).splitlines() if line.strip()]
    if not found:
        raise InputError(f"'{path}' names no image.")
    return found
