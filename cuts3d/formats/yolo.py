"""Labels for Ultralytics YOLO: a text file a photo, polygons where the document has masks, else boxes.

The lines are our own: supervision writes each part of a mask as an object of its own, reads each photo to do so, and
files of two folders with one name overwrite each other.
"""

from __future__ import annotations

import json
from pathlib import Path, PurePosixPath

from cuts3d.formats.labels import LabelledObject, Labels
from cuts3d.formats.names import own_targets
from cuts3d.formats.photos import PhotoFolder
from cuts3d.formats.polygons import joined, object_outline
from cuts3d.io.coco import Size
from cuts3d.io.files import write_text

INSIDE = 0.25  # pixels: readers that round and readers that cut off find the same pixel
YAML = "data.yaml"


def write_yolo(labels: Labels, photos: PhotoFolder, folder: Path) -> int:
    """Write `labels/`, `data.yaml`, and `images/` where there is a folder of photos; returns the number of objects.

    Raises:
        InputError: Two photos would share a label file, or a file cannot be written.
        ConfigError: The document has masks, and supervision is not installed.
    """
    targets = own_targets(labels.names(), lambda name: PurePosixPath("labels") / name.with_suffix(".txt"))
    count = 0
    (folder / "labels").mkdir(parents=True, exist_ok=True)
    (folder / "images").mkdir(exist_ok=True)
    for photo in labels:
        kept = [one for one in photo.objects if not one.crowd]
        labels.losses.add("crowds", len(photo.objects) - len(kept))
        labels.losses.add("scores", sum(one.score is not None for one in kept))
        lines = [_line(one, photo.size, labels) for one in kept]
        write_text(folder / targets[photo.name], "".join(f"{line}\n" for line in lines))
        photos.copy(photo.name, folder / "images" / photo.name)
        count += len(kept)
    names = "".join(
        f"  {number}: {json.dumps(name, ensure_ascii=False)}\n" for number, name in enumerate(labels.classes)
    )
    head = "# All photos are in one list; split them before training.\npath: .\ntrain: images\nval: images\n"
    write_text(folder / YAML, f"{head}names:\n{names}")
    return count


def _line(one: LabelledObject, size: Size, labels: Labels) -> str:
    h, w = size
    if not labels.have_masks:
        x, y, width, height = one.box
        values = [(x + width / 2) / w, (y + height / 2) / h, width / w, height / h]
    else:
        parts = object_outline(one, labels.losses)
        labels.losses.add("joined", int(len(parts) > 1))
        values = ((joined(parts) + INSIDE) / (w, h)).reshape(-1).tolist()
    return " ".join([str(one.category), *(f"{min(max(value, 0.0), 1.0):.6g}" for value in values)])
