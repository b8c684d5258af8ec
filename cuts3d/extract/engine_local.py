"""Shards on worker processes of this machine."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import threading
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from itertools import islice
from typing import Any

from cuts3d.errors import InputError
from cuts3d.extract.job import Job
from cuts3d.extract.manifest import Shard

ATTEMPTS = 3  # of a shard whose worker was killed
AHEAD = 2  # shards that wait for each worker
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


def run_local(job: Job, shards: Iterable[Shard], *, workers: int) -> Iterator[tuple[Shard, bytes]]:
    """Run shards on spawned processes of one thread each; a GPU is shared by all, several are dealt out in turn.

    A worker that dies (out of memory, say) takes its shard with it; the shard is tried again.

    Args:
        job: The settings.
        shards: What to do, taken as workers get free.
        workers: Processes.

    Yields:
        Shards as they are done, in any order, and their bytes.

    Raises:
        InputError: A shard killed its worker several times.
    """
    left, died, again = iter(shards), Counter[int](), deque[Shard]()
    while True:
        running: dict[Future[bytes], Shard] = {}
        with one_thread_each(), pool(workers) as processes:
            try:
                while True:
                    while len(running) < AHEAD * workers and (new := next(_either(again, left), None)):
                        running[processes.submit(_work, job, new)] = new
                    if not running:
                        return
                    for future in wait(running, return_when=FIRST_COMPLETED).done:
                        result = future.result()
                        yield running.pop(future), result
            except BrokenProcessPool as error:
                lost = sorted(running.values(), key=lambda shard: shard.number)
                died.update(shard.number for shard in lost[:workers])
                worst = next((shard for shard in lost if died[shard.number] >= ATTEMPTS), None)
                if worst:
                    raise InputError(killed(worst, f"{ATTEMPTS} times")) from error
                again.extend(lost)
            except BaseException:
                processes.shutdown(wait=False, cancel_futures=True)
                raise


def _either(again: deque[Shard], left: Iterator[Shard]) -> Iterator[Shard]:
    if again:
        yield again.popleft()
    yield from islice(left, 1)


def killed(shard: Shard, times: str) -> str:
    """The sentence for a shard whose worker dies every time."""
    first, last = shard.entries[0].name, shard.entries[-1].name
    return (
        f"The worker of shard {shard.number} ('{first}' to '{last}') was killed {times}; out of memory, "
        "probably: give fewer --workers or a smaller --batch. What is done is kept."
    )


def available_processors() -> int:
    """Number of processors that this process may use, at least 1."""
    if hasattr(os, "sched_getaffinity"):  # Linux; elsewhere a process may use all of them
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def pool(workers: int) -> ProcessPoolExecutor:
    """Spawned processes that end with this one; see `run_local`."""
    context = multiprocessing.get_context("spawn")  # a fork after Torch has run deadlocks
    return ProcessPoolExecutor(workers, mp_context=context, initializer=_begin, initargs=(context.Value("i", 0),))


def _begin(counter: Any) -> None:
    """Set a worker up: one thread, its own GPU where there are several, an end when its parent ends."""
    import torch

    threading.Thread(target=_end_with_parent, daemon=True).start()
    torch.set_num_threads(1)
    with counter.get_lock():
        place, counter.value = counter.value, counter.value + 1
    if torch.cuda.is_available():
        torch.cuda.set_device(place % torch.cuda.device_count())


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _work(job: Job, shard: Shard) -> bytes:
    from cuts3d.extract.shard import run_in_worker

    return run_in_worker(job, shard)


@contextlib.contextmanager
def one_thread_each() -> Iterator[None]:
    """Processes that start inside inherit the limit; libraries read it when they load."""
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name) if value is None else os.environ.update({name: value})
