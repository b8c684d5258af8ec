"""One round of self-training: detections, their ranking, labels, training, interpolation of weights.

A step whose file exists is not repeated.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from cuts3d.detector.checkpoint import load_network, save_network
from cuts3d.detector.network import CascadeMaskRCNN
from cuts3d.detector.predict import predict
from cuts3d.io.files import remove_unfinished
from training.data.dataset import PseudoLabels
from training.loop.ema import interpolated
from training.loop.train import FINAL, Metrics, Stopped, train
from training.recipes.recipe import Recipe
from training.self_training.merge_labels import merge_labels, write_labels
from training.self_training.rank import rank_detections

MIXED = "mixed.safetensors"
PREDICTIONS, RANKED, LABELS = "predictions.json", "ranked.json", "labels.json"
Progress = Callable[[str, int, int], None]  # name of the step, photos or steps done, their number


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundInputs:
    """What a round of self-training starts from.

    Attributes:
        recipe: The recipe that the detector was trained with; a round changes it as `round_recipe` does.
        photos: Folder that the labels' file names are relative to.
        labels: COCO file of the labels that the detector was trained on.
        checkpoint: The detector.
    """

    recipe: Recipe
    photos: Path
    labels: Path
    checkpoint: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Controls:
    """Where a self-training runs, how it reports progress, and how it is stopped; no result depends on the last two.

    Attributes:
        device: Torch device.
        progress: Called after every photo and every step.
        stop: Stops it after the current photo or step.
    """

    device: str = "cpu"
    progress: Progress = lambda what, done, total: None
    stop: threading.Event | None = None


def run_round(inputs: RoundInputs, folder: Path, score: float, controls: Controls) -> Path:
    """Run one round, or what is missing of it; returns its detector.

    Args:
        inputs: Detector, photos and labels before the round.
        folder: Folder of the round.
        score: Least score, in [0, 1], of a detection that becomes a label.
        controls: Device, progress, stop.

    Raises:
        Stopped: `controls.stop` was set.
        InputError: A file cannot be read or written.
    """
    _make_labels(inputs, folder, score, controls)
    if not (folder / FINAL).exists():
        _train(inputs, folder, controls)
    if inputs.recipe.mix_before and not (folder / MIXED).exists():
        _mix(inputs, folder)
    return result(folder)


def round_recipe(recipe: Recipe) -> Recipe:
    """The recipe of a round: half the steps, half the learning rate, no DropLoss (method 1.8)."""
    return recipe.replace(iterations=max(1, recipe.iterations // 2), lr=recipe.lr / 2, drop_loss=False)


def result(folder: Path) -> Path:
    """The detector of a round: interpolated with the one before if the recipe says so, else as it was trained."""
    return folder / MIXED if (folder / MIXED).exists() else folder / FINAL


def _make_labels(inputs: RoundInputs, folder: Path, score: float, controls: Controls) -> None:
    """Detections, their ranking and the labels of a round, unless their files exist."""
    found, ranked, merged = (folder / name for name in (PREDICTIONS, RANKED, LABELS))

    def report(what: str, done: int, total: int) -> None:
        controls.progress(f"{folder.name}: {what}", done, total)
        if controls.stop is not None and controls.stop.is_set():
            raise Stopped(
                f"{folder.name} was stopped after the {what} of {done} of {total} photos; run it again to resume."
            )

    for path in (found, ranked, merged):
        remove_unfinished(path)
    if not found.exists():
        show = partial(report, "predictions")
        predict(inputs.photos, inputs.checkpoint, found, score_threshold=score, device=controls.device, progress=show)
    if inputs.recipe.rank_detections:
        if not ranked.exists():
            write_labels(rank_detections(inputs.photos, found, progress=partial(report, "ranking")), ranked)
        found = ranked
    if not merged.exists():
        write_labels(merge_labels(found, inputs.labels, score=score, **inputs.recipe.score_ranges), merged)


def _train(inputs: RoundInputs, folder: Path, controls: Controls) -> None:
    recipe = round_recipe(inputs.recipe)
    dataset = PseudoLabels.of_recipe(inputs.photos, folder / LABELS, recipe)

    def report(metrics: Metrics, _: CascadeMaskRCNN) -> None:
        controls.progress(f"{folder.name}: training", int(metrics["step"]), recipe.iterations)

    train(
        recipe,
        dataset,
        folder,
        init=inputs.checkpoint,
        on_step=report,
        stop=controls.stop,
        device=controls.device,
        info={"self_training": folder.name},
    )


def _mix(inputs: RoundInputs, folder: Path) -> None:
    """Interpolate the round's weights with those before it."""
    remove_unfinished(folder / MIXED)
    fraction = inputs.recipe.mix_before
    trained, info = load_network(folder / FINAL)
    network = interpolated(load_network(inputs.checkpoint)[0], trained, fraction)
    save_network(network, folder / MIXED, {**info, "mix_before": fraction})
