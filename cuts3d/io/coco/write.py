"""COCO documents as they go out: annotations, whole documents of one photo, streamed documents of many."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import numpy as np

from cuts3d import __version__
from cuts3d.arrays import BoolArray
from cuts3d.grids import bounding_box
from cuts3d.io.coco.images import ImageRecord
from cuts3d.io.coco.rle import encode_rle
from cuts3d.io.files import write_atomically

if TYPE_CHECKING:  # a result writes itself through this module
    from cuts3d.types import Segmentation

Record = dict[str, Any]
CATEGORY_ID = 1
CATEGORY = {"id": CATEGORY_ID, "name": "object"}  # the only one: masks are class-agnostic
FRAME = "the photo as it is seen, at its own size: its EXIF orientation is applied"  # of sizes, masks and boxes


def annotation(mask: BoolArray, *, score: float, box: Sequence[float] | None = None, **more: Any) -> Record:
    """A mask as a COCO annotation, without `id` and `image_id`.

    Args:
        mask: bool [H, W].
        score: In [0, 1].
        box: (x, y, width, height) in pixels; None: the box of the mask.
        more: Further fields, after COCO's own.
    """
    return {
        "category_id": CATEGORY_ID,
        "segmentation": encode_rle(mask),
        "bbox": list(bounding_box(mask) if box is None else box),
        "area": int(np.count_nonzero(mask)),
        "iscrowd": 0,
        "score": round(score, 6),
        **more,
    }


def one_photo_document(image: ImageRecord, annotations: Sequence[Record], info: Record) -> Record:
    """A document of one photo; annotations are numbered from 1."""
    return {
        "info": _framed(info),
        "images": [image.to_coco()],
        "categories": [dict(CATEGORY)],
        "annotations": [{"id": n, "image_id": image.id, **one} for n, one in enumerate(annotations, start=1)],
    }


def coco_document(result: Segmentation, *, file_name: str) -> Record:
    """A COCO document of the instances of one photo.

    In addition to COCO's own fields an annotation has `score`, `mean_confidence`, `cut_value`, `ncut` and `fallback`;
    `info` holds the version, the backbone, the depth estimator and the whole configuration.
    Where the features were given, the backbone is `own_features` or `own_affinity` in both.
    """
    annotations = [
        annotation(
            instance.mask,
            score=instance.score,
            mean_confidence=round(instance.mean_confidence, 6),
            cut_value=instance.cut.flow,
            ncut=instance.ncut,
            fallback=instance.cut.fallback or None,
        )
        for instance in result.instances
    ]
    info = {
        "description": "CutS3D pseudo-masks",
        "version": __version__,
        "backbone": result.features.backbone,
        "depth": result.depth.estimator,
        "config": result.config.to_dict(),
        "dropped": [{"ncut": d.ncut, "reason": d.reason} for d in result.dropped],
    }
    h, w = result.image.shape[:2]
    return one_photo_document(ImageRecord(1, file_name, (h, w)), annotations, info)


def document_header(info: Mapping[str, Any]) -> Record:
    """The first fields of a document of many photos: `info`, `licenses`, `categories`."""
    return {"info": _framed(info), "licenses": [], "categories": [dict(CATEGORY)]}


def _framed(info: Mapping[str, Any]) -> Record:
    return {**info, "frame": FRAME}


def write_document(path: Path, info: Mapping[str, Any], lists: Mapping[str, Iterable[Record]]) -> dict[str, int]:
    """Write a document of many photos record by record, atomically: all of them do not fit into memory.

    Args:
        path: The file.
        info: The field `info`.
        lists: The other fields, taken one after the other in this order, so that an iterator may fill a later list.
            Records without an `id` are numbered from 1.

    Returns:
        The number of records of each list.

    Raises:
        InputError: The file cannot be written.
    """
    counts: dict[str, int] = {}

    def write(temporary: Path) -> None:
        with temporary.open("w", encoding="utf-8") as file:
            file.write(json.dumps(document_header(info)).removesuffix("}"))
            for name, records in lists.items():
                counts[name] = _write_list(file, name, records)
            file.write("}\n")

    write_atomically(path, write)
    return counts


def _write_list(file: TextIO, name: str, records: Iterable[Record]) -> int:
    """One record a line."""
    count = 0
    file.write(f',\n"{name}": [')
    for count, record in enumerate(records, start=1):
        file.write((",\n" if count > 1 else "\n") + json.dumps({"id": count, **record}))
    file.write("]")
    return count
