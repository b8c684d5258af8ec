"""Pseudo-labels of the next round of self-training: confident detections, and the earlier labels that they do not meet.

python -m training.merge_labels --recipe light_gpu --predictions predictions.json --labels labels.json --score 0.7 \
    --out merged.json
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cuts3d import __version__
from cuts3d.errors import ConfigError, CutS3DError, InputError, shown
from cuts3d.io.coco import (
    RLE,
    CocoDocument,
    DocumentInput,
    ImageRecord,
    Size,
    document_header,
    read_document,
    rle_iou,
    to_rle,
)
from cuts3d.io.files import write_json
from training.recipes import get_recipe

SAME_IOU = 0.5  # of an earlier label with a detection, from which on the detection replaces it (method 1.8)
Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Labelled:
    """A photo's size (h, w), and its annotations with their checked run lengths."""

    size: Size
    found: list[tuple[Record, RLE]]


def merge_labels(
    predictions: DocumentInput,
    labels: DocumentInput,
    *,
    score: float,
    detection_score_range: tuple[float, float] = (0.0, 1.0),
    score_range: tuple[float, float] = (0.0, 1.0),
) -> Record:
    """Labels of the next round (method 1.8): detections of this score or more, and what they do not replace.

    Earlier labels stay where no kept detection of their photo has a mask IoU of 0.5 or more with them, with all that
    their record says; so a photo without detections keeps all of its. Detections know no spatial confidence: training
    counts it as 1.

    Args:
        predictions: COCO document of `training.predict` or `training.rank`, or its path.
        labels: COCO document of the labels that the detector was trained on, or its path. Photos are matched by
            `file_name`.
        score: Least score of a detection, in [0, 1]; its own, where `training.rank` gave it another.
        detection_score_range: Detection scores that map to the ends of `score_range`; linear in between.
        score_range: Where on the scale of the labels' scores.

    Returns:
        A COCO document: the photos of the labels in their order, then those that only the detector saw; detections
        first, numbered from 1. Neither document is changed.

    Raises:
        InputError: A document cannot be used, or the two state other sizes for a photo.
        ConfigError: The score is outside its range.
    """
    if not 0 <= score <= 1:
        raise ConfigError(f"The least score of a kept detection must be in [0, 1]; it is {score:g}.")
    new = _by_name(read_document(predictions, "Predictions"), score)
    old = _by_name(read_document(labels, "Labels"), None)
    images: list[Record] = []
    annotations: list[Record] = []
    kept = 0
    for number, name in enumerate(old | new, start=1):
        size, detected, earlier = _pair(name, new.get(name), old.get(name))
        images.append(ImageRecord(number, name, size).to_coco())
        kept += len(detected)
        finds = [
            {**record, "score": rescaled(record["score"], detection_score_range, score_range)} for record, _ in detected
        ]
        for record in [*finds, *not_replaced(detected, earlier)]:
            annotations.append({**record, "id": len(annotations) + 1, "image_id": number})
    info = {
        "description": "CutS3D pseudo-labels of self-training",
        "version": __version__,
        "score": score,
        "detections": kept,
        "earlier_labels": len(annotations) - kept,
    }
    return {**document_header(info), "images": images, "annotations": annotations}


def write_labels(document: Record, out: Path) -> None:
    """Write a document, atomically.

    Raises:
        InputError: The file cannot be written.
    """
    write_json(out, document, compact=True)


def rescaled(score: float, old: tuple[float, float], new: tuple[float, float]) -> float:
    """A score brought from one range to another, to an end of the new one where it lay outside of the old."""
    if old == new:
        return score
    share = min(max((score - old[0]) / (old[1] - old[0]), 0.0), 1.0)
    return new[0] + share * (new[1] - new[0])


def not_replaced(detected: Sequence[tuple[Record, RLE]], earlier: Sequence[tuple[Record, RLE]]) -> list[Record]:
    """The earlier labels whose mask IoU with every detection is below 0.5."""
    ious = rle_iou([rle for _, rle in earlier], [rle for _, rle in detected])
    best = ious.max(axis=1, initial=0.0)
    return [record for (record, _), iou in zip(earlier, best.tolist(), strict=True) if iou < SAME_IOU]


def _pair(name: str, new: Labelled | None, old: Labelled | None) -> tuple[Size, list[Any], list[Any]]:
    """Size, detections and earlier labels of a photo that is in one document or in both."""
    if new is not None and old is not None and new.size != old.size:
        raise InputError(
            f"The photo '{name}' has {new.size[1]}×{new.size[0]} pixels in the predictions and "
            f"{old.size[1]}×{old.size[0]} in the labels; both must be made from the same photos."
        )
    known = new or old
    assert known is not None
    return known.size, new.found if new else [], old.found if old else []


def _by_name(source: CocoDocument, score: float | None) -> dict[str, Labelled]:
    """Photos of a document by file name, with their annotations; of detections only those of a score or more."""
    known = source.images()

    def read(entry: Mapping[str, Any], photo: ImageRecord) -> tuple[Record, RLE] | None:
        if score is not None and own_score(entry) < score:
            return None
        return dict(entry), to_rle(entry.get("segmentation"), photo.size)

    found = source.annotations_by_image(known, read)
    named_photos: dict[str, Labelled] = {}
    for photo in known.values():
        if photo.name is None or photo.size is None:
            raise InputError(f"{source.label}: image {shown(photo.id)} needs a 'file_name', a 'width' and a 'height'.")
        if photo.name in named_photos:
            raise InputError(f"{source.label}: the photo '{photo.name}' is listed twice.")
        named_photos[photo.name] = Labelled(photo.size, found.get(photo.id, []))
    return named_photos


def own_score(entry: Mapping[str, Any]) -> float:
    """The detector's own score of a find, whether `training.rank` has ranked it or not.

    Raises:
        ValueError: It has none; the message is what follows "annotation 3 …".
    """
    value = entry.get("detector_score", entry.get("score"))
    if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= sys.float_info.max:
        raise ValueError(f"has the 'score' {shown(value)}, which is no number; give what training.predict wrote")
    return float(value)


def _check_ranked(merged: Record, predictions: Path) -> None:
    """Refuse scores of the detector's own where the recipe's range is for ranked ones."""
    if not all("detector_score" in find for find in merged["annotations"][: merged["info"]["detections"]]):
        raise InputError(f"Predictions '{predictions}': the recipe weighs ranked finds; call training.rank first.")


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    found = argparse.ArgumentParser(prog="python -m training.merge_labels", description="Labels of the next round.")
    found.add_argument("--recipe", metavar="NAME", help="whose ranges of scores count; none: scores stay as they are")
    found.add_argument(
        "--predictions", type=Path, required=True, metavar="JSON", help="what training.predict or rank wrote"
    )
    found.add_argument("--labels", type=Path, required=True, metavar="JSON", help="what the detector was trained on")
    found.add_argument("--score", type=float, required=True, metavar="S", help="least score of a kept detection")
    found.add_argument("--out", type=Path, required=True, metavar="JSON", help="the COCO file to write")
    return found


def main() -> int:
    """Merge two files."""
    options = parser().parse_args()
    try:
        ranges, recipe = {}, None
        if options.recipe is not None:
            recipe = get_recipe(options.recipe)
            ranges = {"detection_score_range": recipe.detection_score_range, "score_range": recipe.score_range}
        document = merge_labels(options.predictions, options.labels, score=options.score, **ranges)
        if recipe is not None and recipe.rank_detections:
            _check_ranked(document, options.predictions)
        write_labels(document, options.out)
    except CutS3DError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    info = document["info"]
    print(f"{options.out}: {info['detections']} detections and {info['earlier_labels']} earlier labels.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
