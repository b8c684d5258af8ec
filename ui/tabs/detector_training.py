"""A small training that the visitor can watch: its loss, and its detections in one of its photos."""

from __future__ import annotations

from html import escape
from typing import Any

import gradio as gr
import numpy as np

from cuts3d.io.coco import encode_rle
from ui.draw.line_charts import loss_chart
from ui.draw.mask_view import MASK_JS, mask_view, object_items
from ui.draw.outlines import outlined
from ui.draw.render import photo_uri
from ui.draw.status import error as problem_line
from ui.session.detectors import PhotoDetections, StoredDetection
from ui.session.matching import PSEUDO_SCORE, same_objects
from ui.session.page_training import MOST_PHOTOS, PageTraining
from ui.session.training_slot import seconds_left
from ui.tabs.tab import Event

MEAN_OF = 10  # steps
SURE, FEWEST, MOST = 0.5, 3, 8  # shown: detections of at least this score, 3 to 8 of them


def build() -> dict[str, Any]:
    """Lay out the section."""
    gr.Markdown(
        f"**Train a detector here.** Up to {MOST_PHOTOS} photos become pseudo-labels, and the light network overfits "
        "to them. This shows how training works; the result does not generalise to other photos. It takes some minutes "
        "on two cores. The photos stay on this server and are deleted when the training ends.",
        elem_classes="note",
        elem_id="training-title",
    )
    with gr.Row(elem_id="training-controls"):
        photos = gr.File(
            label=f"Your photos, up to {MOST_PHOTOS}",
            file_count="multiple",
            file_types=["image"],
            height=120,
            elem_id="training-photos",
            min_width=240,
        )
        with gr.Column(min_width=240):
            examples = gr.Checkbox(True, label="Train on the eight examples", elem_id="training-examples")
            steps = gr.Slider(20, 200, 100, step=10, label="Steps", elem_id="training-steps")
        with gr.Column(min_width=110, scale=0):
            train = gr.Button("Train", variant="primary", size="sm", min_width=90, elem_id="train")
            cancel = gr.Button("Cancel", size="sm", min_width=90, elem_id="cancel-training")
    with gr.Row(elem_id="training-views"):
        progress_view = gr.HTML("", js_on_load=None, elem_id="training-progress", apply_default_css=False)
        preview_view = gr.HTML("", js_on_load=MASK_JS, elem_id="training-preview", apply_default_css=False)
    file = gr.File(label="The trained detector", interactive=False, visible=False, elem_id="trained-file", height=80)
    return {
        "training_photos": photos,
        "training_examples": examples,
        "training_steps": steps,
        "train": train,
        "cancel_training": cancel,
        "training_progress": progress_view,
        "training_preview": preview_view,
        "trained_file": file,
    }


def progress(training: PageTraining) -> str:
    """The progress of a training, its losses, and notes on the photos."""
    now, settings = training.progress, training.settings
    done = len(now.losses)
    fraction = 0.2 * now.labelled / len(settings.photos) + 0.8 * done / settings.steps
    bar = (
        f'<progress max="100" value="{round(100 * fraction)}" aria-label="Training"></progress>' if now.running else ""
    )
    if now.phase == "failed" and now.error is not None:
        line = problem_line(now.error)
    else:
        line = f'<div class="status" role="status"><span>{escape(_words(training))}</span>{bar}</div>'
    notes = "".join(f"<li>{escape(sentence)}</li>" for sentence in now.notes)
    chart = loss_chart(_lines(now.losses), end=settings.steps) if done else ""
    return f"{line}{f'<ul>{notes}</ul>' if notes else ''}{chart}"


def _lines(losses: tuple[float, ...]) -> dict[str, tuple[Any, Any]]:
    """The loss of each step, and its mean over the last steps."""
    sums = np.cumsum([0.0, *losses])
    first = np.maximum(np.arange(len(losses)) - MEAN_OF + 1, 0)
    last = np.arange(1, len(losses) + 1)
    means = (sums[last] - sums[first]) / (last - first)
    return {"each step": (last, list(losses)), f"mean of {MEAN_OF}": (last, means)}


def _words(training: PageTraining) -> str:
    now, total, photos = training.progress, training.settings.steps, len(training.settings.photos)
    done = len(now.losses)
    if now.phase == "labels":
        return f"Pseudo-labels: photo {min(now.labelled + 1, photos)} of {photos} …"
    if now.phase == "training":
        left = seconds_left(training)
        return f"Step {done} of {total}" + (f", about {_duration(left)} left" if left is not None else " …")
    if now.phase == "stopped":
        return f"Cancelled after {done} of {total} steps. Nothing was kept."
    if not now.losses:
        return "Done."
    fell = f"loss {now.losses[0]:.2f} to {now.losses[-1]:.2f}"
    return f"Done: {total} steps, {fell}. Your detector is shown above next to the others; below you can download it."


def _duration(seconds: float) -> str:
    return f"{max(1, round(seconds))} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def preview(training: PageTraining) -> str:
    """One of the photos with its pseudo-labels, and with the network's current detections."""
    now = training.progress
    image = now.sample
    if image is None:
        return ""
    source, shape = photo_uri(image), (image.shape[0], image.shape[1])
    labels, best = now.labels, [] if now.look is None else _best(now.look[1])
    known = [(PSEUDO_SCORE, encode_rle(one.mask)) for one in labels]
    numbers = same_objects([known, [(one.score, one.rle) for one in best]])
    views = [
        (
            "Training target",
            f"{len(labels)} pseudo-label{'' if len(labels) == 1 else 's'}.",
            object_items(numbers[0], [(outlined(one.mask), f"pseudo-label, score {one.score:.2f}") for one in labels]),
        )
    ]
    if now.look is not None:
        words = f"Scores {', '.join(f'{one.score:.2f}' for one in best)}." if best else "No detections yet."
        found = object_items(numbers[1], [(one.outline, f"score {one.score:.2f}") for one in best])
        views.append((f"Detections after step {now.look[0]}", words, found))
    figures = "".join(
        f"<section><h3>{escape(title)}</h3>{mask_view(source, items, shape, caption=words)}</section>"
        for title, words, items in views
    )
    return f'<div class="detections">{figures}</div>'


def _best(found: PhotoDetections) -> list[StoredDetection]:
    sure = len(found.above(SURE))
    return list(found.objects[: min(max(sure, FEWEST), MOST)])


def problem(text: str) -> str:
    """A sentence that says why there is no training."""
    return f'<div class="status error" role="alert"><span>{escape(text)}</span></div>'


def stopping() -> str:
    """The line after Cancel was pressed."""
    return '<div class="status" role="status"><span>Stopping after the current step …</span></div>'


def busy(other: PageTraining, *, own: bool) -> str:
    """Why a training cannot begin now."""
    whose = "Your training is running already" if own else "Another visitor's training is running"
    left = seconds_left(other)
    when = f"in about {_duration(left)}" if left is not None else "in some minutes"
    return f"{whose}. This server can run one at a time; try again {when}."


EVENTS = (
    Event(
        request="train",
        on=(("train", "click"),),
        inputs=("training_photos", "training_examples", "training_steps"),
    ),
    Event(request="cancel_training", on=(("cancel_training", "click"),)),
)
