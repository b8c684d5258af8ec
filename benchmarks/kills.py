"""SIGKILL at random times: the results of extraction, training and self-training are compared with undisturbed runs.

python -m benchmarks.kills --extract 50 --train 50 --self-train 20

The real commands run on small synthetic photos. After each kill a command is started again until it ends; then the next
round begins in a new folder. What is killed is random: the process with all its workers, the process alone, or one
worker (after which the command continues). The number of workers of each start is random too; no byte depends on it.

With `--forked` a start is a fork of this process, which has imported everything and run nothing, and so are the workers
of an extraction. A start then takes one second instead of ten, and the kills hit the work instead of imports. The
photos of a training are then loaded in its own process.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.kill_targets import Target, extraction, make_photos, self_training, training
from benchmarks.started import VICTIMS, kill, workers_of

EARLY = 0.15  # fraction of the kills that come before the first progress
LONGER = 1.25  # each start of a round lives longer by this factor, so that every round ends
POLL = 0.01  # seconds
MOST_REFUSED = 20
DONE = "exists already"  # the error of an extraction that was killed after its last step


@dataclass
class Tally:
    """Results of a campaign."""

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
            f"({' / '.join(str(self.kills[what]) for what in VICTIMS)}) |",
            f"| {name}: where they hit | {', '.join(f'{phase} {n}' for phase, n in sorted(self.phases.items()))} |",
            f"| {name}: runs that ended, of them other than the undisturbed one | {self.ended}, {self.different} |",
            f"| {name}: starts refused or failed | {_counts(self.refused)} |",
            f"| {name}: files left behind | {_counts(self.left)} |",
        ]


def campaign(target: Target, kills: int, folder: Path, seed: int) -> Tally:
    """Kill a command `kills` times in all, and compare its results with those of an undisturbed run."""
    rng, tally = random.Random(seed), Tally()
    whole = folder / "whole"
    span = _undisturbed(target, whole)
    expected = _names(whole)
    while sum(tally.kills.values()) < kills:
        out = folder / f"killed{tally.ended}"
        sign, end = span
        while _is_killed(target, out, rng, tally, (sign, end)):
            end *= LONGER
            if sum(tally.refused.values()) > MOST_REFUSED:
                raise SystemExit(f"{target.name} cannot be resumed: {_counts(tally.refused)}")
        tally.ended += 1
        tally.different += _digest(out / target.result) != _digest(whole / target.result)
        tally.left.update(name for name in _names(out) if name not in expected)
    return tally


def _undisturbed(target: Target, out: Path) -> tuple[float, float]:
    """Seconds to the first progress, and to the end."""
    began, sign = time.monotonic(), 0.0
    with closing(target.start(out, target.workers[0])) as process:
        while process.status is None:
            if not sign and target.phase(out):
                sign = time.monotonic() - began
            process.wait(POLL)
        if process.status:
            raise SystemExit(f"{target.name}: the undisturbed run failed: {process.last_line()}")
    return sign, time.monotonic() - began


def _is_killed(target: Target, out: Path, rng: random.Random, tally: Tally, span: tuple[float, float]) -> bool:
    """Start the command; whether it was killed before its end."""
    sign, end = span
    with closing(target.start(out, rng.choice(target.workers))) as process:
        while True:
            process.wait(rng.uniform(0, sign) if rng.random() < EARLY else rng.uniform(sign, end))
            if process.status is not None:
                break
            phase, workers = target.phase(out) or "nothing yet", workers_of(process.pid)
            what = kill(process, workers, rng)
            tally.kills[what] += 1
            tally.phases[phase] += 1
            print(f"{target.name}: killed {what} at {phase}", file=sys.stderr, flush=True)
            if what != "worker":
                process.wait()
                while target.forked and any(Path(f"/proc/{worker}").exists() for worker in workers):
                    time.sleep(POLL)  # forks inherit the lock that a real worker does not
                return True
        if process.status == 0 or DONE in process.last_line():
            return False
        tally.refused[process.last_line()] += 1
        return True


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.exists() else "missing"


def _names(out: Path) -> set[str]:
    """Names of files and folders, without TensorBoard's files, of which each start makes one."""
    return {p.name for p in out.rglob("*") if not p.name.startswith("events.out.tfevents")}


def _counts(found: Counter[str]) -> str:
    return ", ".join(f"{name}: {n}" for name, n in sorted(found.items())) or "none"


def main() -> int:
    """Run the campaigns, and print their results."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kills")
    for name in ("extract", "train", "self-train"):
        parser.add_argument(f"--{name}", type=int, default=0, metavar="N", help=f"kills of {name}")
    parser.add_argument("--forked", action="store_true", help="starts are forks: faster, and the kills hit the work")
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
        targets = [
            extraction(photos, forked=forked),
            training(photos, labels, forked=forked),
            self_training(photos, labels, detector, forked=forked),
        ]
        names = ("extract", "train", "self-train")
        for position, (name, target, kills) in enumerate(zip(names, targets, asked, strict=True)):
            if not any(asked[position:]):
                break
            tally = campaign(target, kills, root / name, options.seed)
            failed += tally.different + sum(tally.left.values())
            if kills:
                print("\n".join(tally.lines(target.name)), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
