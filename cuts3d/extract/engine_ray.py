"""Shards on a Ray cluster: Ray's scheduler, Ray's retries."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator
from typing import Any

from cuts3d.errors import ConfigError, InputError
from cuts3d.extract.engine_local import killed
from cuts3d.extract.job import Job
from cuts3d.extract.manifest import Shard

RETRIES = 5  # of a shard whose node or worker died
AHEAD = 2  # shards that wait for each processor of the cluster


def run_ray(job: Job, shards: Iterable[Shard], *, address: str, gpus: float = 0.0) -> Iterator[tuple[Shard, bytes]]:
    """Run shards as Ray tasks of one processor each; their bytes come back to this process, which writes them.

    Every node needs this package and the images under the same paths; no other file is shared.

    Args:
        job: The settings.
        shards: What to do, taken as the cluster gets free.
        address: Of the cluster; `auto` is the one that this machine belongs to, `local` one of its own.
        gpus: Share of a GPU for each task.

    Yields:
        Shards as they are done, in any order, and their bytes.

    Raises:
        ConfigError: Ray is not installed, or there is no cluster at the address.
        InputError: A shard killed its worker every time.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # nothing goes out without consent
    try:
        import ray
    except ImportError:
        raise ConfigError("--engine ray needs Ray: run 'pip install ray'.") from None
    mine = not ray.is_initialized()
    if mine:
        try:
            ray.init(address=address, logging_level=logging.WARNING, log_to_driver=False)
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise ConfigError(f"There is no Ray cluster at '{address}' ({error}): run 'ray start --head'.") from error
    try:
        yield from _run(ray, job, shards, gpus)
    finally:
        if mine:
            ray.shutdown()


def _run(ray: Any, job: Job, shards: Iterable[Shard], gpus: float) -> Iterator[tuple[Shard, bytes]]:
    task = ray.remote(num_cpus=1, num_gpus=gpus, max_retries=RETRIES)(_work)
    shared, left = ray.put(job), iter(shards)
    running: dict[Any, Shard] = {}
    while True:
        room = AHEAD * max(1, int(ray.cluster_resources().get("CPU", 1)))
        while len(running) < room and (new := next(left, None)):
            running[task.remote(shared, new)] = new
        if not running:
            return
        done, _ = ray.wait(list(running))
        for reference in done:
            shard = running.pop(reference)
            try:
                content = ray.get(reference)
            except (ray.exceptions.WorkerCrashedError, ray.exceptions.OutOfMemoryError) as error:
                raise InputError(killed(shard, f"{RETRIES + 1} times")) from error
            yield shard, content


def _work(job: Job, shard: Shard) -> bytes:
    import torch

    from cuts3d.extract.shard import run_in_worker

    torch.set_num_threads(1)  # as the local workers, so that the bytes are the same
    return run_in_worker(job, shard)
