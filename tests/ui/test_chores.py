"""Periodic tasks of the server, and the allocator's free pages."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ui.server import chores
from ui.server.allocator import limit_arenas, release_memory

GLIBC = pytest.mark.skipif(sys.platform != "linux" or not limit_arenas(), reason="not glibc's allocator")
SCATTERED = """
from pathlib import Path
from ui.server.allocator import release_memory
def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096
blocks = [bytes(60_000) for _ in range(4000)]  # below the size from which a block is mapped by itself
del blocks[0::2], blocks[0::2], blocks[0::2]
before = resident()
given = release_memory()
print(given, before - resident())
"""


@GLIBC
def test_free_pages_between_used_ones_are_released() -> None:
    done = subprocess.run([sys.executable, "-c", SCATTERED], capture_output=True, text=True, check=True)
    given, freed = done.stdout.split()
    assert given == "True"
    assert int(freed) > 100e6


@pytest.mark.parametrize("platform", ["linux", "darwin", "win32"])
def test_without_glibc_nothing_happens(platform, monkeypatch) -> None:
    def refuse(_: None) -> None:
        assert platform == "linux", "another system's library was opened"
        raise OSError("no such library")

    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr("ctypes.CDLL", refuse)
    assert not limit_arenas()
    assert not release_memory()


def test_tasks_are_repeated_and_end_with_the_server(monkeypatch) -> None:
    done: list[str] = []
    monkeypatch.setattr(chores, "CHORES", ((0.01, lambda: done.append("a")), (60.0, lambda: done.append("b"))))

    async def live() -> int:
        async with chores.chores(None):
            while done.count("a") < 3:
                await asyncio.sleep(0.01)
        at_end = len(done)
        await asyncio.sleep(0.1)
        return len(done) - at_end

    with ThreadPoolExecutor(1) as pool:  # Playwright's browser keeps a loop in the tests' own thread
        assert pool.submit(lambda: asyncio.run(live())).result() <= 1, "one may have been running"
    assert done.count("b") == 1


def test_the_process_s_own_folder_is_swept(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    swept: list[Path] = []
    monkeypatch.setattr(chores, "sweep", swept.append)
    chores.sweep_own()
    assert swept == [tmp_path]
