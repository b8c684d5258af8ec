"""Detections as COCO records, and the files of one photo."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image

from cuts3d import __version__
from cuts3d.arrays import BoolArray, ImageArray
from cuts3d.detector.records import Detection
from cuts3d.io import coco
from cuts3d.io.files import write_atomically, write_json
from cuts3d.io.overlays import draw_masks
from cuts3d.weights.files import sha256_of

DOCUMENT, OVERLAY = "detections.json", "detections.png"
Record = dict[str, Any]


def annotation(found: Detection) -> Record:
    """A detection as a COCO annotation, without `id` and `image_id`; its box is the network's, not that of the mask."""
    return coco.annotation(found.mask, score=found.score, box=[round(value, 2) for value in found.bbox])


def checkpoint_info(checkpoint: Path, score_threshold: float) -> Record:
    """The field `info` of a COCO document: which checkpoint made it, and with which least score."""
    return {
        "description": "CutS3D detections",
        "version": __version__,
        "checkpoint": checkpoint.name,
        "sha256": sha256_of(checkpoint),
        "score_threshold": score_threshold,
    }


def photo_document(found: Sequence[Detection], image: ImageArray, *, file_name: str, info: Record) -> Record:
    """The COCO document of one photo.

    Args:
        found: Its detections, best first; they are numbered from 1.
        image: The photo, uint8 [H, W, 3].
        file_name: Name of its file.
        info: The field `info`.
    """
    record = coco.ImageRecord(1, file_name, (image.shape[0], image.shape[1]))
    return coco.one_photo_document(record, [annotation(one) for one in found], info)


def numbered_masks(found: Sequence[Detection]) -> list[tuple[int, BoolArray]]:
    """Index of each detection, from 0, and its mask, the largest first: drawn in this order, all masks stay visible."""
    masks = [one.mask for one in found]
    return sorted(enumerate(masks), key=lambda numbered: -int(numbered[1].sum()))


def save_photo(found: Sequence[Detection], image: ImageArray, folder: Path, document: Record) -> list[Path]:
    """Write `detections.json` and `detections.png`, the photo with its masks, into a folder; returns their paths.

    Args:
        found: The detections.
        image: The photo, uint8 [H, W, 3].
        folder: The folder, which is made if it is missing.
        document: What `photo_document` returned.

    Raises:
        InputError: A file cannot be written.
    """
    json_file, overlay = folder / DOCUMENT, folder / OVERLAY
    write_json(json_file, document)
    write_atomically(overlay, Image.fromarray(draw_masks(image, numbered_masks(found))).save)
    return [json_file, overlay]
