"""What a process holds over time: memory, open files, threads, bytes on disk. From `/proc`, so Linux only."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

EVERY = 2.0  # seconds


@dataclass(frozen=True, slots=True)
class Sample:
    """What a process holds at a moment.

    Attributes:
        seconds: Since the start.
        memory: Resident, MB.
        files: Open file descriptors.
        threads: Threads.
        disk: MB in its temporary folder.
    """

    seconds: float
    memory: float
    files: int
    threads: int
    disk: float


@dataclass
class Watch:
    """Samples of a process.

    Attributes:
        process: Its number.
        folder: Its temporary folder.
        samples: So far.
    """

    process: int
    folder: Path
    samples: list[Sample] = field(default_factory=list)
    _start: float = field(default_factory=time.monotonic)

    def look(self) -> None:
        """Take a sample, unless the process has ended."""
        proc = Path(f"/proc/{self.process}")
        try:
            status = dict(line.split(":", 1) for line in (proc / "status").read_text().splitlines())
            files = len(list((proc / "fd").iterdir()))
        except OSError:
            return
        if "VmRSS" not in status:  # it has ended, and nobody has asked yet
            return
        self.samples.append(
            Sample(
                seconds=time.monotonic() - self._start,
                memory=int(status["VmRSS"].split()[0]) / 1000,
                files=files,
                threads=int(status["Threads"]),
                disk=folder_size(self.folder) / 1e6,
            )
        )

    async def forever(self) -> None:
        """Take samples until cancelled."""
        while True:
            await asyncio.to_thread(self.look)
            await asyncio.sleep(EVERY)

    def at(self, seconds: float) -> Sample:
        """The sample nearest to a moment."""
        return min(self.samples, key=lambda s: abs(s.seconds - seconds))

    def slope(self, since: float) -> float:
        """How memory grew from a moment on, MB a minute, by least squares."""
        late = [s for s in self.samples if s.seconds >= since]
        if len(late) < 3:
            return float("nan")
        return float(np.polyfit([s.seconds / 60 for s in late], [s.memory for s in late], 1)[0])


def folder_size(folder: Path) -> int:
    """Bytes of all files below a folder; those that vanish meanwhile count nothing."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.lstat().st_size
        except OSError:
            continue
    return total
