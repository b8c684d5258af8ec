"""Extraction on all cores: images per second, compared with the networks alone, and the cost of ImageNet-1k.

Both run alternately and several times on the same photos, in the same worker processes of one thread each, after a
warm-up; loading is not counted. The photos are the first of the folder `$CUTS3D_PHOTOS`. The price of a core-hour is an
assumption. `python -m benchmarks extract`; the output is kept in `benchmarks/extract.md`.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from cuts3d.backbones.features import batch_vectors
from cuts3d.config import ADAPTIVE, CutS3DConfig
from cuts3d.depth import estimate_depth
from cuts3d.extract import Job
from cuts3d.extract.engine_local import available_processors, one_thread_each, worker_pool
from cuts3d.extract.manifest import Shard
from cuts3d.extract.shard import run_shard
from cuts3d.extract.sources import entries
from cuts3d.io.photos import read_image

IMAGES, PER_SHARD, REPEATS = 48, 2, 2
IMAGENET = 1_281_167
DOLLARS = 0.04  # per core-hour, on demand


def run() -> list[str]:
    cores = available_processors()
    jobs = {
        "cuts3d": Job(method="cuts3d", config=CutS3DConfig(), images_per_shard=PER_SHARD, batch=PER_SHARD),
        "cuts3d, adaptive N": Job(method="cuts3d", config=ADAPTIVE, images_per_shard=PER_SHARD, batch=PER_SHARD),
        "maskcut": Job(method="maskcut", config=CutS3DConfig(), images_per_shard=PER_SHARD, batch=PER_SHARD),
        "votecut": Job(method="votecut", config=CutS3DConfig(), images_per_shard=PER_SHARD, batch=PER_SHARD),
    }
    alone: list[float] = []
    rates: dict[str, list[float]] = {name: [] for name in jobs}
    with one_thread_each(), worker_pool(cores) as workers:

        def run_all(work: Callable[[Job, Shard], Any], job: Job) -> tuple[float, list[Any]]:
            start = time.perf_counter()
            results = list(workers.map(work, [job] * (IMAGES // PER_SHARD), list(_shards())))
            return time.perf_counter() - start, results

        first = jobs["cuts3d"]
        run_all(run_shard, first)
        for _ in range(REPEATS):
            _, spent = run_all(networks, first)
            alone.append(cores * IMAGES / sum(spent))
            for name, job in jobs.items():
                rates[name].append(IMAGES / run_all(run_shard, job)[0])
    lines = [f"| the networks alone, {cores} cores: images a second | {_spread(alone)} |"]
    for name, found in rates.items():
        ratios = [a / b for a, b in zip(alone, found, strict=True)]
        lines.append(
            f"| {name}: images a second; time over that of the networks | {_spread(found)}; {_spread(ratios)} |"
        )
    for name, found in rates.items():
        hours = IMAGENET / statistics.median(found) * cores / 3600
        lines.append(f"| ImageNet-1k by {name}: {_cost_head()} | {_cost(hours)} |")
    return lines


def networks(job: Job, shard: Shard) -> float:
    """Seconds of backbone and depth head on a shard's images, in the extraction's batches; reading is not counted."""
    spent = 0.0
    for begin in range(0, len(shard.entries), job.batch):
        images = [read_image(Path(entry.path), max_side=None) for entry in shard.entries[begin : begin + job.batch]]
        ((options, layers),) = job.needs
        start = time.perf_counter()
        for image, features in zip(images, batch_vectors(images, options, layers), strict=True):
            estimate_depth(image, job.config.depth.depth, features=features)
        spent += time.perf_counter() - start
    return spent


def _shards() -> Iterator[Shard]:
    photos = list(islice(entries(Path(os.environ["CUTS3D_PHOTOS"])), IMAGES))
    for number in range(IMAGES // PER_SHARD):
        first = number * PER_SHARD
        yield Shard(number, first, tuple(photos[first : first + PER_SHARD]))


def _spread(values: list[float]) -> str:
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def _cost_head() -> str:
    return "core-hours / days on 16 cores / days on 256 cores / dollars"


def _cost(hours: float) -> str:
    return f"{hours:,.0f} / {hours / 16 / 24:.1f} / {hours / 256 / 24:.1f} / {hours * DOLLARS:.0f}"
