"""The real app in its own process, on a free port, with all its temporary files in one folder."""

from __future__ import annotations

import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PATIENCE = 180.0  # seconds within which it must answer
DIE_WITH_PARENT = 1  # prctl's PR_SET_PDEATHSIG


@dataclass(frozen=True, slots=True)
class Server:
    """A running app.

    Attributes:
        url: Address, with a slash at the end.
        process: The process.
        folder: Folder of everything that it writes.
        seconds: Seconds until the first answer.
    """

    url: str
    process: subprocess.Popen[bytes]
    folder: Path
    seconds: float

    @property
    def port(self) -> int:
        """Port of the address."""
        return int(self.url.rstrip("/").rsplit(":", 1)[1])

    @property
    def log(self) -> str:
        """The log so far."""
        return log_file(self.folder).read_text(encoding="utf-8", errors="replace")


def log_file(folder: Path) -> Path:
    """Log file of the server with this folder."""
    return folder / "log.txt"


def free_port() -> int:
    """A free port of the loopback device."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def serve(
    folder: Path, *, port: int | None = None, script: str = "app.py", environment: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """Start the app, wait until it answers, and end it in every case.

    Args:
        folder: Folder of temporary files, cache and log.
        port: Port of the server; None: a free one.
        script: Script that is run, with `--port`.
        environment: Additional environment variables.
    """
    port = port or free_port()
    temporary = folder / "temporary"
    temporary.mkdir(parents=True, exist_ok=True)
    start, url = time.perf_counter(), f"http://127.0.0.1:{port}/"
    with log_file(folder).open("a", encoding="utf-8") as log:
        process = subprocess.Popen(
            [sys.executable, script, "--port", str(port)],
            cwd=ROOT,
            env={
                **os.environ,
                "HF_HUB_OFFLINE": "1",
                "PYTHONUNBUFFERED": "1",
                "PYTHONPATH": str(ROOT),
                "TMPDIR": str(temporary),
                **(environment or {}),
            },
            stdout=log,
            stderr=subprocess.STDOUT,
            preexec_fn=_die_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509 (no thread holds a lock)
        )
    try:
        while not answers(url):
            if process.poll() is not None or time.perf_counter() - start > PATIENCE:
                raise RuntimeError(f"The app did not start:\n{log_file(folder).read_text(encoding='utf-8')[-3000:]}")
            time.sleep(0.1)
        yield Server(url, process, folder, time.perf_counter() - start)
    finally:
        end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """Terminate a process, and kill it if it does not end."""
    process.terminate()
    try:
        process.wait(timeout=15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(timeout=15)


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(DIE_WITH_PARENT, signal.SIGKILL)


def answers(url: str) -> bool:
    """Whether a server answers."""
    try:
        urllib.request.urlopen(url, timeout=2)
        return True
    except (urllib.error.URLError, OSError):
        return False
