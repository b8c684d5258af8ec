"""What the server does every now and then, and the allocator's free pages."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ui.server import chores
from ui.server.allocator import few_arenas, give_back

GLIBC = pytest.mark.skipif(sys.platform != "linux" or not few_arenas(), reason="the allocator is another than glibc's")
SCATTERED = """
from pathlib import Path
from ui.server.allocator import give_back
def resident():
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096
blocks = [bytes(60_000) for _ in range(4000)]  # below the size that is mapped alone
del blocks[0::2], blocks[0::2], blocks[0::2]
before = resident()
given = give_back()
print(given, before - resident())
"""


@GLIBC
def test_free_pages_between_others_go_back() -> None:
    done = subprocess.run([sys.executable, "-c", SCATTERED], capture_output=True, text=True, check=True)
    given, freed = done.stdout.split()
    assert given == "True"
    assert int(freed) > 100e6


def test_without_glibc_nothing_happens(monkeypatch) -> None:
    def none(_: None) -> None:
        raise OSError("no such library")

    monkeypatch.setattr("ctypes.CDLL", none)
    assert not few_arenas()
    assert not give_back()


def test_chores_are_done_again_and_again_and_end_with_the_server(monkeypatch) -> None:
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
        assert pool.submit(lambda: asyncio.run(live())).result() <= 1, "one may have been at work"
    assert done.count("b") == 1


def test_the_process_s_own_folder_is_swept(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    swept: list[Path] = []
    monkeypatch.setattr(chores, "sweep", swept.append)
    chores.sweep_own()
    assert swept == [tmp_path]
