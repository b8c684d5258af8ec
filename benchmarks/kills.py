"""SIGKILL at random moments: extraction, training and self-training are held to undisturbed runs, byte for byte.

python -m benchmarks.kills --extract 50 --train 50 --self-train 20

The real commands, on made photos at a small size, are started again after each kill until they end; then the next
round begins in a fresh folder. What is killed is drawn too: the process with all its workers, it alone, or one worker
(which costs the command nothing: it goes on). So is the number of workers of each start, on which no byte depends.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from cuts3d.scenes import SCENES, make_scene

REPO = Path(__file__).resolve().parents[1]
PHOTOS, SIZE = 6, (120, 160)
EXTRACT = ["--image-size=224", "--crf-size=64", "--images-per-shard=1", "--batch=1", "--quiet"]
TRAIN = ["iterations=6", "checkpoint_every=2", "short_sides=[64]", "max_side=96", "batch=2"]
WHAT = {"all": 3, "parent": 2, "worker": 1}  # how often each is killed, as weights
EARLY = 0.15  # share of kills before the first sign of work
LONGER = 1.25  # so much longer lives each start of a round than the one before, so that every round ends
POLL = 0.01
MOST_REFUSED = 20


@dataclass(frozen=True)
class Work:
    """A command that is killed.

    Attributes:
        name: For people.
        command: Its arguments, given the folder of its output and a number of workers.
        workers: Those that are drawn from.
        result: The file in that folder that must be the same.
        phase: How far a folder says that the work is; empty before its first sign.
    """

    name: str
    command: Callable[[Path, int], list[str]]
    workers: tuple[int, ...]
    result: str
    phase: Callable[[Path], str]


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
    process = _started(work, out, work.workers[0])
    while process.poll() is None:
        if not sign and work.phase(out):
            sign = time.monotonic() - began
        time.sleep(POLL)
    if process.returncode:
        raise SystemExit(f"{work.name}: the undisturbed run failed: {_said(process)}")
    return sign, time.monotonic() - began


def _is_killed(work: Work, out: Path, rng: random.Random, tally: Tally, span: tuple[float, float]) -> bool:
    """Start the command; whether it was killed before its end."""
    process = _started(work, out, rng.choice(work.workers))
    sign, end = span
    while True:
        delay = rng.uniform(0, sign) if rng.random() < EARLY else rng.uniform(sign, end)
        try:
            process.wait(delay)
        except subprocess.TimeoutExpired:
            phase = work.phase(out) or "nothing yet"
            what = _kill(process, rng)
            tally.kills[what] += 1
            tally.phases[phase] += 1
            if what == "worker":
                continue
            process.wait()
            return True
        if process.returncode == 0:
            return False
        tally.refused[_said(process)] += 1
        return True


def _kill(process: subprocess.Popen[str], rng: random.Random) -> str:
    what = rng.choices(list(WHAT), weights=list(WHAT.values()))[0]
    if what == "all":
        os.killpg(process.pid, signal.SIGKILL)
        return what
    workers = _workers(process.pid) if what == "worker" else []
    if not workers:
        process.kill()
        return "parent"
    try:
        os.kill(rng.choice(workers), signal.SIGKILL)
    except ProcessLookupError:  # it has ended by itself meanwhile
        process.kill()
        return "parent"
    return what


def _workers(parent: int) -> list[int]:
    """Processes that it has spawned to work."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()
            if int(fields[1]) == parent and b"spawn_main" in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
        except OSError:  # it has ended meanwhile
            continue
    return found


def _started(work: Work, out: Path, workers: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", *work.command(out, workers)],
        cwd=REPO,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def _said(process: subprocess.Popen[str]) -> str:
    """The last line that a command has said."""
    text = process.stderr.read() if process.stderr else ""
    return (text.strip().splitlines() or [f"exit status {process.returncode}"])[-1]


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else "missing"


def _names(out: Path) -> set[str]:
    """Files and folders beside the result, but TensorBoard's, of which each start makes one."""
    return {p.name for p in out.rglob("*") if not p.name.startswith("events.out.tfevents")}


def _counts(found: Counter[str]) -> str:
    return ", ".join(f"{name}: {n}" for name, n in sorted(found.items())) or "none"


# ---- the commands


def extraction(photos: Path) -> Work:
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

    return Work("extraction", command, (1, 2), "labels.json", phase)


def training(photos: Path, labels: Path) -> Work:
    """`python -m training.train`, a checkpoint every other step."""

    def command(out: Path, workers: int) -> list[str]:
        return ["training.train", *_recipe(photos, labels, out, workers)]

    return Work("training", command, (0, 0, 1), "final.safetensors", _training_phase)


def self_training(photos: Path, labels: Path, checkpoint: Path) -> Work:
    """`python -m training.self_train`, two rounds."""

    def command(out: Path, workers: int) -> list[str]:
        more = ["--checkpoint", str(checkpoint), "--rounds", "2", "--score", "0.3"]
        return ["training.self_train", *_recipe(photos, labels, out, workers), *more]

    def phase(out: Path) -> str:
        last = out / "round2" if (out / "round2").exists() else out / "round1"
        if not last.exists():
            return ""
        if not (last / "labels.json").exists():
            return f"{last.name}, predictions"
        return f"{last.name}, {_training_phase(last) or 'loading'}"

    return Work("self-training", command, (0,), "round2/final.safetensors", phase)


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
    """Made scenes as photos."""
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
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    failed = 0
    with tempfile.TemporaryDirectory(prefix="cuts3d-kills-") as temporary:
        root = Path(temporary)
        photos = make_photos(root / "photos")
        labels, detector = root / "extract" / "whole" / "labels.json", root / "train" / "whole" / "final.safetensors"
        print("| what | figure |\n|:--|--:|")
        asked = [options.extract, options.train, options.self_train]
        works = [extraction(photos), training(photos, labels), self_training(photos, labels, detector)]
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
