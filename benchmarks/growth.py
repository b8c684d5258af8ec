"""Growth of time and memory of every stage: `python -m benchmarks.growth`, about five minutes, writes `growth.md`.

Every size runs in its own process on one thread, on the photo "astronaut" with the embedded backbone and depth. Seconds
are processor time, which other work on the machine disturbs little: median, smallest and largest call. Memory is the
increase of the process's peak by the first call of a stage, including its result. An exponent is the slope of a line
through the logarithms, with its standard error; "at the top" uses the three largest sizes, where fixed costs matter
least, and decides the verdict. Costs below 4 ms or 10 MB are ignored as noise.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import statistics
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

RESULTS = Path(__file__).with_name("growth.md")
SIDES = {"patches": (28, 34, 42, 60, 80, 100, 120), "points": (60, 120, 240, 480, 960)}
SLACK = 0.25  # allowed excess of an exponent: logarithms, caches, page faults
TOP = 3  # number of the largest sizes
LEAST_SECONDS, LEAST_MEGABYTES = 0.004, 10.0
Points = dict[int, dict[str, dict[str, Any]]]  # by number of patches or points, then by stage


@dataclass(frozen=True, slots=True)
class Bound:
    """Largest exponent of a stage, and its reason."""

    exponent: float
    why: str


BOUNDS = {
    "networks": Bound(2, "every patch attends to every other"),
    "affinity": Bound(2, "a cosine a pair of patches"),
    "importance": Bound(2, "a power a pair"),
    "NCut": Bound(2, "products of the pairs with a vector"),
    "cloud": Bound(1, "a point a cell"),
    "k-NN graph": Bound(1, "a k-d tree"),
    "LocalCut": Bound(1, "the parts of the truncated graph"),
    "confidence, T = 6": Bound(1, "six times the parts"),
    "CRF": Bound(0, "119 pixels whatever the grid"),
    "all after the networks": Bound(2, "all pairs of patches"),
    "max-flow": Bound(
        1.5, "a pass over the links for every length of path, and paths are as long as the photo is wide"
    ),
    "max-flow, OR-tools": Bound(1.5, "push-relabel, to compare"),
}
NOTES = """## What to read from it

- **All pairs of patches** are what a fine grid costs: affinity, importance and NCut grow with their number squared, as
  the method's dense W must. They once grew faster, by copies as large as W. At 14,400 patches, where W has 830 MB, the
  code before `tiles.py` took 4.8 s and 1,669 MB for the affinity, 4.7 s and 2,634 MB for the importance,
  2.9 s and 2,430 MB for the NCut, and 4,118 MB for all stages of a photo (2026-11-28, `growth_point patches 120`,
  other work on the machine). Tile by tile they need their result and little more.
- **The NCut** takes a step between 1,764 and 3,600 patches, where W grows from 12 to 52 MB and leaves the cache.
- **What is done in 3D** grows with the number of points, k-NN graph included.
- **Max-flow** is never needed at the default settings: the background is farther away than any link, so truncation
  decides. The last rows bring the background back and join source and sink by τ_knn = 0.3 and σ_c = 0.1; there SciPy's
  Dinic is slow on large clouds. The largest cloud that the product cuts has 57,600 points (`cut_size` 240).
- **OR-tools** (Apache-2.0) finds the same flow and grows more slowly, but brings 80 MB and a pinned protobuf for a
  flow that no default needs: it is not part of the product. Its row appears where it can be imported
  (`pip install --no-deps --target FOLDER ortools`, then `PYTHONPATH=FOLDER`).
"""


def main() -> None:
    """Measure all sizes, print, and write `growth.md`."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.growth")
    parser.add_argument("--largest", type=int, default=120, help="patches a side of the finest grid to measure")
    largest = parser.parse_args().largest
    command = "python -m benchmarks.growth" + (f" --largest {largest}" if largest < max(SIDES["patches"]) else "")
    load = os.getloadavg()[0]
    made = f"Measured on {datetime.date.today()} by `{command}`, with {load:.1f} processes running before it began."
    text = ["# How cost grows", (__doc__ or "").strip(), made]
    for kind, sides in SIDES.items():
        measured = {side * side: _measure(kind, side) for side in sides if kind == "points" or side <= largest}
        text += [f"## By the number of {kind}", *tables(measured)]
    text.append(NOTES)
    print("\n\n".join(text))
    RESULTS.write_text("\n\n".join(text), encoding="utf-8")


def _measure(kind: str, side: int) -> dict[str, dict[str, Any]]:
    command = [sys.executable, "-m", "benchmarks.growth_point", kind, str(side)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    root = RESULTS.parents[1]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True, cwd=root, env=environment)
    print(f"{kind} {side}×{side}: done", file=sys.stderr, flush=True)
    return json.loads(done.stdout.splitlines()[-1])


def tables(measured: Points) -> list[str]:
    """Seconds, megabytes, and how both grow, as three tables of Markdown."""
    sizes = sorted(measured)
    stages = [stage for stage in BOUNDS if stage in measured[sizes[0]]]
    head = "| " + " | ".join(["", *(f"{n:,}" for n in sizes)]) + " |\n|:--|" + "--:|" * len(sizes)
    seconds, megabytes, growth = [head.replace("| |", "| seconds |", 1)], [head.replace("| |", "| MB |", 1)], []
    for stage in stages:
        costs = [measured[n].get(stage) for n in sizes]
        seconds.append(_row(stage, ["–" if c is None else _spread(c["seconds"]) for c in costs]))
        megabytes.append(_row(stage, ["–" if c is None else f"{c['megabytes']:,.0f}" for c in costs]))
        there = [(n, c) for n, c in zip(sizes, costs, strict=True) if c is not None]
        time = [(n, second) for n, c in there if (second := statistics.median(c["seconds"])) >= LEAST_SECONDS]
        memory = [(n, c["megabytes"]) for n, c in there if c["megabytes"] >= LEAST_MEGABYTES]
        growth.append(_row(stage, _verdict(stage, time, memory)))
    title = _row("exponent of", ["time", "at the top", "memory at the top", "needed", "verdict"])
    return ["\n".join(seconds), "\n".join(megabytes), "\n".join([title, "|:--|--:|--:|--:|--:|:--|", *growth])]


def _verdict(stage: str, time: list[tuple[int, float]], memory: list[tuple[int, float]]) -> list[str]:
    bound, tops = BOUNDS[stage], {"time": time[-TOP:], "memory": memory[-TOP:]}
    found = {name: exponent(costs)[0] for name, costs in tops.items() if len(costs) > 1}
    faster = [name for name, slope in found.items() if slope > bound.exponent + SLACK]
    verdict = (
        f"faster than needed ({' and '.join(faster)})" if faster else "as it must" if found else "too quick to say"
    )
    overall = "{:.2f} ± {:.2f}".format(*exponent(time)) if len(time) > 2 else "–"
    shown = [f"{found[name]:.2f}" if name in found else "–" for name in tops]
    return [overall, *shown, f"{bound.exponent:g}", f"{verdict}: {bound.why}"]


def exponent(costs: list[tuple[int, float]]) -> tuple[float, float]:
    """Slope of log cost against log size, and its standard error (0 for two sizes).

    Args:
        costs: Size and cost, two or more.
    """
    x, y = np.log(np.array(costs)).T
    x = x - x.mean()
    slope = float(x @ y / (x @ x))
    rest = y - y.mean() - slope * x
    return slope, float(np.sqrt(rest @ rest / (len(x) - 2) / (x @ x))) if len(x) > 2 else 0.0


def _spread(seconds: list[float]) -> str:
    median, low, high = (_short(s) for s in (statistics.median(seconds), min(seconds), max(seconds)))
    return median if len(seconds) == 1 else f"{median} ({low}–{high})"


def _short(seconds: float) -> str:
    return f"{seconds:.1f}" if seconds >= 10 else f"{seconds:.2f}" if seconds >= 1 else f"{seconds:.3f}"


def _row(name: str, cells: list[str]) -> str:
    return f"| {name} | " + " | ".join(cells) + " |"


if __name__ == "__main__":
    main()
