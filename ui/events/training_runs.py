"""Requests of the small training on the tab Detector."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import gradio as gr

from cuts3d.errors import InputError
from cuts3d.io.photos import Photo, read_photo
from ui.events.detections import redrawn
from ui.events.visitors import is_number, session_of
from ui.server.uploads import check_photo
from ui.session import training_slot
from ui.session.drawing import Update
from ui.session.examples import example_names, load_example
from ui.session.page_training import MOST_PHOTOS, PHOTO_SIDE, PageTraining, TrainingSettings
from ui.tabs import detector_training as stage

TRAINING_OUTPUTS = ("training_progress", "training_preview", "trained_file", "status", "detections", "checkpoint")
STEPS = (20, 200)
PAUSE = 1.0  # seconds between two pictures of the same phase


def train_here(
    visitor: str, files: Sequence[str] | None, with_examples: bool, steps: Any
) -> Generator[Update, None, None]:
    """Train a small detector on a visitor's photos, the examples, or both, and show its progress."""
    try:
        photos = chosen_photos(files or (), with_examples=with_examples)
    except InputError as error:
        yield {"training_progress": stage.problem(str(error))}
        return
    count = min(max(int(float(steps)), STEPS[0]), STEPS[1]) if is_number(steps) else STEPS[0]
    with TemporaryDirectory(prefix="cuts3d-trained-") as folder:
        settings = TrainingSettings(owner=visitor, photos=photos, steps=count, folder=Path(folder))
        training = PageTraining(settings)
        other = training_slot.TRAINING_SLOT.start(training)
        if other is not None:
            yield {"training_progress": stage.problem(stage.busy(other, own=other.settings.owner == visitor))}
            return
        try:
            yield from _watch(training)
            yield _ended(visitor, training)  # Gradio copies the file to its own cache before it asks for more
        finally:
            training.stop.set()


def cancel(visitor: str) -> Update:
    """End the visitor's training after the current step."""
    if training_slot.TRAINING_SLOT.stop(visitor):
        return {"training_progress": stage.stopping()}
    return {}


def chosen_photos(files: Sequence[str], *, with_examples: bool) -> list[tuple[str, Callable[[], Photo]]]:
    """Name and reader of each photo.

    Raises:
        InputError: There are none, or too many.
    """
    photos = [(Path(path).name, partial(_uploaded, path)) for path in files]
    if with_examples:
        photos += [(name, partial(_example, name)) for name in example_names()]
    if not photos:
        raise InputError("Upload photos, or train on the examples.")
    if len(photos) > MOST_PHOTOS:
        raise InputError(
            f"These are {len(photos)} photos, the examples included. The training takes at most {MOST_PHOTOS}."
        )
    return photos


def _uploaded(path: str) -> Photo:
    check_photo(path)
    return read_photo(path, max_side=PHOTO_SIDE)


def _example(name: str) -> Photo:
    return read_photo(load_example(name)[0], max_side=PHOTO_SIDE)


def _watch(training: PageTraining) -> Iterator[Update]:
    yield {
        "training_progress": stage.progress(training),
        "training_preview": "",
        "trained_file": gr.update(value=None, visible=False),
    }
    version, seen = -1, None
    while training.progress.running:
        version = training.wait(version, PAUSE)
        if not training.progress.running:
            return
        update: Update = {} if training.stop.is_set() else {"training_progress": stage.progress(training)}
        if seen != (shown := (training.progress.sample is not None, training.progress.look)):
            seen, update["training_preview"] = shown, stage.preview(training)
        yield update


def _ended(visitor: str, training: PageTraining) -> Update:
    update: Update = {"training_progress": stage.progress(training), "training_preview": stage.preview(training)}
    if training.progress.detector is None:
        return update
    update["trained_file"] = gr.update(value=str(training.settings.result), visible=True)
    session = session_of(visitor)
    if session is not None:
        session.detections.use_own(training.progress.detector)
        update |= {**redrawn(session), "checkpoint": None}
    return update
