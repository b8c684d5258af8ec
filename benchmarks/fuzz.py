"""Ten thousand untrusted inputs: each must return a result or raise one clear error. Small photos, a toy backbone.

python -m benchmarks fuzz, or python -m benchmarks.fuzz --inputs 10000 --seed 0
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import gradio as gr
import numpy as np

from benchmarks.strange import depths, documents, method, photos
from benchmarks.strange.case import Maker
from cuts3d.errors import CutS3DError

INPUTS = 10_000
LIMIT = 60  # seconds for one input
LONGEST = 2500  # characters of an error message; the one about an unknown parameter lists all parameters
KINDS: Mapping[str, tuple[Maker, float]] = {
    "photo files": (photos.whole_photo, 0.14),
    "damaged photo files": (photos.damaged_photo, 0.18),
    "files that are no photo": (photos.no_photo, 0.08),
    "photos as arrays": (photos.array_photo, 0.06),
    "photos of 20 to 125 megapixels": (photos.large_photo, 0.001),
    "depth files": (depths.whole_depth, 0.09),
    "damaged depth files": (depths.damaged_depth, 0.10),
    "depth as arrays": (depths.array_depth, 0.05),
    "parameters": (method.configuration, 0.06),
    "links": (method.link, 0.04),
    "calls of the endpoints": (method.api_call, 0.06),
    "whole method": (method.whole_method, 0.06),
    "untrusted labels": (documents.label_file, 0.08),
    "untrusted detectors": (documents.detector_file, 0.025),
    "detectors with unusual weights": (documents.detector_of_odd_weights, 0.004),
}
"""How each kind is made, and its fraction of all inputs."""
FORBIDDEN = frozenset(("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "socket.connect"))
WRITES = frozenset(("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.truncate"))


@dataclasses.dataclass
class Watch:
    """What the process did although no input may cause it; Python's audit reports every such event."""

    folder: Path | None = None
    seen: list[str] = dataclasses.field(default_factory=list)

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Record a forbidden event of the interpreter's audit."""
        if self.folder is None:
            return
        if event in FORBIDDEN:
            self.seen.append(f"{event} {arguments!r:.200}")
        elif event in WRITES or (event == "open" and _writes(arguments)):
            path = os.path.abspath(os.fsdecode(arguments[0])) if isinstance(arguments[0], str | bytes | Path) else ""
            if not f"{path}/".startswith((f"{self.folder}/", "/dev/null/")) and "__pycache__" not in path:
                self.seen.append(f"{event} {path}")


WATCH = Watch()
sys.addaudithook(WATCH)


@dataclasses.dataclass
class Count:
    """How the inputs of one kind ended."""

    results: int = 0
    refused: int = 0
    seconds: float = 0.0
    slowest: tuple[float, str] = (0.0, "")
    faults: list[str] = dataclasses.field(default_factory=list)

    @property
    def tried(self) -> int:
        """The number of all inputs of the kind."""
        return self.results + self.refused + len(self.faults)


@dataclasses.dataclass
class Campaign:
    """The outcome of all inputs.

    Attributes:
        counts: By kind.
        memory: Resident MB after a tenth of the inputs, at the end, and at its highest.
        files: Open file descriptors after a tenth, and at the end.
        left: Files in the folder that are no inputs.
        sentences: The number of error messages with different beginnings.
    """

    counts: dict[str, Count]
    memory: tuple[float, float, float]
    files: tuple[int, int]
    left: list[str]
    sentences: int

    @property
    def faults(self) -> list[str]:
        """Every input that gave neither a result nor a clear error, and every file that was left."""
        return [fault for count in self.counts.values() for fault in count.faults] + self.left


def campaign(inputs: int, *, seed: int = 0, kinds: tuple[str, ...] = tuple(KINDS)) -> Campaign:
    """Try inputs of all kinds in random order, in a temporary folder.

    Args:
        inputs: About how many; `KINDS` has the fraction of each kind, of which at least one is made.
        seed: The same seed makes the same inputs.
        kinds: Only these kinds.
    """
    counts = {kind: Count() for kind in kinds}
    sentences: Counter[str] = Counter()
    total = sum(KINDS[kind][1] for kind in kinds)
    order = [(kind, n) for kind in kinds for n in range(max(1, round(inputs * KINDS[kind][1] / total)))]
    np.random.default_rng(seed).shuffle(order)
    numbers = {kind: number for number, kind in enumerate(KINDS)}
    early = (0.0, 0)
    with _sandbox() as folder:
        for done, (kind, n) in enumerate(order):
            rng = np.random.default_rng((seed, numbers[kind], int(n)))
            _try(KINDS[kind][0], rng, folder, counts[kind], sentences)
            if done == len(order) // 10:
                early = (_memory("VmRSS"), _open_files())
        left = [f"it was left: {p}" for p in sorted(folder.rglob("*")) if p.parent != folder or p.name == "victim"]
        memory = (early[0], _memory("VmRSS"), _memory("VmHWM"))
        return Campaign(counts, memory, (early[1], _open_files()), left, len(sentences))


def _try(make: Maker, rng: np.random.Generator, folder: Path, count: Count, sentences: Counter[str]) -> None:
    case = make(rng, folder)
    WATCH.folder, WATCH.seen = folder, []
    start = time.perf_counter()
    signal.setitimer(signal.ITIMER_REAL, LIMIT)
    fault = ""
    try:
        case.call()
        count.results += 1
    except (CutS3DError, gr.Error) as error:
        fault = wrong_sentence(str(error.message if isinstance(error, gr.Error) else error))
        count.refused += not fault
        sentences[str(error)[:12]] += 1
    except Exception:
        fault = traceback.format_exc(limit=-4)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        WATCH.folder = None
    seconds = time.perf_counter() - start
    if WATCH.seen and not fault:
        fault, count.results = f"forbidden event: {WATCH.seen}", count.results - 1
    if fault:
        count.faults.append(f"{case.description}\n{fault}")
    count.seconds += seconds
    count.slowest = max(count.slowest, (seconds, case.description))


def wrong_sentence(sentence: str) -> str:
    """What is wrong with an error message; empty if a person can read it and every channel can send it."""
    if not sentence.strip() or "\n" in sentence or "Traceback" in sentence:
        return f"not one sentence: {sentence[:300]!r}"
    if len(sentence) > LONGEST:
        return f"a sentence of {len(sentence)} characters: {sentence[:300]!r}"
    try:
        sentence.encode()
    except UnicodeEncodeError:
        return f"a sentence that cannot be sent: {sentence[:300]!r}"
    return ""


@contextmanager
def _sandbox() -> Iterator[Path]:
    """A temporary folder that is also home, cache and working folder; inputs that take too long are interrupted."""

    def too_slow(*_: object) -> None:
        raise TimeoutError(f"more than {LIMIT} seconds")

    kept, working_folder = dict(os.environ), Path.cwd()
    before = signal.signal(signal.SIGALRM, too_slow)
    with (
        tempfile.TemporaryDirectory(prefix="cuts3d-fuzz-") as name,
        warnings.catch_warnings(),
        method.toy_backbone(),
    ):
        warnings.simplefilter("ignore")
        folder = Path(name).resolve()
        os.environ |= {"HOME": name, "TMPDIR": name, "CUTS3D_CACHE": name, "CUTS3D_WEIGHTS": f"{name}/none"}
        try:
            os.chdir(folder)
            yield folder
        finally:
            os.chdir(working_folder)
            os.environ.clear()
            os.environ |= kept
            signal.signal(signal.SIGALRM, before)


def _writes(arguments: tuple[Any, ...]) -> bool:
    _, mode, flags = arguments
    return (isinstance(mode, str) and any(letter in mode for letter in "wax+")) or bool(
        flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
    )


def _memory(name: str) -> float:
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status[name].split()[0]) / 1000


def _open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


def rows(found: Campaign) -> list[str]:
    """The rows of a table."""
    lines = []
    for kind, count in found.counts.items():
        ends = f"{count.results:,} results, {count.refused:,} clear errors, {len(count.faults)} faults"
        lines.append(f"| {kind}: {count.tried:,} | {ends}; slowest {count.slowest[0]:.2f} s |")
    tried, seconds = (sum(getattr(c, name) for c in found.counts.values()) for name in ("tried", "seconds"))
    early, late, peak = found.memory
    return [
        *lines,
        f"| all: {tried:,} | {len(found.faults)} faults, {seconds:.0f} s |",
        f"| memory after a tenth, at the end, at its highest | {early:.0f} MB, {late:.0f} MB, {peak:.0f} MB |",
        f"| open files after a tenth, at the end | {found.files[0]}, {found.files[1]} |",
    ]


def run() -> list[str]:
    return rows(campaign(INPUTS))


def main() -> int:
    """Run a campaign and print it and its faults. Returns 1 if there is a fault, else 0."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.fuzz")
    parser.add_argument("--inputs", type=int, default=INPUTS)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kinds", nargs="*", choices=tuple(KINDS), default=list(KINDS))
    options = parser.parse_args()
    found = campaign(options.inputs, seed=options.seed, kinds=tuple(options.kinds))
    print("\n".join(rows(found)))
    for kind, count in found.counts.items():
        print(f"slowest of {kind}: {count.slowest[0]:.2f} s, {count.slowest[1]:.200}")
    for fault in found.faults:
        print("\nFAULT", fault[:3000])
    return int(bool(found.faults))


if __name__ == "__main__":
    sys.exit(main())
