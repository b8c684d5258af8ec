"""Resources of a process over time: memory, open files, threads, bytes on disk. Reads `/proc`, so Linux only."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

EVERY = 2.0  # seconds between two samples


@dataclass(frozen=True, slots=True)
class Sample:
    """Resources of a process at one time.

    Attributes:
        seconds: Seconds since the start.
        memory: Resident memory, MB.
        files: Number of open file descriptors.
        threads: Number of threads.
        disk: Size of the temporary folder, MB.
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
        process: Process id.
        folder: Temporary folder of the process.
        samples: Samples so far.
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
        if "VmRSS" not in status:  # a process that has ended, whose exit code was not read yet
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
        """The sample nearest to a time."""
        return min(self.samples, key=lambda s: abs(s.seconds - seconds))

    def slope(self, since: float) -> float:
        """Growth of the memory since a time, MB per minute, by least squares."""
        late = [s for s in self.samples if s.seconds >= since]
        if len(late) < 3:
            return float("nan")
        return float(np.polyfit([s.seconds / 60 for s in late], [s.memory for s in late], 1)[0])


def folder_size(folder: Path) -> int:
    """Bytes of all files below a folder; files that vanish meanwhile count zero."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.lstat().st_size
        except OSError:
            continue
    return total
