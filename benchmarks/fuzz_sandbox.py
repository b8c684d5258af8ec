"""The sandbox of the fuzz test: a folder, a time limit, and a watch on what the process does. Linux only."""

from __future__ import annotations

import dataclasses
import os
import signal
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.strange.method import toy_backbone

LIMIT = 60  # seconds for one input
FORBIDDEN = frozenset(("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.fork", "socket.connect"))
WRITES = frozenset(("os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.link", "os.symlink", "os.truncate"))


@dataclasses.dataclass
class Watch:
    """What the process did although no input may cause it; Python's audit reports every such event."""

    folder: Path | None = None
    seen: list[str] = dataclasses.field(default_factory=list)

    def __call__(self, event: str, arguments: tuple[Any, ...]) -> None:
        """Record a forbidden event of the interpreter's audit."""
        if self.folder is None:
            return
        if event in FORBIDDEN:
            self.seen.append(f"{event} {arguments!r:.200}")
        elif event in WRITES or (event == "open" and _writes(arguments)):
            path = os.path.abspath(os.fsdecode(arguments[0])) if isinstance(arguments[0], str | bytes | Path) else ""
            if not f"{path}/".startswith((f"{self.folder}/", "/dev/null/")) and "__pycache__" not in path:
                self.seen.append(f"{event} {path}")


WATCH = Watch()
sys.addaudithook(WATCH)


@contextmanager
def sandbox() -> Iterator[Path]:
    """A temporary folder that is also home, cache and working folder; inputs that take too long are interrupted."""

    def too_slow(*_: object) -> None:
        raise TimeoutError(f"more than {LIMIT} seconds")

    kept, working_folder = dict(os.environ), Path.cwd()
    before = signal.signal(signal.SIGALRM, too_slow)
    with (
        tempfile.TemporaryDirectory(prefix="cuts3d-fuzz-") as name,
        warnings.catch_warnings(),
        toy_backbone(),
    ):
        warnings.simplefilter("ignore")
        folder = Path(name).resolve()
        os.environ |= {"HOME": name, "TMPDIR": name, "CUTS3D_CACHE": name, "CUTS3D_WEIGHTS": f"{name}/none"}
        try:
            os.chdir(folder)
            yield folder
        finally:
            os.chdir(working_folder)
            os.environ.clear()
            os.environ |= kept
            signal.signal(signal.SIGALRM, before)


@contextmanager
def time_limit() -> Iterator[None]:
    """Interrupt what takes longer than `LIMIT`; inside `sandbox`."""
    signal.setitimer(signal.ITIMER_REAL, LIMIT)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def _writes(arguments: tuple[Any, ...]) -> bool:
    _, mode, flags = arguments
    return (isinstance(mode, str) and any(letter in mode for letter in "wax+")) or bool(
        flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
    )


def memory(name: str) -> float:
    """A memory figure of `/proc/self/status`, MB."""
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
    return int(status[name].split()[0]) / 1000


def open_files() -> int:
    """Number of open file descriptors."""
    return len(os.listdir("/proc/self/fd"))
