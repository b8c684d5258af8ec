"""Shards on worker processes of this machine."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import threading
from collections import Counter, deque
from collections.abc import Generator, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from typing import Any

from cuts3d.errors import InputError
from cuts3d.extract.job import Job
from cuts3d.extract.manifest import Shard

ATTEMPTS = 3  # how often a shard is tried whose worker is killed
SHARDS_PER_WORKER = 2  # one runs, one waits
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def run_local(job: Job, shards: Iterable[Shard], *, workers: int) -> Iterator[tuple[Shard, bytes]]:
    """Run shards on spawned processes of one thread each. One GPU is used by all; several are assigned in turn.

    If a worker is killed (because memory ran out, say), its shard is tried again.

    Args:
        job: The settings.
        shards: The work, taken as workers become free.
        workers: Number of processes.

    Yields:
        Finished shards, in any order, and their bytes.

    Raises:
        InputError: A shard killed its worker several times.
    """
    queue = _Queue(iter(shards))
    finished = False
    while not finished:
        finished = yield from _run_pool(job, queue, workers)


@dataclass(slots=True)
class _Queue:
    """Shards that wait for a worker: first those whose pool broke, then new ones."""

    new: Iterator[Shard]
    lost: deque[Shard] = field(default_factory=deque)
    kills: Counter[int] = field(default_factory=Counter)

    def next(self) -> Shard | None:
        return self.lost.popleft() if self.lost else next(self.new, None)

    def put_back(self, lost: Iterable[Shard], workers: int, error: BrokenProcessPool) -> None:
        """Take the shards of a broken pool again; the first `workers` of them may have killed it."""
        ordered = sorted(lost, key=lambda shard: shard.number)
        self.kills.update(shard.number for shard in ordered[:workers])
        worst = next((shard for shard in ordered if self.kills[shard.number] >= ATTEMPTS), None)
        if worst:
            raise InputError(worker_killed(worst, f"{ATTEMPTS} times")) from error
        self.lost.extend(ordered)


def _run_pool(job: Job, queue: _Queue, workers: int) -> Generator[tuple[Shard, bytes], None, bool]:
    """Run shards on one pool: returns True when all are done, False when a killed worker has broken the pool."""
    running: dict[Future[bytes], Shard] = {}
    with one_thread_each(), worker_pool(workers) as processes:
        try:
            while True:
                while len(running) < SHARDS_PER_WORKER * workers and (shard := queue.next()):
                    running[processes.submit(_run_shard, job, shard)] = shard
                if not running:
                    return True
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    content = future.result()
                    yield running.pop(future), content
        except BrokenProcessPool as error:
            queue.put_back(running.values(), workers, error)
            return False
        except BaseException:
            processes.shutdown(wait=False, cancel_futures=True)
            raise


def worker_killed(shard: Shard, times: str) -> str:
    """The error message for a shard that kills its worker every time."""
    first, last = shard.entries[0].name, shard.entries[-1].name
    return (
        f"The worker of shard {shard.number} ('{first}' to '{last}') was killed {times}, "
        "probably because memory ran out: use fewer --workers or a smaller --batch. Finished shards are kept."
    )


def available_processors() -> int:
    """Number of processors that this process may use, at least 1."""
    if hasattr(os, "sched_getaffinity"):  # Linux; elsewhere a process may use all of them
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def worker_pool(workers: int) -> ProcessPoolExecutor:
    """Spawned processes that end with this one; see `run_local`."""
    context = multiprocessing.get_context("spawn")  # a forked process would deadlock once Torch has run
    return ProcessPoolExecutor(
        workers, mp_context=context, initializer=_start_worker, initargs=(context.Value("i", 0),)
    )


def _start_worker(counter: Any) -> None:
    """Prepare a worker: one thread, its own GPU if there are several, and it ends when its parent ends."""
    import torch

    threading.Thread(target=_end_with_parent, daemon=True).start()
    torch.set_num_threads(1)
    with counter.get_lock():
        number, counter.value = counter.value, counter.value + 1
    if torch.cuda.is_available():
        torch.cuda.set_device(number % torch.cuda.device_count())


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _run_shard(job: Job, shard: Shard) -> bytes:
    from cuts3d.extract.shard import run_in_worker

    return run_in_worker(job, shard)


@contextlib.contextmanager
def one_thread_each() -> Iterator[None]:
    """Limit processes started inside to one thread each: they inherit the variables and read them on import."""
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
