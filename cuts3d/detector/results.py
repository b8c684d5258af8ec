"""Detections as COCO records, and the files of one photo."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from cuts3d import __version__
from cuts3d.arrays import BoolArray, ImageArray
from cuts3d.detector.records import Detection
from cuts3d.formats.sv_detections import to_detections
from cuts3d.io import coco
from cuts3d.io.files import write_atomically, write_json
from cuts3d.io.overlays import draw_masks
from cuts3d.weights.files import sha256_of

if TYPE_CHECKING:
    from supervision import Detections  # pyright: ignore[reportMissingImports]

DOCUMENT, OVERLAY = "detections.json", "detections.png"
Record = dict[str, Any]


class PhotoDetections(list[Detection]):
    """The detections of one photo, best first: a list, with what it needs to be written.

    Attributes:
        size: (H, W) of the photo in pixels.
    """

    def __init__(self, found: Iterable[Detection], size: tuple[int, int]) -> None:
        super().__init__(found)
        self.size = size

    def to_coco(self, file_name: str) -> Record:
        """The detections as a COCO document; their boxes are the network's.

        Args:
            file_name: Name of the photo's file, by which an evaluation finds it.
        """
        info = {"description": "CutS3D detections", "version": __version__}
        record = coco.ImageRecord(1, file_name, self.size)
        return coco.one_photo_document(record, [annotation(one) for one in self], info)

    def to_supervision(self, *, compact: bool = True) -> Detections:
        """The detections as `supervision.Detections`, in their order.

        `xyxy` are the network's boxes, `confidence` holds the scores, `class_id` is 0, `data["class_name"]` "object"
        and `data["area"]` the pixels of the masks.

        Args:
            compact: Whether masks are `supervision.CompactMask`, which take little memory; False: bool [n, H, W].

        Raises:
            ConfigError: supervision is not installed; it comes with the extra `formats`.
        """
        masks, scores, boxes = ([getattr(one, name) for one in self] for name in ("mask", "score", "box"))
        areas = {"area": [one.area for one in self]}
        return to_detections(masks, scores, self.size, boxes=boxes, data=areas, compact=compact)


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
