"""An evaluation as a table for people and as JSON for machines."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from cuts3d.evaluate.evaluation import Counts, Evaluation
from cuts3d.evaluate.notices import counted

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
    """What to know first, a table of all figures in percent, and what they were measured on."""
    mask, box = evaluation.mask, evaluation.box
    rows = [(title, mask and getattr(mask, name), getattr(box, name)) for name, title in COCO_NAMES.items()]
    best = evaluation.mean_best_iou
    rows += [
        ("CorLoc", None, evaluation.corloc),
        ("mean best IoU", *((best, None) if evaluation.overlap == "mask" else (None, best))),
        ("pairs separated", evaluation.pairs_separated, None),
    ]
    lines = [*notice_lines(evaluation), *([""] if evaluation.notices else [])]
    lines += ["| % | mask | box |", "|:--|--:|--:|"]
    lines += [f"| {title} | {_percent(masks)} | {_percent(boxes)} |" for title, masks, boxes in rows]
    return "\n".join([*lines, "", _measured_on(evaluation.counts)])


def _percent(fraction: float | None) -> str:
    return UNDEFINED if fraction is None else f"{100 * fraction:.2f}"


def _measured_on(counts: Counts) -> str:
    crowds = f" and {counted(counts.crowds, 'crowd')}" if counts.crowds else ""
    pairs = f", {counted(counts.pairs, 'touching pair')}" if counts.pairs else ""
    text = f"{counted(counts.images, 'image')}, {counted(counts.instances, 'object')}{crowds}, "
    return text + f"{counted(counts.predictions, 'prediction')} ({counts.predictions_per_image:.2f} an image){pairs}."


def notice_lines(evaluation: Evaluation) -> list[str]:
    """What was left out and what looks like a mistake, a line each."""
    return [f"note: {notice.text}" for notice in evaluation.notices]


def to_json(evaluation: Evaluation) -> dict[str, Any]:
    """The evaluation as plain JSON: fractions in [0, 1], null where undefined."""
    return asdict(evaluation) | {"notices": [asdict(notice) for notice in evaluation.notices]}
