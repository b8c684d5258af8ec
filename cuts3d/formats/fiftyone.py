"""FiftyOne: the folder of its `COCODetectionDataset`, which keeps masks, scores and crowds as they are.

It is COCO itself: FiftyOne's own importer reads it, so the package, a hundred and more with a database, is not needed.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cuts3d.formats.labels import Labels
from cuts3d.formats.names import own_targets
from cuts3d.formats.photos import PhotoFolder
from cuts3d.io.coco import RLE, rle_area
from cuts3d.io.files import write_atomically

LABELS, DATA = "labels.json", "data"


def write_fiftyone(labels: Labels, photos: PhotoFolder, folder: Path) -> int:
    """Write `labels.json`, and `data/` where there is a folder of photos; returns the number of objects.

    Images and annotations are numbered from 1. Fields of an annotation beyond COCO's own are kept.

    Raises:
        InputError: Two images have one name, or a file cannot be written.
    """
    import json

    own_targets(labels.names(), lambda name: name)
    (folder / DATA).mkdir(parents=True, exist_ok=True)
    images: list[dict[str, Any]] = []

    def annotations() -> Iterator[dict[str, Any]]:
        for number, photo in enumerate(labels, start=1):
            h, w = photo.size
            images.append({"id": number, "file_name": str(photo.name), "width": w, "height": h})
            photos.copy(photo.name, folder / DATA / photo.name)
            for one in photo.objects:
                mask = {} if one.mask is None else {"segmentation": as_text(one.mask)}
                area = one.box[2] * one.box[3] if one.mask is None else rle_area(one.mask)
                own = {
                    "image_id": number,
                    "category_id": one.category + 1,
                    "bbox": list(one.box),
                    "iscrowd": int(one.crowd),
                }
                yield {"area": area, **one.entry, **own, **mask}

    count = 0

    def write(temporary: Path) -> None:
        nonlocal count
        with temporary.open("w", encoding="utf-8") as file:
            classes = [{"id": n, "name": name, "supercategory": None} for n, name in enumerate(labels.classes, 1)]
            file.write(f'{{"info": {{}}, "licenses": [], "categories": {json.dumps(classes)},\n"annotations": [')
            for count, record in enumerate(annotations(), start=1):
                file.write(("," if count > 1 else "") + "\n" + json.dumps({**record, "id": count}))
            file.write('],\n"images": [' + ",".join("\n" + json.dumps(image) for image in images) + "]}\n")

    write_atomically(folder / LABELS, write)
    return count


def as_text(mask: RLE) -> RLE:
    """Run lengths with `counts` as text, ready for JSON."""
    counts = mask["counts"]
    return {"size": list(mask["size"]), "counts": counts.decode("ascii") if isinstance(counts, bytes) else counts}
