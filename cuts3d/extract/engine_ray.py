"""Shards on a Ray cluster, with its scheduling and its retries."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator
from typing import Any

from cuts3d.errors import ConfigError, InputError
from cuts3d.extract.engine_local import worker_killed
from cuts3d.extract.job import Job
from cuts3d.extract.manifest import Shard

RETRIES = 5  # of a shard whose node or worker failed
SHARDS_PER_PROCESSOR = 2  # one runs, one waits


def run_ray(job: Job, shards: Iterable[Shard], *, address: str, gpus: float = 0.0) -> Iterator[tuple[Shard, bytes]]:
    """Run shards as Ray tasks of one processor each. They send their bytes back to this process, which writes them.

    Every node needs this package, and the images under the same paths; the nodes share no other file.

    Args:
        job: The settings.
        shards: The work, taken as the cluster becomes free.
        address: Address of the cluster; `auto` is the one that this machine belongs to, `local` starts a new one.
        gpus: GPUs of each task; a fraction is possible.

    Yields:
        Finished shards, in any order, and their bytes.

    Raises:
        ConfigError: Ray is not installed, or there is no cluster at the address.
        InputError: A shard killed its worker every time.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # send no usage data without consent
    try:
        import ray
    except ImportError:
        raise ConfigError("--engine ray needs Ray: run 'pip install ray'.") from None
    started_here = not ray.is_initialized()
    if started_here:
        try:
            ray.init(address=address, logging_level=logging.WARNING, log_to_driver=False)
        except (ConnectionError, RuntimeError, ValueError) as error:
            raise ConfigError(f"There is no Ray cluster at '{address}' ({error}): run 'ray start --head'.") from error
    try:
        yield from _run_tasks(ray, job, shards, gpus)
    finally:
        if started_here:
            ray.shutdown()


def _run_tasks(ray: Any, job: Job, shards: Iterable[Shard], gpus: float) -> Iterator[tuple[Shard, bytes]]:
    task = ray.remote(num_cpus=1, num_gpus=gpus, max_retries=RETRIES)(_run_shard)
    shared_job, waiting = ray.put(job), iter(shards)
    running: dict[Any, Shard] = {}
    while True:
        most = SHARDS_PER_PROCESSOR * max(1, int(ray.cluster_resources().get("CPU", 1)))
        while len(running) < most and (shard := next(waiting, None)):
            running[task.remote(shared_job, shard)] = shard
        if not running:
            return
        done, _ = ray.wait(list(running))
        for reference in done:
            shard = running.pop(reference)
            try:
                content = ray.get(reference)
            except (ray.exceptions.WorkerCrashedError, ray.exceptions.OutOfMemoryError) as error:
                raise InputError(worker_killed(shard, f"{RETRIES + 1} times")) from error
            yield shard, content


def _run_shard(job: Job, shard: Shard) -> bytes:
    import torch

    from cuts3d.extract.shard import run_in_worker

    torch.set_num_threads(1)  # as in the local workers, so that the bytes are the same
    return run_in_worker(job, shard)
