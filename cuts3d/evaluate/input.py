"""The documents of an evaluation, from memory or from files: what they hold, checked."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from pathlib import Path, PurePosixPath
from typing import Any

from cuts3d.errors import InputError, shown
from cuts3d.evaluate.masks import Size

Document = Mapping[str, Any] | Sequence[Any] | str | Path  # content, or the path of a JSON file
ImageId = int | str


@dataclass(frozen=True, slots=True)
class Source:
    """A document, and what an error calls it."""

    label: str
    content: Any


@dataclass(frozen=True, slots=True)
class Photo:
    """An entry of `images`."""

    id: ImageId
    name: str | None
    size: Size | None  # h, w in pixels


def load(document: Document, label: str) -> Source:
    """A document from memory or from a JSON file.

    Raises:
        InputError: There is no such file, or it is not JSON.
    """
    if not isinstance(document, (str, Path)):
        return Source(label, document)
    try:
        return Source(f"{label} '{document}'", json.loads(Path(document).read_bytes()))
    except FileNotFoundError:
        raise InputError(f"There is no file '{document}'.") from None
    except OSError as error:
        raise InputError(f"'{document}' could not be read: {error.strerror or error}.") from error
    except (ValueError, RecursionError) as error:
        raise InputError(f"'{document}' is not a readable JSON file ({error}).") from error


def entries(source: Source, key: str) -> Sequence[Mapping[str, Any]]:
    """The list of objects under a key.

    Raises:
        InputError: There is none.
    """
    if not isinstance(source.content, Mapping):
        raise InputError(f"{source.label} must hold a JSON object with the list '{key}'.")
    if key not in source.content:
        raise InputError(f"{source.label}: the list '{key}' is missing.")
    return objects(source, source.content[key], f"'{key}'")


def objects(source: Source, content: Any, what: str) -> Sequence[Mapping[str, Any]]:
    """The same content, known to be a list of objects.

    Raises:
        InputError: It is something else.
    """
    listed = isinstance(content, Sequence) and not isinstance(content, (str, bytes))
    if not listed or not all(isinstance(entry, Mapping) for entry in content):
        raise InputError(f"{source.label}: {what} must be a list of objects.")
    return content


def listed_annotations(source: Source) -> Sequence[Mapping[str, Any]]:
    """The annotations of a document, or COCO's plain list of results, each with the image that it is on.

    Raises:
        InputError: There is no such list, or an annotation has no usable `image_id` or `id`.
    """
    plain = isinstance(source.content, Sequence) and not isinstance(source.content, (str, bytes))
    found = objects(source, source.content, "it") if plain else entries(source, "annotations")
    for place, entry in enumerate(found, start=1):
        if not isinstance(entry.get("id", 0), (Integral, str)):
            raise InputError(
                f"{source.label}: entry {place} has the 'id' {shown(entry['id'])}, which is no number or text."
            )
        if not isinstance(entry.get("image_id"), (Integral, str)):
            raise InputError(f"{source.label}: {named(entry, place)} has no 'image_id' that is a number or text.")
    return found


def named(entry: Mapping[str, Any], place: int) -> str:
    """What an error calls an annotation: by its id, else by its place in the list."""
    return f"annotation {shown(entry['id'])}" if "id" in entry else f"entry {place}"


def photos(source: Source) -> dict[ImageId, Photo]:
    """The images of a document by id.

    Raises:
        InputError: An image has no id, or two have the same one, or a size is no pair of positive whole numbers.
    """
    found: dict[ImageId, Photo] = {}
    for place, entry in enumerate(entries(source, "images"), start=1):
        photo = _photo(source, entry, place)
        if photo.id in found:
            raise InputError(f"{source.label}: the image id {shown(photo.id)} occurs twice.")
        found[photo.id] = photo
    return found


def _photo(source: Source, entry: Mapping[str, Any], place: int) -> Photo:
    if not isinstance(entry.get("id"), (Integral, str)):
        raise InputError(f"{source.label}: image {place} needs an 'id' that is a whole number or text.")
    name = entry.get("file_name")
    if name is None and entry.get("coco_url"):  # LVIS has no file names
        name = PurePosixPath(str(entry["coco_url"])).name
    return Photo(entry["id"], None if name is None else str(name), _size(source, entry))


def _size(source: Source, entry: Mapping[str, Any]) -> Size | None:
    h, w = entry.get("height"), entry.get("width")
    if h is None or w is None:
        return None
    if not all(isinstance(side, Integral) and int(side) > 0 for side in (h, w)):
        raise InputError(
            f"{source.label}: image {shown(entry['id'])} has the size {shown(w)}×{shown(h)}, not two whole numbers."
        )
    return int(h), int(w)


def read_ids(path: Path) -> list[str]:
    """Image ids or file names, one a line; empty lines are skipped.

    Raises:
        InputError: The file cannot be read, or names no image.
    """
    try:
        lines = [line.strip() for line in path.read_text(encoding="utf-8-sig").splitlines()]
    except FileNotFoundError:
        raise InputError(f"There is no file '{path}'.") from None
    except OSError as error:
        raise InputError(f"'{path}' could not be read: {error.strerror or error}.") from error
    except ValueError as error:
        raise InputError(f"'{path}' is not a readable text file ({error}).") from error
    found = [line for line in lines if line]
    if not found:
        raise InputError(f"'{path}' names no image.")
    return found
