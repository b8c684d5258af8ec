"""What the server does every now and then while it runs."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from ui.server.allocator import give_back
from ui.server.leftovers import sweep


def sweep_own() -> None:
    """Delete what is old in this process's folder."""
    sweep(Path(tempfile.gettempdir()))


CHORES: tuple[tuple[float, Callable[[], Any]], ...] = ((3600.0, sweep_own), (10.0, give_back))
"""Seconds between two times, and what is done."""


@asynccontextmanager
async def chores(_: Any) -> AsyncIterator[None]:
    """Begin all at once as the server starts, end them with it."""
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
