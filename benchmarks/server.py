"""The real app in a process of its own, on a free port, with all its temporary files in one folder."""

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
PATIENCE = 180.0  # seconds until it must answer
DIE_WITH_PARENT = 1  # prctl's PR_SET_PDEATHSIG


@dataclass(frozen=True, slots=True)
class Server:
    """A running app.

    Attributes:
        url: Its address, with a slash at the end.
        process: Its process.
        folder: Everything it writes lies here.
        seconds: How long it took to answer.
    """

    url: str
    process: subprocess.Popen[bytes]
    folder: Path
    seconds: float

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self.url.rstrip("/").rsplit(":", 1)[1])

    @property
    def log(self) -> str:
        """What it has written so far."""
        return log_file(self.folder).read_text(encoding="utf-8", errors="replace")


def log_file(folder: Path) -> Path:
    """Where the server of a folder writes its log."""
    return folder / "log.txt"


def free_port() -> int:
    """A port of the loopback device that nobody uses."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def serve(
    folder: Path, *, port: int | None = None, script: str = "app.py", environment: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """Start the app, wait until it answers, and end it whatever happens.

    Args:
        folder: For its temporary files, its cache and its log.
        port: Where it listens; None takes a free one.
        script: What is run, with `--port`.
        environment: Variables beside the usual ones.
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
                raise RuntimeError(f"The app did not come up:\n{log_file(folder).read_text(encoding='utf-8')[-3000:]}")
            time.sleep(0.1)
        yield Server(url, process, folder, time.perf_counter() - start)
    finally:
        end(process)


def end(process: subprocess.Popen[bytes]) -> None:
    """End a process: asked first, then by force."""
    process.terminate()
    try:
        process.wait(timeout=15)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait(timeout=15)


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(DIE_WITH_PARENT, signal.SIGKILL)


def answers(url: str) -> bool:
    """Whether a server is there."""
    try:
        urllib.request.urlopen(url, timeout=2)
        return True
    except (urllib.error.URLError, OSError):
        return False
