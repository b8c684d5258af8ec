"""Commands that run in a session of their own, so that they can be killed with all their workers."""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import subprocess
import sys
import tempfile
from contextlib import suppress
from functools import partial
from pathlib import Path

import torch

import cuts3d.extract.shard  # noqa: F401 - loaded before the forks
from cuts3d.cli.main import main as cuts3d_main
from cuts3d.extract import engine_local
from training.self_train import main as self_train_main
from training.train import main as train_main

REPO = Path(__file__).resolve().parents[1]
VICTIMS = {"all": 3, "parent": 2, "worker": 1}  # what is killed, with the weights of a random choice
MAINS = {"cuts3d": cuts3d_main, "training.train": train_main, "training.self_train": self_train_main}


class StartedCommand:
    """A running command; its stderr goes to a file."""

    def __init__(self, arguments: list[str], *, forked: bool) -> None:
        with tempfile.NamedTemporaryFile(prefix="cuts3d-stderr-", delete=False) as file:
            self._stderr = Path(file.name)
            if forked:
                process = multiprocessing.get_context("fork").Process(target=_main, args=(arguments, file.fileno()))
                process.start()
                self.pid, self.wait, self.kill = process.pid or 0, process.join, process.kill
                self._status = lambda: process.exitcode
            else:
                command = subprocess.Popen(
                    [sys.executable, "-m", *arguments],
                    cwd=REPO,
                    env={**os.environ, "OMP_NUM_THREADS": "1"},
                    stdout=subprocess.DEVNULL,
                    stderr=file,
                    start_new_session=True,
                )
                self.pid, self.kill, self._status = command.pid, command.kill, command.poll
                self.wait = partial(_wait, command)

    @property
    def status(self) -> int | None:
        """The exit status; None while it runs."""
        return self._status()

    def last_line(self) -> str:
        """The last line on stderr."""
        lines = self._stderr.read_text(encoding="utf-8").strip().splitlines()
        return (lines or [f"exit status {self.status}"])[-1]

    def close(self) -> None:
        """Remove the file of its stderr."""
        self._stderr.unlink(missing_ok=True)


def _wait(command: subprocess.Popen[bytes], seconds: float | None = None) -> None:
    with suppress(subprocess.TimeoutExpired):
        command.wait(seconds)


def _main(arguments: list[str], stderr: int) -> None:
    """A command in a fork."""
    os.setsid()
    os.dup2(stderr, 2)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    torch.set_num_threads(1)
    fork = multiprocessing.get_context("fork")
    engine_local.multiprocessing.get_context = lambda _: fork  # pyright: ignore[reportAttributeAccessIssue]
    sys.argv = arguments
    sys.exit(MAINS[arguments[0]]())


def kill(process: StartedCommand, workers: list[int], rng: random.Random) -> str:
    """Kill the command with all its workers, it alone, or one worker; returns which."""
    what = rng.choices(list(VICTIMS), weights=list(VICTIMS.values()))[0]
    if what == "all":
        os.killpg(process.pid, signal.SIGKILL)
        return what
    victim = rng.choice(workers) if workers and what == "worker" else process.pid
    try:
        os.kill(victim, signal.SIGKILL)
    except ProcessLookupError:  # a worker that has ended by itself meanwhile
        process.kill()
        return "parent"
    return "parent" if victim == process.pid else what


def workers_of(parent: int) -> list[int]:
    """Ids of the worker processes that a process has started."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            fields = (folder / "stat").read_text().rsplit(")", 1)[1].split()
            if int(fields[1]) == parent and b"resource_tracker" not in (folder / "cmdline").read_bytes():
                found.append(int(folder.name))
        except OSError:  # it has ended meanwhile
            continue
    return found
