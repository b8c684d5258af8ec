"""Which image of the predictions is which of the ground truth: by file name, or by the ids of results."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cuts3d.errors import InputError, shown
from cuts3d.evaluate.chosen import Images, find_images
from cuts3d.evaluate.names import NameMatch, Parts, match_names, name_parts
from cuts3d.evaluate.notices import Notice, counted, examples
from cuts3d.io.coco import CocoDocument, ImageId, ImageRecord, frame_difference, image_id

Annotations = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Links:
    """Which image of the predictions is which of the ground truth.

    Attributes:
        true_ids: Ids of the predictions to those of the ground truth.
        unmatched: Ids of the predictions that mean no image of the ground truth, to what an example calls them.
        sizes: (h, w) that the predictions state, by the id in the ground truth.
        listed: Whether the predictions list their images, so that a missing one was not looked at.
        notices: What is unusual about the names.
    """

    true_ids: dict[ImageId, ImageId]
    unmatched: dict[ImageId, object]
    sizes: dict[ImageId, tuple[int, int]]
    listed: bool
    notices: list[Notice]


def link_images(truth: CocoDocument, images: Images, guess: CocoDocument, annotations: Annotations) -> Links:
    """Match the images of the predictions: by file name where they list their images, else by the ids of the results.

    A result may also give the name of a file as its `image_id`.

    Raises:
        InputError: A list of images has no names or one twice, no image matches, or two sizes of one differ.
    """
    used = {image_id(entry) for entry in annotations}
    if not isinstance(guess.content, Mapping) or "images" not in guess.content:
        found = find_images(used, images)
        return Links(found, {own: own for own in used if own not in found}, {}, listed=False, notices=[])
    own = guess.images()
    if not own:
        raise InputError(f"{guess.label}: 'images' is empty, so there is nothing to compare with the ground truth.")
    repeated = _repeated(guess, own, annotations)
    own = {one: image for one, image in own.items() if one not in repeated}
    matched = match_names(_named(truth.label, images), _named(guess.label, own))
    true_ids: dict[ImageId, ImageId] = {one: match.image for one, match in matched.items()}  # pyright: ignore
    for here, there in true_ids.items():
        _check_size(guess.label, own[here], images[there])
    unmatched: dict[ImageId, object] = {one: image.name for one, image in own.items() if one not in true_ids}
    unmatched |= {one: one for one in used if one not in own and one not in repeated}
    sizes = {true_ids[one]: image.size for one, image in own.items() if one in true_ids and image.size is not None}
    notices = [*_of_repeats(repeated), *_of_names(matched, own, images)]
    return Links(true_ids, unmatched, sizes, listed=True, notices=notices)


def _named(label: str, images: Images) -> dict[ImageId, Parts]:
    found: dict[ImageId, Parts] = {}
    names: set[Parts] = set()
    for image in images.values():
        if image.name is None:
            raise InputError(f"{label}: image {shown(image.id)} has no 'file_name', by which images are matched.")
        found[image.id] = name_parts(image.name)
        if found[image.id] in names:
            raise InputError(
                f"{label}: two images have the file name {shown(image.name)}, by which images are matched; remove one "
                "of them with its annotations, or write the folders into the names."
            )
        names.add(found[image.id])
    return found


def _repeated(guess: CocoDocument, own: Images, annotations: Annotations) -> dict[ImageId, str]:
    """Images of the predictions that repeat an earlier one: the same name and size, with the same annotations."""
    groups: dict[tuple[Parts, Any], list[ImageRecord]] = defaultdict(list)
    for image in own.values():
        if image.name is not None:
            groups[name_parts(image.name), image.size].append(image)
    contents: dict[ImageId, list[str]] = {
        image.id: [] for group in groups.values() if len(group) > 1 for image in group
    }
    for entry in annotations if contents else ():
        if (one := image_id(entry)) in contents:
            rest = {key: value for key, value in entry.items() if key not in ("id", "image_id")}
            contents[one].append(json.dumps(rest, sort_keys=True, default=repr))
    return {
        image.id: image.name or ""
        for group in groups.values()
        for image in group[1:]
        if sorted(contents[image.id]) == sorted(contents[group[0].id])
    }


def _of_repeats(repeated: Mapping[ImageId, str]) -> list[Notice]:
    if not repeated:
        return []
    text = f"Left out: {counted(len(repeated), 'predicted image')} listed again with the same predictions: "
    return [Notice("repeated_images", len(repeated), f"{text}{examples(repeated.values())}.")]


def _of_names(matched: Mapping[Any, NameMatch], own: Images, images: Images) -> list[Notice]:
    def pairs(chosen: Iterable[tuple[Any, NameMatch]]) -> list[str]:
        return [f"{shown(own[one].name)} with {shown(images[match.image].name)}" for one, match in chosen]  # pyright: ignore

    loose = pairs((one, match) for one, match in matched.items() if match.spelling)
    elsewhere = pairs((one, match) for one, match in matched.items() if match.other_folder)
    found = []
    if loose:
        text = (
            f"{counted(len(loose), 'image')} matched although the names differ in case or suffix, such as {loose[0]}."
        )
        found.append(Notice("loose_names", len(loose), text))
    if elsewhere:
        text = f"{counted(len(elsewhere), 'image')} matched although the folders differ, such as {elsewhere[0]}."
        found.append(Notice("other_folders", len(elsewhere), text))
    return found


def _check_size(label: str, own: ImageRecord, true: ImageRecord) -> None:
    if own.size and true.size and own.size != true.size:
        (h, w), (true_h, true_w) = own.size, true.size
        reason = frame_difference(own.size, true.size) or "give predictions of the same photos"
        raise InputError(
            f"{label}: the image {shown(own.name)} has {w}×{h} pixels, in the ground truth {true_w}×{true_h}: {reason}."
        )
