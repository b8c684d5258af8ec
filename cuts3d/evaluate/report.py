"""An evaluation as a table for people and as JSON for machines."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from cuts3d.evaluate.evaluation import Counts, Evaluation

UNDEFINED = "–"
COCO_NAMES = {
    "ap": "AP",
    "ap50": "AP50",
    "ap75": "AP75",
    "ap_small": "AP small",
    "ap_medium": "AP medium",
    "ap_large": "AP large",
    "ar1": "AR1",
    "ar10": "AR10",
    "ar100": "AR100",
}


def markdown(evaluation: Evaluation) -> str:
    """A table of all figures in percent, for masks and for boxes, and a line that says what they were measured on."""
    mask, box = evaluation.mask, evaluation.box
    rows = [(title, mask and getattr(mask, name), getattr(box, name)) for name, title in COCO_NAMES.items()]
    best = evaluation.mean_best_iou
    rows += [
        ("CorLoc", None, evaluation.corloc),
        ("mean best IoU", *((best, None) if evaluation.overlap == "mask" else (None, best))),
        ("pairs separated", evaluation.pairs_separated, None),
    ]
    lines = ["| % | mask | box |", "|:--|--:|--:|"]
    lines += [f"| {title} | {_percent(masks)} | {_percent(boxes)} |" for title, masks, boxes in rows]
    return "\n".join([*lines, "", _measured_on(evaluation.counts)])


def _percent(fraction: float | None) -> str:
    return UNDEFINED if fraction is None else f"{100 * fraction:.2f}"


def _measured_on(counts: Counts) -> str:
    crowds = f" and {_counted(counts.crowds, 'crowd')}" if counts.crowds else ""
    pairs = f", {_counted(counts.pairs, 'touching pair')}" if counts.pairs else ""
    text = f"{_counted(counts.images, 'image')}, {_counted(counts.instances, 'object')}{crowds}, "
    text += f"{_counted(counts.predictions, 'prediction')} ({counts.predictions_per_image:.2f} an image){pairs}."
    if counts.unmatched_images:
        left = f"{_counted(counts.unmatched_predictions, 'prediction')} on {_counted(counts.unmatched_images, 'image')}"
        text += f" Left out: {left} that the ground truth does not have."
    return text


def _counted(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def to_json(evaluation: Evaluation) -> dict[str, Any]:
    """The evaluation as plain JSON: fractions in [0, 1], null where undefined."""
    return asdict(evaluation)
