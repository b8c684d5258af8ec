"""Starts the real page once and opens it in headless Chromium."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from visitor import Visitor, assert_clean

ROOT = Path(__file__).resolve().parents[2]
FLAGS = [
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
]


@pytest.fixture(scope="session")
def server_log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the server writes; a file, since a full pipe would stop it."""
    return tmp_path_factory.mktemp("server") / "log.txt"


@pytest.fixture(scope="session")
def page_url(server_log: Path) -> Iterator[str]:
    with serving(free_port(), server_log) as url:
        yield url


@pytest.fixture(scope="session")
def serve() -> Callable[[int, Path], AbstractContextManager[str]]:
    """Starts another server, for a test that stops it."""
    return serving


@pytest.fixture
def port() -> int:
    """A port for such a server."""
    return free_port()


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def visitor(browser, page_url: str) -> Iterator[Visitor]:
    """A visitor with a page of its own; what it complains about is the test's failure. Some files share one page."""
    opened = Visitor(browser, page_url)
    yield opened
    assert_clean(opened)
    opened.close()


@contextmanager
def serving(port: int, server_log: Path) -> Iterator[str]:
    """The page at a port, from its first answer to the end of the block."""
    url = f"http://127.0.0.1:{port}/"
    with server_log.open("a", encoding="utf-8") as log:
        server = subprocess.Popen(
            [sys.executable, "app.py", "--port", str(port)],
            cwd=ROOT,
            env={**os.environ, "HF_HUB_OFFLINE": "1", "PYTHONUNBUFFERED": "1"},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        _wait_until_up(url, server, server_log)
        yield url
    finally:
        server.terminate()
        server.wait(timeout=20)


def _wait_until_up(url: str, server: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(240):
        if server.poll() is not None:
            raise RuntimeError(f"app.py ended: {log.read_text(encoding='utf-8')}")
        try:
            urllib.request.urlopen(url, timeout=2)
            return
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)
    raise RuntimeError("app.py did not answer within two minutes")


@pytest.fixture(scope="session")
def browser():
    chromium = shutil.which("chromium")
    if chromium is None:
        pytest.skip("no chromium on this machine: apt-get install chromium")
    sync_api = pytest.importorskip("playwright.sync_api")
    with sync_api.sync_playwright() as playwright:
        instance = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
        yield instance
        instance.close()
