"""SIGKILL at random moments: extraction, training and self-training are held to undisturbed runs, byte for byte.

python -m benchmarks.kills --extract 50 --train 50 --self-train 20

The real commands, on made photos at a small size, are started again after each kill until they end; then the next
round begins in a fresh folder. What is killed is drawn too: the process with all its workers, it alone, or one worker
(which costs the command nothing: it goes on). So is the number of workers of each start, on which no byte depends.

With `--forked` a start is a fork of this process, which has imported everything and run nothing, and so are the workers
of an extraction: it costs a second instead of ten, and the kills fall on the work rather than on imports. Photos of a
training are then loaded in its own process.
"""

from __future__ import annotations

import argparse
import hashlib
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import torch
from PIL import Image

import cuts3d.extract.shard  # noqa: F401 - loaded before the forks
from cuts3d.cli.main import main as cuts3d_main
from cuts3d.extract import engine_local
from cuts3d.scenes import SCENES, make_scene
from training.self_train import main as self_train_main
from training.train import main as train_main

REPO = Path(__file__).resolve().parents[1]
PHOTOS, SIZE = 6, (120, 160)
EXTRACT = ["--image-size=224", "--no-crf", "--images-per-shard=1", "--batch=1", "--quiet"]
TRAIN = ["iterations=6", "checkpoint_every=2", "short_sides=[64]", "max_side=96", "batch=2"]
WHAT = {"all": 3, "parent": 2, "worker": 1}  # how often each is killed, as weights
EARLY = 0.15  # share of kills before the first sign of work
LONGER = 1.25  # so much longer lives each start of a round than the one before, so that every round ends
POLL = 0.01
MAINS = {"cuts3d": cuts3d_main, "training.train": train_main, "training.self_train": self_train_main}
MOST_REFUSED = 20
DONE = "is there already"  # what an extraction says that was killed after its last work


@dataclass(frozen=True)
class Work:
    """A command that is killed.

    Attributes:
        name: For people.
        command: Its arguments, given the folder of its output and a number of workers.
        workers: Those that are drawn from.
        result: The file in that folder that must be the same.
        phase: How far a folder says that the work is; empty before its first sign.
        forked: Whether starts are forks of this process.
    """

    name: str
    command: Callable[[Path, int], list[str]]
    workers: tuple[int, ...]
    result: str
    phase: Callable[[Path], str]
    forked: bool

    def start(self, out: Path, workers: int) -> Start:
        """Run the command."""
        return Start(self.command(out, workers), forked=self.forked)


@dataclass
class Tally:
    """What has come of a campaign."""

    kills: Counter[str] = field(default_factory=Counter)
    phases: Counter[str] = field(default_factory=Counter)
    ended: int = 0
    refused: Counter[str] = field(default_factory=Counter)
    different: int = 0
    left: Counter[str] = field(default_factory=Counter)

    def lines(self, name: str) -> list[str]:
        """Rows of a table."""
        total = sum(self.kills.values())
        return [
            f"| {name}: kills survived (of all / of the parent alone / of a worker) | {total} "
            f"({' / '.join(str(self.kills[what]) for what in WHAT)}) |",
            f"| {name}: where they hit | {', '.join(f'{phase} {n}' for phase, n in sorted(self.phases.items()))} |",
            f"| {name}: runs that ended, of them other than the undisturbed one | {self.ended}, {self.different} |",
            f"| {name}: starts refused or failed | {_counts(self.refused)} |",
            f"| {name}: files left behind | {_counts(self.left)} |",
        ]


def campaign(work: Work, kills: int, folder: Path, seed: int) -> Tally:
    """Kill a command so many times, and compare what it ends with."""
    rng, tally = random.Random(seed), Tally()
    whole = folder / "whole"
    span = _undisturbed(work, whole)
    expected = _names(whole)
    while sum(tally.kills.values()) < kills:
        out = folder / f"killed{tally.ended}"
        sign, end = span
        while _is_killed(work, out, rng, tally, (sign, end)):
            end *= LONGER
            if sum(tally.refused.values()) > MOST_REFUSED:
                raise SystemExit(f"{work.name} does not go on: {_counts(tally.refused)}")
        tally.ended += 1
        tally.different += _digest(out / work.result) != _digest(whole / work.result)
        tally.left.update(name for name in _names(out) if name not in expected)
    return tally


def _undisturbed(work: Work, out: Path) -> tuple[float, float]:
    """Seconds to the first sign of work, and to the end."""
    began, sign = time.monotonic(), 0.0
    with closing(work.start(out, work.workers[0])) as process:
        while process.status is None:
            if not sign and work.phase(out):
                sign = time.monotonic() - began
            process.wait(POLL)
        if process.status:
            raise SystemExit(f"{work.name}: the undisturbed run failed: {process.said()}")
    return sign, time.monotonic() - began


def _is_killed(work: Work, out: Path, rng: random.Random, tally: Tally, span: tuple[float, float]) -> bool:
    """Start the command; whether it was killed before its end."""
    sign, end = span
    with closing(work.start(out, rng.choice(work.workers))) as process:
        while True:
            process.wait(rng.uniform(0, sign) if rng.random() < EARLY else rng.uniform(sign, end))
            if process.status is not None:
                break
            phase, workers = work.phase(out) or "nothing yet", _workers(process.pid)
            what = _kill(process, workers, rng)
            tally.kills[what] += 1
            tally.phases[phase] += 1
            print(f"{work.name}: killed {what} at {phase}", file=sys.stderr, flush=True)
            if what != "worker":
                process.wait()
                while work.forked and any(Path(f"/proc/{worker}").exists() for worker in workers):
                    time.sleep(POLL)  # forks inherit the lock that a real worker does not
                return True
        if process.status == 0 or DONE in process.said():
            return False
        tally.refused[process.said()] += 1
        return True


def _kill(process: Start, workers: list[int], rng: random.Random) -> str:
    what = rng.choices(list(WHAT), weights=list(WHAT.values()))[0]
    if what == "all":
        os.killpg(process.pid, signal.SIGKILL)
        return what
    victim = rng.choice(workers) if workers and what == "worker" else process.pid
    try:
        os.kill(victim, signal.SIGKILL)
    except ProcessLookupError:  # a worker that has ended by itself meanwhile
        process.kill()
        return "parent"
    return "parent" if victim == process.pid else what


def _workers(parent: int) -> list[int]:
    """Processes that it has spawned to work."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()
            if int(fields[1]) == parent and b"resource_tracker" not in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
        except OSError:  # it has ended meanwhile
            continue
    return found


class Start:
    """A command that runs in a session of its own, with what it says in a file."""

    def __init__(self, arguments: list[str], *, forked: bool) -> None:
        with tempfile.NamedTemporaryFile(prefix="cuts3d-said-", delete=False) as file:
            self._said = Path(file.name)
            if forked:
                process = multiprocessing.get_context("fork").Process(target=_main, args=(arguments, file.fileno()))
                process.start()
                self.pid, self.wait, self.kill = process.pid or 0, process.join, process.kill
                self._status = lambda: process.exitcode
            else:
                command = subprocess.Popen(
                    [sys.executable, "-m", *arguments],
                    cwd=REPO,
                    env={**os.environ, "OMP_NUM_THREADS": "1"},
                    stdout=subprocess.DEVNULL,
                    stderr=file,
                    start_new_session=True,
                )
                self.pid, self.kill, self._status = command.pid, command.kill, command.poll
                self.wait = partial(_wait, command)

    @property
    def status(self) -> int | None:
        """The exit status; None while it runs."""
        return self._status()

    def said(self) -> str:
        """The last line on stderr."""
        lines = self._said.read_text(encoding="utf-8").strip().splitlines()
        return (lines or [f"exit status {self.status}"])[-1]

    def close(self) -> None:
        """Forget what it has said."""
        self._said.unlink(missing_ok=True)


def _wait(command: subprocess.Popen[bytes], seconds: float | None = None) -> None:
    with suppress(subprocess.TimeoutExpired):
        command.wait(seconds)


def _main(arguments: list[str], stderr: int) -> None:
    """A command in a fork."""
    os.setsid()
    os.dup2(stderr, 2)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    torch.set_num_threads(1)
    fork = multiprocessing.get_context("fork")
    engine_local.multiprocessing.get_context = lambda _: fork  # pyright: ignore[reportAttributeAccessIssue]
    sys.argv = arguments
    sys.exit(MAINS[arguments[0]]())


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else "missing"


def _names(out: Path) -> set[str]:
    """Files and folders beside the result, but TensorBoard's, of which each start makes one."""
    return {p.name for p in out.rglob("*") if not p.name.startswith("events.out.tfevents")}


def _counts(found: Counter[str]) -> str:
    return ", ".join(f"{name}: {n}" for name, n in sorted(found.items())) or "none"


# ---- the commands


def extraction(photos: Path, *, forked: bool) -> Work:
    """`python -m cuts3d extract`, of one photo a shard."""

    def command(out: Path, workers: int) -> list[str]:
        return ["cuts3d", "extract", str(photos), "--out", str(out / "labels.json"), *EXTRACT, f"--workers={workers}"]

    def phase(out: Path) -> str:
        parts = out / "labels.json.parts"
        if (out / "labels.json").exists():
            return "merged"
        if not (parts / "manifest.jsonl").exists():
            return ""
        return f"{len(list(parts.glob('shard-*.json.gz')))} of {PHOTOS} shards"

    return Work("extraction", command, (1, 2), "labels.json", phase, forked)


def training(photos: Path, labels: Path, *, forked: bool) -> Work:
    """`python -m training.train`, a checkpoint every other step."""

    def command(out: Path, workers: int) -> list[str]:
        return ["training.train", *_recipe(photos, labels, out, workers)]

    return Work("training", command, (0,) if forked else (0, 0, 1), "final.safetensors", _training_phase, forked)


def self_training(photos: Path, labels: Path, checkpoint: Path, *, forked: bool) -> Work:
    """`python -m training.self_train`, two rounds, their finds ranked."""
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

    return Work("self-training", command, (0,), "round2/mixed.safetensors", phase, forked)


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


def main() -> int:
    """Run the campaigns that are asked for, and print what came of them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kills")
    for name in ("extract", "train", "self-train"):
        parser.add_argument(f"--{name}", type=int, default=0, metavar="N", help=f"kills of {name}")
    parser.add_argument("--forked", action="store_true", help="starts are forks: cheaper, and the kills hit the work")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    failed = 0
    with tempfile.TemporaryDirectory(prefix="cuts3d-kills-") as temporary:
        root = Path(temporary)
        photos = make_photos(root / "photos")
        labels, detector = root / "extract" / "whole" / "labels.json", root / "train" / "whole" / "final.safetensors"
        print("| what | figure |\n|:--|--:|")
        asked = [options.extract, options.train, options.self_train]
        forked = options.forked
        works = [
            extraction(photos, forked=forked),
            training(photos, labels, forked=forked),
            self_training(photos, labels, detector, forked=forked),
        ]
        for place, (name, work, kills) in enumerate(zip(("extract", "train", "self-train"), works, asked, strict=True)):
            if not any(asked[place:]):
                break
            tally = campaign(work, kills, root / name, options.seed)
            failed += tally.different + sum(tally.left.values())
            if kills:
                print("\n".join(tally.lines(work.name)), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
