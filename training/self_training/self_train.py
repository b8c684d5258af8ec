"""Self-training: a detector's confident finds become labels of the next one, round after round (method 1.8).

python -m training.self_train --recipe light_cpu --photos photos/ --labels labels.json \
    --checkpoint runs/light_cpu/final.safetensors --rounds 2 --out runs/self_trained

For several GPUs run the steps of a round one by one, into its folder: training.predict, training.rank where the recipe
says so, training.merge_labels, training.train. This command then finds them done, and mixes.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from cuts3d.detector.checkpoint import load_network, save_network
from cuts3d.detector.network import CascadeMaskRCNN
from cuts3d.detector.predict import predict
from cuts3d.errors import ConfigError, CutS3DError, InputError
from cuts3d.io.files import remove_unfinished, write_atomically
from cuts3d.weights.files import sha256_of
from training.data.dataset import PseudoLabels
from training.loop.ema import mixed
from training.loop.processes import stopping
from training.loop.state import FREE, alone
from training.loop.train import FINAL, Metrics, Stopped, changed, train
from training.recipes import NAMES, get_recipe
from training.recipes.recipe import Recipe
from training.self_training.merge_labels import merge_labels, write_labels
from training.self_training.rank import rank_detections

SCORES = (0.7, 0.65)  # least score of a detection that becomes a label: in the first round, in the later ones
MIXED = "mixed.safetensors"
PREDICTIONS, RANKED, LABELS = "predictions.json", "ranked.json", "labels.json"
SETTINGS, LOCK = "self_train.json", "self_train.lock"
Progress = Callable[[str, int, int], None]  # what is done, how much of it, of how much


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What self-training begins with.

    Attributes:
        recipe: What the detector was trained by; each round trains as `round_recipe` changes it.
        photos: Folder that the labels' file names are relative to.
        labels: COCO file of the labels that the detector was trained on.
        checkpoint: The detector.
    """

    recipe: Recipe
    photos: Path
    labels: Path
    checkpoint: Path


def self_train(
    start: Start,
    out: Path,
    *,
    rounds: int = 2,
    scores: Sequence[float] = SCORES,
    device: str = "cpu",
    progress: Progress = lambda what, done, total: None,
    stop: threading.Event | None = None,
) -> Path:
    """Train a detector on its own finds; go on where an earlier call ended. More rounds may be asked for later.

    Each round lies in a folder `out/round1`, …: `predictions.json` of the detector before (with the recipe's
    `rank_detections` also `ranked.json`), `labels.json` (the detections, and the labels that they do not replace), then the
    training, from the detector before, to `final.safetensors`, and with the recipe's `mix_before` what the two together
    make, `mixed.safetensors`.

    Args:
        start: Detector, photos and labels.
        out: Folder of the rounds.
        rounds: How many.
        scores: Least score, in [0, 1], of a find that becomes a label, round by round; the last one also for all
            further rounds.
        device: Torch device.
        progress: Told after every photo and every step.
        stop: Ends it after the photo or the step at hand; predictions begin again, a training goes on.

    Returns:
        The last round's detector.

    Raises:
        Stopped: `stop` was set.
        InputError: A file cannot be used or written, or another training works in `out`.
        ConfigError: Rounds or scores that cannot be, a detector that is not the recipe's, or an `out` that belongs to
            other settings.
    """
    if rounds < 1:
        raise ConfigError(f"Self-training needs at least one round; it is {rounds}.")
    if not scores or not all(0 <= score <= 1 for score in scores):
        raise ConfigError(f"Scores must be in [0, 1], one a round; they are: {', '.join(map(str, scores)) or 'none'}.")
    if load_network(start.checkpoint)[0].config != start.recipe.network:
        raise ConfigError(
            f"'{start.checkpoint.name}' is another network than the recipe's; choose the recipe it was trained by."
        )
    with alone(out, LOCK, SETTINGS):
        _claim(out, start, scores)
        for number in range(1, rounds + 1):
            folder = out / f"round{number}"
            score = scores[min(number, len(scores)) - 1]
            _next_labels(folder, start, score, device=device, progress=progress, stop=stop)
            if not (folder / FINAL).exists():
                _train_round(folder, start, device=device, progress=progress, stop=stop)
            if start.recipe.mix_before and not (folder / MIXED).exists():
                _mix(start.checkpoint, folder, start.recipe.mix_before)
            start = replace(start, labels=folder / LABELS, checkpoint=result(folder))
    return start.checkpoint


def round_recipe(recipe: Recipe) -> Recipe:
    """What a round trains by: half the steps, half the learning rate, no DropLoss (method 1.8)."""
    return recipe.replace(iterations=max(1, recipe.iterations // 2), lr=recipe.lr / 2, drop_loss=False)


def _next_labels(
    folder: Path, start: Start, score: float, *, device: str, progress: Progress, stop: threading.Event | None
) -> None:
    """Predictions, their ranking and the labels of a round, where they are not there yet."""
    found, ranked, merged = (folder / name for name in (PREDICTIONS, RANKED, LABELS))

    def told(what: str, done: int, total: int) -> None:
        progress(f"{folder.name}: {what}", done, total)
        if stop is not None and stop.is_set():
            raise Stopped(f"{folder.name} was stopped after the {what} of {done} of {total} photos; call it again.")

    for path in (found, ranked, merged):
        remove_unfinished(path)
    if not found.exists():
        told_of = partial(told, "predictions")
        predict(start.photos, start.checkpoint, found, score_threshold=score, device=device, progress=told_of)
    if start.recipe.rank_detections:
        if not ranked.exists():
            write_labels(rank_detections(start.photos, found, progress=partial(told, "ranking")), ranked)
        found = ranked
    if not merged.exists():
        ranges = {"detection_score_range": start.recipe.detection_score_range, "score_range": start.recipe.score_range}
        write_labels(merge_labels(found, start.labels, score=score, **ranges), merged)


def _train_round(folder: Path, start: Start, *, device: str, progress: Progress, stop: threading.Event | None) -> None:
    recipe = round_recipe(start.recipe)
    dataset = PseudoLabels(
        start.photos,
        folder / LABELS,
        min_score=recipe.min_score,
        top_labels=recipe.top_labels,
        score_range=recipe.score_range,
        max_side=recipe.max_side,
    )

    def told(metrics: Metrics, _: CascadeMaskRCNN) -> None:
        progress(f"{folder.name}: training", int(metrics["step"]), recipe.iterations)

    about = {"self_training": folder.name}
    train(recipe, dataset, folder, init=start.checkpoint, on_step=told, stop=stop, device=device, info=about)


def _mix(before: Path, folder: Path, share: float) -> None:
    """The round's weights, drawn back towards those before it."""
    remove_unfinished(folder / MIXED)
    trained, info = load_network(folder / FINAL)
    save_network(mixed(load_network(before)[0], trained, share), folder / MIXED, {**info, "mix_before": share})


def result(folder: Path) -> Path:
    """The detector of a round: mixed with the one before, where the recipe says so, or as it was trained."""
    return folder / MIXED if (folder / MIXED).exists() else folder / FINAL


def _claim(out: Path, start: Start, scores: Sequence[float]) -> None:
    """Note what the folder's rounds are made from; refuse to mix them with others."""
    settings: dict[str, Any] = {
        "recipe": {name: value for name, value in start.recipe.to_dict().items() if name not in FREE},
        "scores": list(scores),
        "labels": _sha256(start.labels),
        "checkpoint": _sha256(start.checkpoint),
    }
    text, file = json.dumps(settings, indent=1), out / SETTINGS
    if not file.exists():
        write_atomically(file, lambda temporary: temporary.write_text(text, encoding="utf-8"))
        return
    try:
        before = json.loads(file.read_bytes())
        other = [name for name, value in json.loads(text).items() if before[name] != value]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"'{file}' is damaged ({error}); choose another folder.") from error
    if other:
        raise ConfigError(f"'{out}' holds rounds of another {' and '.join(other)}; choose another folder.")


def _sha256(path: Path) -> str:
    try:
        return sha256_of(path)
    except OSError as error:
        raise InputError(f"'{path}' could not be read: {error.strerror or error}.") from error


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    found = argparse.ArgumentParser(
        prog="python -m training.self_train", description="Train a detector on its own finds, round after round."
    )
    found.add_argument("--recipe", required=True, metavar="NAME", help=f"of the detector; one of: {', '.join(NAMES)}")
    found.add_argument("--photos", type=Path, required=True, help="the folder that 'cuts3d extract' was given")
    found.add_argument("--labels", type=Path, required=True, help="what it wrote")
    found.add_argument("--checkpoint", type=Path, required=True, help="the detector that was trained on them")
    found.add_argument("--out", type=Path, required=True, help="folder of the rounds; run it again, and it goes on")
    found.add_argument("--rounds", type=int, default=2, metavar="N", help="how many (2)")
    found.add_argument("--score", default="0.7,0.65", metavar="S,S,…", help="least score of a find, round by round")
    found.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    found.add_argument(
        "--set", action="append", default=[], metavar="FIELD=VALUE", help="another value than the recipe's"
    )
    return found


def parsed_scores(text: str) -> tuple[float, ...]:
    """Scores from a command line.

    Raises:
        ConfigError: They are no numbers.
    """
    try:
        return tuple(float(part) for part in text.split(","))
    except ValueError:
        raise ConfigError(f"--score takes numbers with commas between, such as 0.7,0.65; it is '{text}'.") from None


def main() -> int:
    """Self-train, with a bar of progress for each step of each round."""
    options = parser().parse_args()
    try:
        with stopping() as stop, tqdm(file=sys.stderr) as bar:

            def show(what: str, done: int, total: int) -> None:
                if bar.desc != f"{what}: ":
                    bar.reset(total)
                    bar.set_description(what)
                bar.update(done - bar.n)

            final = self_train(
                Start(
                    recipe=changed(get_recipe(options.recipe), options.set),
                    photos=options.photos,
                    labels=options.labels,
                    checkpoint=options.checkpoint,
                ),
                options.out,
                rounds=options.rounds,
                scores=parsed_scores(options.score),
                device=options.device,
                progress=show,
                stop=stop,
            )
    except CutS3DError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    print(
        f"The detector is in {final}; use it: python -m training.predict FOLDER --checkpoint {final} --out found.json"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
