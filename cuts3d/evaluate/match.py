"""Which image of the predictions is which of the truth, and which of them count."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from cuts3d.errors import InputError, shown
from cuts3d.evaluate.input import Document, ImageId, Photo, Source, listed_annotations, load, photos
from cuts3d.evaluate.items import Item, items, read_pairs


@dataclass(frozen=True, slots=True)
class Matched:
    """Truth and predictions on the images that count, and how much was left out.

    Attributes:
        images: Ids of the truth, sorted as pycocotools sorts them.
        truth: Objects of the truth, by category, else in their order.
        predictions: In their order.
        pairs: Touching objects of the truth.
        unmatched_images: Predicted images that the truth does not have.
        unmatched_predictions: Predictions on those.
    """

    images: list[ImageId]
    truth: list[Item]
    predictions: list[Item]
    pairs: list[tuple[Item, Item]]
    unmatched_images: int
    unmatched_predictions: int


def read(
    truth: Document, predictions: Document, *, pairs: Document | None, image_ids: Iterable[ImageId] | None
) -> Matched:
    """Both documents, read, checked and matched; see `cuts3d.evaluate.evaluate`.

    Raises:
        InputError: A document cannot be used.
    """
    answer, guess = load(truth, "Truth"), load(predictions, "Predictions")
    known, true_objects, predicted = photos(answer), listed_annotations(answer), listed_annotations(guess)
    chosen = choose(known, image_ids)
    homes, seen = _homes(answer, known, guess)
    sizes = {photo.id: photo.size for photo in known.values() if photo.size is not None}
    kept = sorted(items(answer, true_objects, {i: i for i in chosen}, sizes, scored=False), key=lambda i: i.category)
    here = {own: there for own, there in homes.items() if there in chosen}
    by_key = {item.key: item for item in kept}
    touching = [] if pairs is None else read_pairs(pairs, true_objects)
    return Matched(
        images=sorted(chosen, key=lambda i: (isinstance(i, str), i)),
        truth=kept,
        predictions=list(items(guess, predicted, here, sizes, scored=True)),
        pairs=[(by_key[a], by_key[b]) for a, b in touching if a in by_key],
        unmatched_images=len((seen | {entry["image_id"] for entry in predicted}) - set(homes)),
        unmatched_predictions=sum(entry["image_id"] not in homes for entry in predicted),
    )


def _homes(
    answer: Source, known: Mapping[ImageId, Photo], guess: Source
) -> tuple[dict[ImageId, ImageId], set[ImageId]]:
    """Predicted image ids to true ones, and all ids among the `images` of the predictions."""
    if not isinstance(guess.content, Mapping) or "images" not in guess.content:
        return {i: i for i in known}, set()
    own = photos(guess)
    homes = match_names(answer, known, guess, own)
    _check_sizes(guess, own, known, homes)
    return homes, set(own)


def _check_sizes(
    guess: Source, own: Mapping[ImageId, Photo], known: Mapping[ImageId, Photo], homes: Mapping[ImageId, ImageId]
) -> None:
    for here, there in homes.items():
        size, expected = own[here].size, known[there].size
        if size and expected and size != expected:
            sides = f"{size[1]}×{size[0]} pixels, in the truth {expected[1]}×{expected[0]}"
            raise InputError(f"{guess.label}: the image '{own[here].name}' has {sides}.")


def match_names(
    answer: Source, known: Mapping[ImageId, Photo], guess: Source, own: Mapping[ImageId, Photo]
) -> dict[ImageId, ImageId]:
    """Predicted image ids to true ones: by the same file name, else by a last part that is unique on both sides.

    Raises:
        InputError: An image has no file name, or two of one document have the same.
    """
    true_ids, own_ids = _by_name(answer, known), _by_name(guess, own)
    true_ends, own_ends = _by_last_part(true_ids), _by_last_part(own_ids)
    homes: dict[ImageId, ImageId] = {}
    for name, i in own_ids.items():
        same_end = true_ends.get(last_part(name), [])
        if name in true_ids:
            homes[i] = true_ids[name]
        elif len(same_end) == 1 == len(own_ends[last_part(name)]):
            homes[i] = same_end[0]
    return homes


def _by_name(source: Source, images: Mapping[ImageId, Photo]) -> dict[str, ImageId]:
    found: dict[str, ImageId] = {}
    for photo in images.values():
        if photo.name is None:
            raise InputError(
                f"{source.label}: image {shown(photo.id)} has no 'file_name', by which images are matched."
            )
        if photo.name in found:
            raise InputError(f"{source.label}: two images have the file name '{photo.name}'.")
        found[photo.name] = photo.id
    return found


def _by_last_part(names: Mapping[str, ImageId]) -> dict[str, list[ImageId]]:
    found: dict[str, list[ImageId]] = defaultdict(list)
    for name, i in names.items():
        found[last_part(name)].append(i)
    return dict(found)


def last_part(name: str) -> str:
    """A file name without its folders."""
    return PurePosixPath(name.replace("\\", "/")).name


def choose(known: Mapping[ImageId, Photo], wanted: Iterable[ImageId] | None) -> set[ImageId]:
    """The images to evaluate: all, or those with these ids or file names (digits as text stand for a number too).

    Raises:
        InputError: There is no image, or the truth does not have one of them.
    """
    if wanted is None:
        chosen = set(known)
    else:
        words = list(wanted)
        names = {photo.name: i for i, photo in known.items() if photo.name is not None}
        ends = _by_last_part(names)
        places = {word: _find(word, known, names, ends) for word in words}
        missing = [word for word, place in places.items() if place is None]
        if missing:
            some = ", ".join(repr(word) for word in missing[:3]) + (", …" if len(missing) > 3 else "")
            raise InputError(f"{len(missing)} of the {len(places)} images asked for are not in the truth: {some}.")
        chosen = {place for place in places.values() if place is not None}
    if not chosen:
        raise InputError("There is no image to evaluate.")
    return chosen


def _find(
    word: ImageId, known: Mapping[ImageId, Photo], names: Mapping[str, ImageId], ends: Mapping[str, list[ImageId]]
) -> ImageId | None:
    if word in known:
        return word
    if not isinstance(word, str):
        return None
    if word in names:
        return names[word]
    same_end = ends.get(last_part(word), [])
    if len(same_end) == 1:
        return same_end[0]
    return int(word) if word.isdecimal() and int(word) in known else None
