"""Every request that the page can make: its handler, what the answer may change, and where it queues."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from ui import controls
from ui.events import detecting, looking, opening, results, settings, training_runs
from ui.events.detections import DETECTION_OUTPUTS
from ui.events.looking import BASELINE_OUTPUTS, COMPARISON_OUTPUTS, INSTANCE_OUTPUTS, PATCH_OUTPUTS
from ui.events.opening import OPEN_OUTPUTS
from ui.events.runs import RUN_OUTPUTS
from ui.session.drawing import Update
from ui.tabs.tab import Request

Options = dict[str, Any]
QUIET: Options = {"show_progress": "hidden", "api_visibility": "private"}
FAST: Options = {**QUIET, "concurrency_id": "fast", "concurrency_limit": 2}
LATEST: Options = {**FAST, "trigger_mode": "always_last"}  # of many quick requests, only the last counts
EVERY: Options = {**FAST, "trigger_mode": "multiple"}  # messages: "always_last" would repeat an older one's data
REFINE: Options = {**QUIET, "trigger_mode": "always_last", "concurrency_id": "refine", "concurrency_limit": 8}
HEAVY: Options = {  # networks run: one at a time, and the status line says the place in the queue
    "api_visibility": "private",
    "concurrency_id": "heavy",
    "concurrency_limit": 1,
    "show_progress": "minimal",
    "trigger_mode": "multiple",
}
TRAINING: Options = {**QUIET, "concurrency_id": "training", "concurrency_limit": 8}  # minutes, next to the networks


@dataclass(frozen=True, slots=True, kw_only=True)
class Handler:
    """How the server answers a request.

    Attributes:
        answer: Gets the visitor, the inputs or the fields of the message, then the values of all controls where
            `reads_controls`. Returns an update, or yields several.
        outputs: Components that the answer may change, by name.
        sets: Parameters whose controls the answer may set.
        reads_controls: Whether it gets the values of all controls.
        queue: Options of the Gradio event.
        then: Request that follows the answer.
    """

    answer: Callable[..., Update | Iterator[Update]]
    outputs: tuple[str, ...] = ()
    sets: tuple[str, ...] = ()
    reads_controls: bool = False
    queue: Options
    then: Request | None = None


def _segments(answer: Callable[..., Iterator[Update]], queue: Options, *more: str) -> Handler:
    """A handler that runs stages up to the masks before the CRF; `more` are outputs of this one alone."""
    return Handler(answer=answer, outputs=(*OPEN_OUTPUTS, *more), reads_controls=True, queue=queue, then="refine")


HANDLERS: dict[Request, Handler] = {
    "open_example": _segments(opening.open_example, HEAVY),
    "choose_example": _segments(opening.choose_example, HEAVY, "upload", "depth_file"),
    "open_upload": _segments(opening.open_upload, HEAVY, "upload"),
    "change_depth": _segments(opening.change_depth, HEAVY),
    "take_depth": _segments(opening.take_depth, HEAVY, "depth_file"),
    "change": _segments(opening.change, LATEST),
    "run": _segments(opening.run, HEAVY),
    "refine": Handler(answer=opening.refine, outputs=RUN_OUTPUTS, queue=REFINE),
    "follow_backbone": Handler(
        answer=settings.follow_backbone, outputs=("own_tau",), sets=("tau_ncut",), queue=EVERY, then="run"
    ),
    "choose_preset": Handler(
        answer=settings.choose_preset, outputs=("preset_text", "own_tau"), sets=controls.NAMES, queue=EVERY, then="run"
    ),
    "reset": Handler(
        answer=settings.reset,
        outputs=("preset", "preset_text", "own_tau"),
        sets=controls.NAMES,
        queue=EVERY,
        then="run",
    ),
    "pick_patch": Handler(answer=looking.pick_patch, outputs=PATCH_OUTPUTS, queue=EVERY),
    "move_patch": Handler(answer=looking.move_patch, outputs=PATCH_OUTPUTS, queue=EVERY),
    "choose_instance": Handler(answer=looking.choose_instance, outputs=INSTANCE_OUTPUTS, queue=EVERY),
    "choose_mask": Handler(answer=looking.choose_mask, outputs=INSTANCE_OUTPUTS, queue=EVERY),
    "open_tab": Handler(answer=looking.open_tab, outputs=("tabs",), queue=EVERY),
    "use_depth": Handler(answer=looking.use_depth, outputs=("tabs",), sets=("depth",), queue=EVERY, then="run"),
    "set_tau_ncut": Handler(answer=looking.set_tau_ncut, sets=("tau_ncut",), queue=EVERY, then="change"),
    "compare_pictures": Handler(answer=looking.compare_pictures, outputs=COMPARISON_OUTPUTS, queue=LATEST),
    "choose_baseline": Handler(answer=looking.choose_baseline, outputs=BASELINE_OUTPUTS, queue=HEAVY),
    "compare_depths": Handler(answer=results.compare_depths, outputs=results.DEPTH_OUTPUTS, queue=HEAVY),
    "prepare_files": Handler(answer=results.prepare_files, outputs=RUN_OUTPUTS, queue=HEAVY),
    "detect": Handler(answer=detecting.detect, outputs=DETECTION_OUTPUTS, queue=HEAVY),
    "detect_again": Handler(answer=detecting.detect_again, outputs=DETECTION_OUTPUTS, queue=HEAVY),
    "use_checkpoint": Handler(answer=detecting.use_checkpoint, outputs=(*DETECTION_OUTPUTS, "checkpoint"), queue=HEAVY),
    "drop_checkpoint": Handler(answer=detecting.drop_checkpoint, outputs=DETECTION_OUTPUTS, queue=FAST),
    "choose_threshold": Handler(answer=detecting.choose_threshold, outputs=DETECTION_OUTPUTS, queue=LATEST),
    "train": Handler(
        answer=training_runs.train_here, outputs=training_runs.TRAINING_OUTPUTS, queue=TRAINING, then="detect_again"
    ),
    "cancel_training": Handler(answer=training_runs.cancel, outputs=("training_progress",), queue=FAST),
}
