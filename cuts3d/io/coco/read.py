"""COCO documents as they come in, from memory or from files: untrusted, so everything that is read is checked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from cuts3d.errors import InputError, shown
from cuts3d.io.coco.ids import ImageId, as_id
from cuts3d.io.coco.images import ImageRecord
from cuts3d.io.files import read_json

DocumentInput = Mapping[str, Any] | Sequence[Any] | str | Path  # content, or the path of a JSON file
Entry = Mapping[str, Any]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class CocoDocument:
    """A COCO document, or COCO's plain list of results.

    Attributes:
        label: What an error calls it.
        content: What was parsed; nothing of it is checked yet.
    """

    label: str
    content: Any

    def images(self) -> dict[ImageId, ImageRecord]:
        """The images by id, in their order.

        Raises:
            InputError: The list is missing, an image has no id, two images have ids that name the same, such as 1 and
                "1", or a size is not two positive whole numbers.
        """
        found: dict[ImageId, ImageRecord] = {}
        written: dict[ImageId, Any] = {}
        for position, entry in enumerate(self.entries("images"), start=1):
            try:
                image = ImageRecord.from_coco(entry)
            except ValueError as error:
                name = position if as_id(entry.get("id")) is None else shown(entry["id"])
                raise InputError(f"{self.label}: image {name} {error}.") from None
            if image.id in found:
                raise InputError(f"{self.label}: {_twice(written[image.id], entry['id'])}.")
            found[image.id], written[image.id] = image, entry["id"]
        return found

    def annotations(self) -> Sequence[Entry]:
        """The annotations, or the entries of a list of results; each has a usable `image_id`: read it with `image_id`.

        Raises:
            InputError: There is no such list, or an annotation has no usable `image_id` or `id`.
        """
        found = self.objects(self.content, "it") if is_list(self.content) else self.entries("annotations")
        for position, entry in enumerate(found, start=1):
            if entry.get("id") is not None and as_id(entry["id"]) is None:
                found_id = shown(entry["id"])
                raise InputError(
                    f"{self.label}: entry {position} has the 'id' {found_id}, which is no whole number or text."
                )
            if as_id(entry.get("image_id")) is None:
                name = describe_annotation(entry, position)
                raise InputError(f"{self.label}: {name} has no 'image_id' that is a whole number or text.")
        return found

    def annotations_by_image(
        self, images: Mapping[ImageId, ImageRecord], read: Callable[[Entry, ImageRecord], T | None]
    ) -> dict[ImageId, list[T]]:
        """What a function makes of every annotation, by image, in the order of the document.

        Args:
            images: The images of this document.
            read: Called with an annotation and its image; None leaves the annotation out. A ValueError of it becomes
                an InputError that names the annotation.

        Returns:
            Only images with an annotation that was not left out.

        Raises:
            InputError: An annotation cannot be used, or its image is not listed.
        """
        found: dict[ImageId, list[T]] = defaultdict(list)
        for position, entry in enumerate(self.annotations(), start=1):
            image = images.get(image_id(entry))
            with self.naming(entry, position):
                if image is None:
                    raise ValueError("is on an image that 'images' does not list")
                value = read(entry, image)
            if value is not None:
                found[image.id].append(value)
        return dict(found)

    def entries(self, key: str) -> Sequence[Entry]:
        """The list of objects under a key.

        Raises:
            InputError: There is none.
        """
        if not isinstance(self.content, Mapping):
            raise InputError(f"{self.label} must hold a JSON object with the list '{key}'.")
        if key not in self.content:
            raise InputError(f"{self.label}: the list '{key}' is missing.")
        return self.objects(self.content[key], f"'{key}'")

    def objects(self, content: Any, name: str) -> Sequence[Entry]:
        """The same content, checked to be a list of objects; `name` is what an error calls it.

        Raises:
            InputError: It is something else.
        """
        if not is_list(content) or not all(isinstance(entry, Mapping) for entry in content):
            raise InputError(f"{self.label}: {name} must be a list of objects.")
        return content

    @contextmanager
    def naming(self, entry: Entry, position: int) -> Iterator[None]:
        """Turn a ValueError inside into an InputError that names the document and the annotation."""
        try:
            yield
        except ValueError as error:
            raise InputError(f"{self.label}: {describe_annotation(entry, position)} {error}.") from error


def read_document(document: DocumentInput, label: str) -> CocoDocument:
    """A document from memory or from a JSON file.

    Args:
        document: Its content, or its path.
        label: What errors call it, such as "Predictions".

    Raises:
        InputError: There is no such file, or it is not JSON.
    """
    if not isinstance(document, (str, Path)):
        return CocoDocument(label, document)
    return CocoDocument(f"{label} '{document}'", read_json(Path(document)))


def image_id(entry: Entry) -> ImageId:
    """The id of the image of an annotation that `CocoDocument.annotations` has checked."""
    found = as_id(entry["image_id"])
    assert found is not None
    return found


def describe_annotation(entry: Entry, position: int) -> str:
    """What an error calls an annotation: by its id, else by its position in the list, from 1."""
    return f"entry {position}" if entry.get("id") is None else f"annotation {shown(entry['id'])}"


def _twice(first: Any, second: Any) -> str:
    if repr(first) == repr(second):
        return f"the image id {shown(first)} occurs twice"
    return f"the image ids {shown(first)} and {shown(second)} name the same image; give each image its own"


def is_list(content: Any) -> bool:
    """Whether a JSON value is a list."""
    return isinstance(content, Sequence) and not isinstance(content, (str, bytes))
