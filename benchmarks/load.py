"""Many visitors at once on the real app: `python -m benchmarks.load --visitors 16 --minutes 10`.

Each visitor has photos of a size and a colour of its own. It moves β and τ_knn, opens tabs, uploads again, prepares the
files, calls the endpoint, leaves and comes back: one action after another, with pauses. Every answer is checked for
whose photo it shows. The test stops by itself, and always ends the server.
"""

from __future__ import annotations

import argparse
import asyncio
import tempfile
import time
from pathlib import Path

import httpx
import numpy as np

from benchmarks.load_visits import Person, Report, Visits
from benchmarks.server import Server, serve
from benchmarks.visitor import PATIENCE
from benchmarks.watch import Watch

SETTLE = 60.0  # seconds after which memory should be constant


async def press(server: Server, visitors: int, seconds: float) -> tuple[Report, Watch]:
    """Let visitors use a running server at the same time."""
    report, watch = Report(), Watch(server.process.pid, server.folder / "temporary")
    sampling = asyncio.create_task(watch.forever())
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=visitors)
    with tempfile.TemporaryDirectory(prefix="cuts3d-load-") as folder:
        async with httpx.AsyncClient(base_url=server.url, timeout=PATIENCE, limits=limits, trust_env=False) as http:
            end = time.monotonic() + seconds
            people = [Person(number, Path(folder)) for number in range(visitors)]
            await asyncio.gather(*(Visits(person, http, report, end).run() for person in people))
    sampling.cancel()
    watch.look()
    return report, watch


def table(report: Report, watch: Watch, visitors: int) -> list[str]:
    """The report as rows of a Markdown table."""
    done, failed = sum(map(len, report.seconds.values())), sum(map(len, report.errors.values()))
    lines = [
        f"| visitors, actions, errors | {visitors}, {done}, {failed} |",
        f"| marks of the owner checked, of another visitor | {report.checked}, {len(report.mixed)} |",
    ]
    for kind, seconds in sorted(report.seconds.items()):
        middle, high, highest = np.percentile(seconds, [50, 95, 99])
        errors = len(report.errors[kind])
        name = f"{kind}: count, errors; p50, p95, p99"
        lines.append(f"| {name} | {len(seconds)}, {errors}; {middle:.2f}, {high:.2f}, {highest:.2f} s |")
    minute, last = watch.at(SETTLE), watch.samples[-1]
    peak, half = max(s.memory for s in watch.samples), max(SETTLE, last.seconds / 2)
    memory = f"{minute.memory:.0f}, {last.memory:.0f}, {peak:.0f} MB"
    slopes = f"{watch.slope(SETTLE):+.1f}, {watch.slope(half):+.1f} MB a minute"
    handles = f"{minute.files}, {minute.threads}; {last.files}, {last.threads}"
    lines += [
        f"| memory at 1 minute, at the end ({last.seconds / 60:.1f} min), peak | {memory} |",
        f"| slope of the memory after 1 minute, over the second half | {slopes} |",
        f"| open files, threads: at 1 minute, at the end | {handles} |",
        f"| temporary files: at 1 minute, at the end | {minute.disk:.0f}, {last.disk:.0f} MB |",
    ]
    return lines


def main() -> None:
    """Run and print the report; the exit code is 1 where there was an error."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.load", description=__doc__)
    parser.add_argument("--visitors", type=int, default=16)
    parser.add_argument("--minutes", type=float, default=10.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cuts3d-server-") as folder, serve(Path(folder)) as server:
        report, watch = asyncio.run(press(server, options.visitors, 60 * options.minutes))
        log = server.log
    print("| what | figure |\n|:--|--:|", *table(report, watch, options.visitors), sep="\n")
    every = [f"{kind}: {error}" for kind, errors in report.errors.items() for error in errors]
    print(*every[:20], *report.mixed[:20], sep="\n")
    if "Traceback" in log:
        print(log[log.index("Traceback") :][:5000])
    raise SystemExit(bool(every or report.mixed or "Traceback" in log))


if __name__ == "__main__":
    main()
