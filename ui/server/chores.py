"""Periodic tasks of the server: deleting old files, releasing memory."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from ui.server.allocator import release_memory
from ui.server.leftovers import sweep


def sweep_own() -> None:
    """Delete old files in this process's folder of temporary files."""
    sweep(Path(tempfile.gettempdir()))


CHORES: tuple[tuple[float, Callable[[], Any]], ...] = ((3600.0, sweep_own), (10.0, release_memory))
"""Seconds between two runs of a task, and the task."""


@asynccontextmanager
async def chores(_: Any) -> AsyncIterator[None]:
    """Lifespan of the server: the tasks start and end with it."""
    tasks = [asyncio.create_task(_forever(every, work)) for every, work in CHORES]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()


async def _forever(every: float, work: Callable[[], Any]) -> None:
    while True:
        await asyncio.to_thread(work)
        await asyncio.sleep(every)
