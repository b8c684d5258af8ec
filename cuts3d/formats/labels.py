"""A COCO document photo by photo, checked, as all writers of other formats take it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from cuts3d.errors import InputError, shown
from cuts3d.formats.losses import Losses
from cuts3d.formats.photos import PhotoFolder
from cuts3d.io.coco import RLE, CocoDocument, GeometryError, ImageId, ImageRecord, Size, as_id, image_id, rle_box
from cuts3d.io.coco.fields import box_field, crowd_field, mask_field, number_field
from cuts3d.io.coco.write import CATEGORY

Entry = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class LabelledObject:
    """An object of a photo.

    Attributes:
        mask: Checked run lengths; None where the document has a box only.
        box: (x, y, width, height) in pixels.
        category: Position of its class in `Labels.classes`.
        score: Of a prediction, finite; None where it has none.
        crowd: Whether it is a region of many objects that are not told apart.
        entry: The annotation as the document has it; nothing else of it is checked.
    """

    mask: RLE | None
    box: tuple[float, ...]
    category: int
    score: float | None
    crowd: bool
    entry: Entry


@dataclass(frozen=True, slots=True)
class LabelledPhoto:
    """A photo and its objects, in the order of the document.

    Attributes:
        id: Its id in the document.
        name: Path of its file inside a folder, with `/`; never absolute, never outwards.
        size: (h, w) in pixels, as the photo is seen.
        objects: Its objects; there may be none.
    """

    id: ImageId
    name: PurePosixPath
    size: Size
    objects: tuple[LabelledObject, ...]


@dataclass(slots=True)
class Labels:
    """A document, opened: images and classes are checked, annotations are checked photo by photo.

    Attributes:
        classes: Names of the classes, in the order of the document's categories.
        have_masks: Whether any annotation has a segmentation.
        losses: What is left out; it grows while the photos are read.
    """

    classes: list[str]
    have_masks: bool
    losses: Losses
    _document: CocoDocument
    _images: Mapping[ImageId, ImageRecord]
    _entries: Mapping[ImageId, Sequence[tuple[int, Entry]]]
    _positions: Mapping[ImageId, int]
    _photos: PhotoFolder = field(default_factory=PhotoFolder)
    least_score: float | None = None

    def __len__(self) -> int:
        return len(self._images)

    def names(self) -> Iterator[PurePosixPath]:
        """The names of all photos, in the order of the document."""
        return (photo_name(image, self._document.label) for image in self._images.values())

    def __iter__(self) -> Iterator[LabelledPhoto]:
        for image in self._images.values():
            name = photo_name(image, self._document.label)
            size = self._photos.checked_size(name, image.size) or self._size_of_masks(image)
            found = [self._object(entry, number, size) for number, entry in self._entries.get(image.id, ())]
            yield LabelledPhoto(image.id, name, size, tuple(one for one in found if one is not None))

    def _size_of_masks(self, image: ImageRecord) -> Size:
        """The size that run lengths state, where the image states none."""
        for _, entry in self._entries.get(image.id, ()):
            segmentation = entry.get("segmentation")
            if isinstance(segmentation, Mapping):
                try:
                    found = mask_field(entry, None)
                except ValueError:
                    continue
                if found is not None:
                    return found["size"][0], found["size"][1]
        raise InputError(
            f"{self._document.label}: the image {shown(image.name)} states no 'width' and 'height'; give the folder of "
            "the photos, from which they are read."
        )

    def _object(self, entry: Entry, number: int, size: Size) -> LabelledObject | None:
        with self._document.naming(entry, number):
            score = number_field(entry, "score") if entry.get("score") is not None else None
            if self.least_score is not None and (score is None or score < self.least_score):
                self.losses.add("low_scores")
                return None
            category = self._category(entry)
            try:
                mask, box = mask_field(entry, size), box_field(entry, size)
                if mask is None and box is None:
                    raise GeometryError("has neither 'bbox' nor 'segmentation'")
            except GeometryError:
                self.losses.add("unusable")
                return None
            frame = box if box is not None else rle_box(mask)  # pyright: ignore[reportArgumentType]
            return LabelledObject(mask, frame, category, score, crowd_field(entry), entry)

    def _category(self, entry: Entry) -> int:
        if not self._positions:
            return 0
        own = as_id(entry.get("category_id"))
        if own is None or own not in self._positions:
            given = shown(entry.get("category_id"))
            raise ValueError(f"has the category_id {given}, which 'categories' does not list")
        return self._positions[own]


def open_labels(
    document: CocoDocument, photos: PhotoFolder, losses: Losses, *, least_score: float | None = None
) -> Labels:
    """Open a document.

    Args:
        document: A COCO document with `images`.
        photos: Where the photos are.
        losses: Gets what is left out.
        least_score: Leave out annotations with a lower score, or without one; None: take all.

    Raises:
        InputError: It is a plain list of results, a list of it is missing or wrong, two images have one id or one name,
            or an annotation is on an image that it does not list.
    """
    images = document.images()
    entries: dict[ImageId, list[tuple[int, Entry]]] = defaultdict(list)
    have_masks = False
    for number, entry in enumerate(document.annotations(), start=1):
        own = image_id(entry)
        with document.naming(entry, number):
            if own not in images:
                raise ValueError("is on an image that 'images' does not list")
        entries[own].append((number, entry))
        have_masks = have_masks or bool(entry.get("segmentation"))
    classes, positions = _classes(document)
    return Labels(classes, have_masks, losses, document, images, entries, positions, photos, least_score)


def _classes(document: CocoDocument) -> tuple[list[str], dict[ImageId, int]]:
    """Names of the classes, and the position of each id; one class where the document lists none."""
    if "categories" not in document.content:
        return [CATEGORY["name"]], {}
    names: list[str] = []
    positions: dict[ImageId, int] = {}
    for number, entry in enumerate(document.entries("categories"), start=1):
        own = as_id(entry.get("id"))
        if own is None or own in positions:
            raise InputError(f"{document.label}: category {number} needs an 'id' of its own.")
        name = entry.get("name")
        positions[own] = len(names)
        names.append(" ".join(str(own if name in (None, "") else name).split()))
    return (names, positions) if names else ([CATEGORY["name"]], {})


def photo_name(image: ImageRecord, label: str) -> PurePosixPath:
    r"""The path of a photo inside a folder: `\` is `/`, and a drive or a leading `/` is left out.

    Raises:
        InputError: There is no name, or one that leads out of the folder or holds a line break.
    """
    if image.name is None:
        raise InputError(f"{label}: image {shown(image.id)} has no 'file_name'.")
    parts = [part for part in image.name.replace("\\", "/").split("/") if part not in ("", ".")]
    if parts and len(parts[0]) == 2 and parts[0][1] == ":":
        parts = parts[1:]
    if not parts or ".." in parts or any(ord(letter) < 32 for part in parts for letter in part):
        raise InputError(f"{label}: the file name {shown(image.name)} is none inside a folder.")
    return PurePosixPath(*parts)
