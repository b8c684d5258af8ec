"""Labels for labelme: a JSON file beside each photo; the parts of an object share a `group_id`.

The files are our own: labelme itself is licensed under the GPL and needs a display, and supervision's writer reads
every photo, keeps no score, and files of two folders with one name overwrite each other.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cuts3d.arrays import IntArray
from cuts3d.formats.labels import LabelledObject, LabelledPhoto, Labels
from cuts3d.formats.names import own_targets
from cuts3d.formats.photos import PhotoFolder
from cuts3d.formats.polygons import object_outline
from cuts3d.io.files import write_json

VERSION = "5.5.0"  # of labelme, whose files these are


def write_labelme(labels: Labels, photos: PhotoFolder, folder: Path) -> int:
    """Write a JSON file a photo, and the photo beside it where there is a folder; returns the number of objects.

    Raises:
        InputError: Two photos would share a file, or a file cannot be written.
        ConfigError: supervision is not installed.
    """
    targets = own_targets(labels.names(), lambda name: name.with_suffix(".json"))
    count = 0
    folder.mkdir(parents=True, exist_ok=True)
    for photo in labels:
        write_json(folder / targets[photo.name], _document(photo, labels))
        photos.copy(photo.name, folder / photo.name)
        count += len(photo.objects)
    return count


def _document(photo: LabelledPhoto, labels: Labels) -> dict[str, Any]:
    shapes = [shape for number, one in enumerate(photo.objects, 1) for shape in _shapes(one, number, labels)]
    return {
        "version": VERSION,
        "flags": {},
        "shapes": shapes,
        "imagePath": photo.name.name,
        "imageData": None,
        "imageHeight": photo.size[0],
        "imageWidth": photo.size[1],
    }


def _shapes(one: LabelledObject, number: int, labels: Labels) -> list[dict[str, Any]]:
    """The shapes of an object: its polygons, or a rectangle where it has a box only."""
    if one.mask is None:
        x, y, w, h = one.box
        return [_shape(one, labels, "rectangle", [[x, y], [x + w, y + h]], None)]
    parts: list[IntArray] = object_outline(one, labels.losses)
    group = number if len(parts) > 1 else None
    return [_shape(one, labels, "polygon", part.astype(float).tolist(), group) for part in parts]


def _shape(one: LabelledObject, labels: Labels, kind: str, points: list[list[float]], group: int | None) -> Any:
    more: dict[str, Any] = {} if one.score is None else {"score": one.score}
    return {
        "label": labels.classes[one.category],
        "points": points,
        "group_id": group,
        "description": "",
        "shape_type": kind,
        "flags": {"iscrowd": True} if one.crowd else {},
        "mask": None,
        **more,
    }
