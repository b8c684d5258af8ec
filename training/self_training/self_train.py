"""Self-training: confident detections become labels of the next detector, round after round (method 1.8)."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from cuts3d.detector.checkpoint import load_network
from cuts3d.errors import ConfigError, InputError
from cuts3d.extract.place import names_digest
from cuts3d.io.files import write_atomically
from cuts3d.weights.files import sha256_of
from training.loop.state import EXECUTION_FIELDS, locked_folder
from training.self_training.rounds import LABELS, Controls, Progress, RoundInputs, run_round

SCORES = (0.7, 0.65)  # least score of a detection that becomes a label: in the first round, in the later ones
SETTINGS, LOCK = "self_train.json", "self_train.lock"


def self_train(
    inputs: RoundInputs,
    out: Path,
    *,
    rounds: int = 2,
    scores: Sequence[float] = SCORES,
    device: str = "cpu",
    progress: Progress = lambda what, done, total: None,
    stop: threading.Event | None = None,
) -> Path:
    """Train a detector on its own detections. The same call resumes it; a later call may ask for more rounds.

    Each round has a folder `out/round1`, …: `predictions.json` of the detector before it (with the recipe's
    `rank_detections` also `ranked.json`), `labels.json` (the detections, and the labels that they do not replace), then
    the training from the detector before it to `final.safetensors`, and with the recipe's `mix_before` the
    interpolation of the two, `mixed.safetensors`.

    Args:
        inputs: Detector, photos and labels.
        out: Folder of the rounds.
        rounds: Number of rounds.
        scores: Least score, in [0, 1], of a detection that becomes a label, by round; the last one also for all later
            rounds.
        device: Torch device.
        progress: Called after every photo and every step.
        stop: Stops it after the current photo or step. Detections of a round are then made again, a training is
            resumed.

    Returns:
        The detector of the last round.

    Raises:
        Stopped: `stop` was set.
        InputError: A file cannot be read or written, or another training uses `out`.
        ConfigError: The rounds or scores are out of range, the detector does not fit the recipe, or `out` was made with
            other settings.
    """
    _check(inputs, rounds, scores)
    controls = Controls(device=device, progress=progress, stop=stop)
    with locked_folder(out, LOCK, SETTINGS):
        _check_settings(out, inputs, scores)
        for number in range(1, rounds + 1):
            folder = out / f"round{number}"
            checkpoint = run_round(inputs, folder, scores[min(number, len(scores)) - 1], controls)
            inputs = replace(inputs, labels=folder / LABELS, checkpoint=checkpoint)
    return inputs.checkpoint


def _check(inputs: RoundInputs, rounds: int, scores: Sequence[float]) -> None:
    if rounds < 1:
        raise ConfigError(f"Self-training needs at least one round; it is {rounds}.")
    if not scores or not all(0 <= score <= 1 for score in scores):
        given = ", ".join(map(str, scores)) or "none"
        raise ConfigError(f"Scores must be in [0, 1], one per round; they are: {given}.")
    if load_network(inputs.checkpoint)[0].config != inputs.recipe.network:
        raise ConfigError(
            f"'{inputs.checkpoint.name}' is not the network of the recipe; choose the recipe that it was trained with."
        )


def _check_settings(out: Path, inputs: RoundInputs, scores: Sequence[float]) -> None:
    """Record what the rounds of the folder are made from; refuse to continue with other settings."""
    settings: dict[str, Any] = {
        "recipe": {name: value for name, value in inputs.recipe.to_dict().items() if name not in EXECUTION_FIELDS},
        "scores": list(scores),
        "labels": _sha256(inputs.labels),
        "checkpoint": _sha256(inputs.checkpoint),
        "set of photos": names_digest(inputs.photos),
    }
    text, file = json.dumps(settings, indent=1), out / SETTINGS
    if not file.exists():
        write_atomically(file, lambda temporary: temporary.write_text(text, encoding="utf-8"))
        return
    try:
        before = json.loads(file.read_bytes())
        before.setdefault("set of photos", settings["set of photos"])  # older folders do not say it
        changed = [name for name, value in json.loads(text).items() if before[name] != value]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"'{file}' is damaged ({error}); choose another folder.") from error
    if changed:
        raise ConfigError(f"'{out}' was made with another {' and '.join(changed)}; choose another folder.")


def _sha256(path: Path) -> str:
    try:
        return sha256_of(path)
    except OSError as error:
        raise InputError(f"'{path}' could not be read: {error.strerror or error}.") from error
