"""One process or several (`torchrun`): who we are, how a network is shared, and how all end together."""

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

from cuts3d.detector.network import CascadeMaskRCNN


@dataclass(frozen=True, slots=True)
class Place:
    """A process among those that train together.

    Attributes:
        rank: From 0; the first one writes.
        world: How many there are.
        device: Its device.
    """

    rank: int
    world: int
    device: torch.device

    @classmethod
    def here(cls, device: str) -> Place:
        """This process."""
        if dist.is_available() and dist.is_initialized():
            return cls(dist.get_rank(), dist.get_world_size(), torch.device(device))
        return cls(0, 1, torch.device(device))

    def wrap(self, network: CascadeMaskRCNN, *, sync_norms: bool) -> CascadeMaskRCNN | DistributedDataParallel:
        """The network, its gradients averaged over all processes; with batch norms over all of them on GPUs."""
        if self.world == 1:
            return network
        if sync_norms and self.device.type == "cuda":
            nn.SyncBatchNorm.convert_sync_batchnorm(network)
        ids = [self.device.index] if self.device.type == "cuda" else None
        return DistributedDataParallel(network, device_ids=ids)

    def any(self, flag: bool) -> bool:
        """Whether some process has set its flag; all ask at the same step, so that none waits for one that ended."""
        if self.world == 1:
            return flag
        found = torch.tensor(int(flag), device=self.device)
        dist.all_reduce(found, dist.ReduceOp.MAX)
        return bool(found)


@contextmanager
def processes(device: str) -> Iterator[Place]:
    """Join the processes that `torchrun` has started; alone, there is nothing to join."""
    if "WORLD_SIZE" not in os.environ:
        yield Place(0, 1, torch.device(device))
        return
    cuda = device.startswith("cuda")
    own = f"cuda:{os.environ['LOCAL_RANK']}" if cuda else "cpu"
    if cuda:
        torch.cuda.set_device(own)
    dist.init_process_group("nccl" if cuda else "gloo")
    try:
        yield Place.here(own)
    finally:
        dist.destroy_process_group()


@contextmanager
def stopping() -> Iterator[threading.Event]:
    """An event that Ctrl-C or SIGTERM (of a scheduler, say) sets; the second one ends the process as usual."""
    stop = threading.Event()
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def restore() -> None:
        for number, handler in before.items():
            signal.signal(number, handler)

    def ask(*_: object) -> None:
        stop.set()
        restore()

    for number in before:
        signal.signal(number, ask)
    try:
        yield stop
    finally:
        restore()
