"""Pseudo-labels of the next round: confident detections, and the earlier labels that they do not replace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cuts3d import __version__
from cuts3d.errors import ConfigError, InputError, shown
from cuts3d.io.coco import (
    RLE,
    CocoDocument,
    DocumentInput,
    ImageRecord,
    Size,
    document_header,
    frame_difference,
    read_document,
    rle_iou,
    to_rle,
)
from cuts3d.io.coco.fields import number_field
from cuts3d.io.files import write_json
from training.self_training.scores import DETECTOR_SCORE, ScoreRange, detector_score, rescaled

SAME_IOU = 0.5  # least IoU of a detection with an earlier label that it replaces (method 1.8)
Record = dict[str, Any]
Mask = tuple[Record, RLE]  # an annotation with its checked run lengths


@dataclass(frozen=True, slots=True)
class PhotoMasks:
    """A photo's size (h, w) and its masks."""

    size: Size
    masks: list[Mask]


def merge_labels(
    predictions: DocumentInput,
    labels: DocumentInput,
    *,
    score: float,
    detection_score_range: ScoreRange = (0.0, 1.0),
    score_range: ScoreRange = (0.0, 1.0),
) -> Record:
    """Labels of the next round (method 1.8): the confident detections, and the labels that they do not replace.

    An earlier label stays, with all fields of its record, unless a kept detection of its photo has a mask IoU of 0.5 or
    more with it. So a photo without detections keeps all of its labels. Detections have no spatial confidence: training
    takes it as 1.

    Args:
        predictions: COCO document of `cuts3d detect` or `training.rank`, or its path.
        labels: COCO document of the labels that the detector was trained on, or its path. Photos are matched by
            `file_name`.
        score: Least score of a detection by the detector itself, in [0, 1], even if `training.rank` changed its score.
        detection_score_range: Scores of detections that are mapped linearly to `score_range`.
        score_range: Their range on the scale of the labels' scores.

    Returns:
        A COCO document: the photos of the labels in their order, then the photos that only the predictions list. Each
        photo's detections come first. Annotations are numbered from 1. Neither input is changed.

    Raises:
        InputError: A document is not valid, or the two have no photo in common or state different sizes of one.
        ConfigError: The score is outside [0, 1].
    """
    if not 0 <= score <= 1:
        raise ConfigError(f"The least score of a kept detection must be in [0, 1]; it is {score:g}.")
    new = _by_name(read_document(predictions, "Predictions"), score)
    old = _by_name(read_document(labels, "Labels"), None)
    if old and new and not old.keys() & new.keys():
        raise InputError(
            f"Predictions and labels have no photo in common, such as {shown(next(iter(new)))} and "
            f"{shown(next(iter(old)))}: both must name the photos inside the same folder."
        )
    images: list[Record] = []
    annotations: list[Record] = []
    kept = 0
    for number, name in enumerate(old | new, start=1):
        size, detected, earlier = _pair(name, new.get(name), old.get(name))
        images.append(ImageRecord(number, name, size).to_coco())
        kept += len(detected)
        for record in [*_scaled(detected, detection_score_range, score_range), *not_replaced(detected, earlier)]:
            annotations.append({**record, "id": len(annotations) + 1, "image_id": number})
    info = {
        "description": "CutS3D pseudo-labels of self-training",
        "version": __version__,
        "score": score,
        "detections": kept,
        "earlier_labels": len(annotations) - kept,
    }
    return {**document_header(info), "images": images, "annotations": annotations}


def check_ranked(merged: Record, label: str) -> None:
    """Refuse detections with the detector's own scores, if the recipe's range is for ranked ones.

    Raises:
        InputError: A detection in what `merge_labels` returned was not ranked.
    """
    count = merged["info"]["detections"]
    if not all(DETECTOR_SCORE in detection for detection in merged["annotations"][:count]):
        raise InputError(f"{label}: the recipe needs ranked detections; call training.rank first.")


def write_labels(document: Record, out: Path) -> None:
    """Write a document atomically.

    Raises:
        InputError: The file cannot be written.
    """
    write_json(out, document, compact=True)


def not_replaced(detected: Sequence[Mask], earlier: Sequence[Mask]) -> list[Record]:
    """The earlier labels whose mask IoU with every detection is below 0.5."""
    ious = rle_iou([rle for _, rle in earlier], [rle for _, rle in detected])
    best = ious.max(axis=1, initial=0.0)
    return [record for (record, _), iou in zip(earlier, best.tolist(), strict=True) if iou < SAME_IOU]


def name_and_size(source: CocoDocument, photo: ImageRecord) -> tuple[str, Size]:
    """File name and (h, w) of a photo.

    Raises:
        InputError: The document does not state them.
    """
    if photo.name is None or photo.size is None:
        raise InputError(f"{source.label}: image {shown(photo.id)} needs a 'file_name', a 'width' and a 'height'.")
    return photo.name, photo.size


def _scaled(detected: Sequence[Mask], old: ScoreRange, new: ScoreRange) -> list[Record]:
    return [{**record, "score": rescaled(record["score"], old, new)} for record, _ in detected]


def _pair(name: str, new: PhotoMasks | None, old: PhotoMasks | None) -> tuple[Size, list[Mask], list[Mask]]:
    """Size, detections and earlier labels of a photo that is in one document or in both."""
    if new is not None and old is not None and new.size != old.size:
        reason = frame_difference(new.size, old.size)
        raise InputError(
            f"The photo '{name}' has {new.size[1]}×{new.size[0]} pixels in the predictions and "
            f"{old.size[1]}×{old.size[0]} in the labels; both must be made from the same photos"
            f"{f' ({reason})' if reason else ''}."
        )
    known = new or old
    assert known is not None
    return known.size, new.masks if new else [], old.masks if old else []


def _by_name(source: CocoDocument, least_score: float | None) -> dict[str, PhotoMasks]:
    """Photos of a document by file name, with their masks; with a least score only the detections that reach it."""

    def read(entry: Mapping[str, Any], photo: ImageRecord) -> Mask | None:
        if least_score is not None and detector_score(entry) < least_score:
            return None
        score = {} if least_score is None else {"score": number_field(entry, "score")}
        return {**entry, **score}, to_rle(entry.get("segmentation"), photo.size)

    known = source.images()
    found = source.annotations_by_image(known, read)
    photos: dict[str, PhotoMasks] = {}
    for photo in known.values():
        name, size = name_and_size(source, photo)
        if name in photos:
            raise InputError(f"{source.label}: the photo '{name}' is listed twice.")
        photos[name] = PhotoMasks(size, found.get(photo.id, []))
    return photos
