"""One process or several (`torchrun`): their ranks, how they share a module, and how all of them stop together."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel


@dataclass(frozen=True, slots=True)
class DistributedContext:
    """This process among those that train together.

    Attributes:
        rank: Its number, from 0; only the first process writes files.
        world_size: Number of processes.
        device: Device of this process.
    """

    rank: int
    world_size: int
    device: torch.device

    @classmethod
    def current(cls, device: str) -> DistributedContext:
        """The context of this process."""
        if dist.is_available() and dist.is_initialized():
            return cls(dist.get_rank(), dist.get_world_size(), torch.device(device))
        return cls(0, 1, torch.device(device))

    @property
    def is_first(self) -> bool:
        """Whether this process writes the files."""
        return self.rank == 0

    def wrap(self, module: nn.Module, *, sync_norms: bool) -> nn.Module:
        """The module with its gradients averaged over all processes.

        Args:
            module: What is trained.
            sync_norms: Compute batch norms over all processes, on GPUs.
        """
        if self.world_size == 1:
            return module
        if sync_norms and self.device.type == "cuda":
            nn.SyncBatchNorm.convert_sync_batchnorm(module)
        ids = [self.device.index] if self.device.type == "cuda" else None
        return DistributedDataParallel(module, device_ids=ids)

    def any(self, flag: bool) -> bool:
        """Whether some process has set its flag; all ask at the same step, so that none waits for one that ended."""
        if self.world_size == 1:
            return flag
        found = torch.tensor(int(flag), device=self.device)
        dist.all_reduce(found, dist.ReduceOp.MAX)
        return bool(found)


@contextmanager
def processes(device: str) -> Iterator[DistributedContext]:
    """Join the processes that `torchrun` started; a single process joins nothing."""
    if "WORLD_SIZE" not in os.environ:
        yield DistributedContext(0, 1, torch.device(device))
        return
    cuda = device.startswith("cuda")
    own = f"cuda:{os.environ['LOCAL_RANK']}" if cuda else "cpu"
    if cuda:
        torch.cuda.set_device(own)
    dist.init_process_group("nccl" if cuda else "gloo")
    try:
        yield DistributedContext.current(own)
    finally:
        dist.destroy_process_group()


@contextmanager
def stopping() -> Iterator[threading.Event]:
    """An event that Ctrl-C or SIGTERM (for example from a scheduler) sets; a second one ends the process as usual."""
    stop = threading.Event()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def request(*_: object) -> None:
        stop.set()
        restore()

    for number in before:
        signal.signal(number, request)
    try:
        yield stop
    finally:
        restore()
