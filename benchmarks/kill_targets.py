"""The commands of `benchmarks.kills`: extraction, training and self-training of a few small photos."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from benchmarks.started import StartedCommand
from cuts3d.scenes import SCENES, make_scene

PHOTOS, SIZE = 6, (120, 160)
EXTRACT = ["--image-size=224", "--no-crf", "--images-per-shard=1", "--batch=1", "--quiet"]
TRAIN = ["iterations=6", "checkpoint_every=2", "short_sides=[64]", "max_side=96", "batch=2"]


@dataclass(frozen=True)
class Target:
    """A command that is killed.

    Attributes:
        name: Its name in the table.
        command: Its arguments, given the folder of its output and a number of workers.
        workers: The numbers of workers that are drawn from.
        result: The file in that folder that must be equal to that of an undisturbed run.
        phase: Describes the progress of the work in a folder; empty before the first file.
        forked: Whether starts are forks of this process.
    """

    name: str
    command: Callable[[Path, int], list[str]]
    workers: tuple[int, ...]
    result: str
    phase: Callable[[Path], str]
    forked: bool

    def start(self, out: Path, workers: int) -> StartedCommand:
        """Run the command."""
        return StartedCommand(self.command(out, workers), forked=self.forked)


def extraction(photos: Path, *, forked: bool) -> Target:
    """`python -m cuts3d extract`, with one photo per shard."""

    def command(out: Path, workers: int) -> list[str]:
        return ["cuts3d", "extract", str(photos), "--out", str(out / "labels.json"), *EXTRACT, f"--workers={workers}"]

    def phase(out: Path) -> str:
        parts = out / "labels.json.parts"
        if (out / "labels.json").exists():
            return "merged"
        if not (parts / "manifest.jsonl").exists():
            return ""
        return f"{len(list(parts.glob('shard-*.json.gz')))} of {PHOTOS} shards"

    return Target("extraction", command, (1, 2), "labels.json", phase, forked)


def training(photos: Path, labels: Path, *, forked: bool) -> Target:
    """`python -m training.train`, a checkpoint every other step."""

    def command(out: Path, workers: int) -> list[str]:
        return ["training.train", *_recipe(photos, labels, out, workers)]

    return Target("training", command, (0,) if forked else (0, 0, 1), "final.safetensors", _training_phase, forked)


def self_training(photos: Path, labels: Path, checkpoint: Path, *, forked: bool) -> Target:
    """`python -m training.self_train`, two rounds with ranked detections."""
    start = ["--checkpoint", str(checkpoint), "--rounds", "2", "--score", "0.3"]

    def command(out: Path, workers: int) -> list[str]:
        more = ["--set", "mix_before=0.5", "--set", "rank_detections=true"]
        return ["training.self_train", *_recipe(photos, labels, out, workers), *start, *more]

    def phase(out: Path) -> str:
        last = out / "round2" if (out / "round2").exists() else out / "round1"
        if not last.exists():
            return ""
        if not (last / "labels.json").exists():
            return f"{last.name}, {'ranking' if (last / 'predictions.json').exists() else 'predictions'}"
        return f"{last.name}, {_training_phase(last) or 'loading'}"

    return Target("self-training", command, (0,), "round2/mixed.safetensors", phase, forked)


def _recipe(photos: Path, labels: Path, out: Path, workers: int) -> list[str]:
    settings = [part for one in (*TRAIN, f"workers={workers}") for part in ("--set", one)]
    given = ["--recipe", "light_cpu_smoke", "--device", "cpu", "--photos", str(photos), "--labels", str(labels)]
    return [*given, "--out", str(out), *settings]


def _training_phase(out: Path) -> str:
    if (out / "final.safetensors").exists():
        return "final weights there"
    if not (out / "metrics.jsonl").exists():
        return ""
    steps = (out / "metrics.jsonl").read_bytes().count(b"\n")
    return f"step {steps}, {'with' if (out / 'checkpoint.pt').exists() else 'without'} a checkpoint"


def make_photos(folder: Path) -> Path:
    """Synthetic scenes as photos."""
    folder.mkdir()
    for number in range(PHOTOS):
        scene = make_scene(list(SCENES)[number % len(SCENES)], size=(SIZE[0] + number, SIZE[1]))
        Image.fromarray(scene.image).save(folder / f"{number}.png")
    return folder
