"""Ten thousand untrusted inputs: each must return a result or raise one clear error. Small photos, a toy backbone.

python -m benchmarks fuzz, or python -m benchmarks.fuzz --inputs 10000 --seed 0
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import time
import traceback
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import gradio as gr
import numpy as np

from benchmarks.fuzz_sandbox import WATCH, memory, open_files, sandbox, time_limit
from benchmarks.strange import depths, documents, method, pairs, photos, sources, wide_photos
from benchmarks.strange.case import Maker
from cuts3d.errors import CutS3DError

INPUTS = 10_000
LONGEST = 2500  # characters of an error message; the one about an unknown parameter lists all parameters
KINDS: Mapping[str, tuple[Maker, float]] = {
    "photo files": (photos.whole_photo, 0.14),
    "damaged photo files": (photos.damaged_photo, 0.18),
    "photos of many bits or bands": (wide_photos.wide_photo, 0.10),
    "files that are no photo": (photos.no_photo, 0.08),
    "photos as arrays": (photos.array_photo, 0.06),
    "photos of 20 to 125 megapixels": (photos.large_photo, 0.001),
    "depth files": (depths.whole_depth, 0.07),
    "damaged depth files": (depths.damaged_depth, 0.08),
    "depth as arrays": (depths.array_depth, 0.05),
    "parameters": (method.configuration, 0.06),
    "links": (method.link, 0.04),
    "calls of the endpoints": (method.api_call, 0.06),
    "whole method": (method.whole_method, 0.06),
    "untrusted labels": (documents.label_file, 0.08),
    "COCO pairs for evaluation": (pairs.evaluated_pair, 0.04),
    "untrusted detectors": (documents.detector_file, 0.025),
    "source lists and folders": (sources.source, 0.05),
    "detectors with unusual weights": (documents.detector_of_odd_weights, 0.004),
}
"""How each kind is made, and its fraction of all inputs."""


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
    with sandbox() as folder:
        for done, (kind, n) in enumerate(order):
            rng = np.random.default_rng((seed, numbers[kind], int(n)))
            _try(KINDS[kind][0], rng, folder, counts[kind], sentences)
            if done == len(order) // 10:
                early = (memory("VmRSS"), open_files())
        left = [f"it was left: {p}" for p in sorted(folder.rglob("*")) if p.parent != folder or p.name == "victim"]
        resident = (early[0], memory("VmRSS"), memory("VmHWM"))
        return Campaign(counts, resident, (early[1], open_files()), left, len(sentences))


def _try(make: Maker, rng: np.random.Generator, folder: Path, count: Count, sentences: Counter[str]) -> None:
    case = make(rng, folder)
    WATCH.folder, WATCH.seen = folder, []
    start = time.perf_counter()
    fault = ""
    try:
        with time_limit():
            case.call()
        count.results += 1
    except (CutS3DError, gr.Error) as error:
        fault = wrong_sentence(str(error.message if isinstance(error, gr.Error) else error))
        count.refused += not fault
        sentences[str(error)[:12]] += 1
    except Exception:
        fault = traceback.format_exc(limit=-4)
    finally:
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
