"""A small training that can be watched: loss, and what the network finds in one of its photos."""

from __future__ import annotations

from html import escape
from typing import Any

import gradio as gr

from cuts3d.export import instance_colour
from ui.charts import loss_chart
from ui.detectors import Found
from ui.mask_view import MASK_JS, MaskItem, Outline, mask_view, outlined
from ui.page_training import MOST_PHOTOS, PageTraining, seconds_left
from ui.render import photo_uri
from ui.status import error as problem_line

SURE, FEWEST, MOST = 0.5, 3, 8  # shown of a look: what scores so high, but at least and at most so many


def build() -> dict[str, Any]:
    """Lay the section out."""
    gr.Markdown(
        f"**Train one here.** Up to {MOST_PHOTOS} photos become pseudo-labels, and the light network learns them by "
        "heart: enough to see how training goes, not to find anything else. Some minutes on two cores. The photos stay "
        "on this server, and are deleted when it ends.",
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
    """Where a training is, its losses, and what was left out."""
    done = len(training.losses)
    share = 0.2 * training.labelled / len(training.photos) + 0.8 * done / training.steps
    bar = (
        f'<progress max="100" value="{round(100 * share)}" aria-label="Training"></progress>'
        if training.running
        else ""
    )
    if training.phase == "failed" and training.error is not None:
        line = problem_line(training.error)
    else:
        line = f'<div class="status" role="status"><span>{escape(_words(training))}</span>{bar}</div>'
    left_out = "".join(f"<li>{escape(sentence)}</li>" for sentence in training.left_out)
    chart = loss_chart({"loss": (range(1, done + 1), training.losses[:done])}, end=training.steps) if done else ""
    return f"{line}{f'<ul>{left_out}</ul>' if left_out else ''}{chart}"


def _words(training: PageTraining) -> str:
    done, total = len(training.losses), training.steps
    if training.phase == "labels":
        return f"Pseudo-labels: photo {min(training.labelled + 1, len(training.photos))} of {len(training.photos)} …"
    if training.phase == "training":
        left = seconds_left(training)
        return f"Step {done} of {total}" + (f", about {_duration(left)} left" if left is not None else " …")
    if training.phase == "stopped":
        return f"Cancelled after {done} of {total} steps; nothing was kept."
    if not training.losses:
        return "Done."
    fell = f"loss {training.losses[0]:.2f} to {training.losses[-1]:.2f}"
    return f"Done: {total} steps, {fell}. The detector is yours now: above beside the others, and below as a file."


def _duration(seconds: float) -> str:
    return f"{max(1, round(seconds))} s" if seconds < 90 else f"{seconds / 60:.0f} min"


def preview(training: PageTraining) -> str:
    """One of the photos with its pseudo-labels, and with what the network finds by now."""
    image = training.sample
    if image is None:
        return ""
    source, shape = photo_uri(image), (image.shape[0], image.shape[1])
    labels = [(outlined(one.mask), f"score {one.score:.2f}") for one in training.labels]
    count = len(labels)
    views = [("What it shall learn", labels, f"{count} pseudo-label{'' if count == 1 else 's'}.")]
    if training.look is not None:
        step, found = training.look
        best = _best(found)
        words = ", ".join(f"{one.score:.2f}" for one in best)
        views.append(
            (
                f"What it finds after step {step}",
                [(o.outline, f"score {o.score:.2f}") for o in best],
                f"Scores {words}.",
            )
        )
    figures = "".join(
        f"<section><h3>{escape(title)}</h3>{mask_view(source, _items(masks), shape, caption=caption)}</section>"
        for title, masks, caption in views
    )
    return f'<div class="detections">{figures}</div>'


def _best(found: Found) -> list[Any]:
    sure = len(found.above(SURE))
    return list(found.objects[: min(max(sure, FEWEST), MOST)])


def _items(masks: list[tuple[Outline, str]]) -> list[MaskItem]:
    items = []
    for number, (outline, words) in enumerate(masks):
        red, green, blue = (int(c) for c in instance_colour(number))
        items.append(MaskItem(number, outline, (red, green, blue), f"{number + 1}, {words}"))
    return items


def problem(text: str) -> str:
    """A sentence in place of a training."""
    return f'<div class="status error" role="alert"><span>{escape(text)}</span></div>'


def stopping() -> str:
    """Cancel was pressed."""
    return '<div class="status" role="status"><span>Stopping after the step at hand …</span></div>'


def busy(other: PageTraining, *, own: bool) -> str:
    """Why a training cannot begin now."""
    whose = "Your training is running already" if own else "Another visitor's training is running"
    left = seconds_left(other)
    when = f"in about {_duration(left)}" if left is not None else "in some minutes"
    return f"{whose}, one at a time is all this server can do; try again {when}."
