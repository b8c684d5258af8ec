"""Python processes in which the checkout, or what only Linux has, is not to be found."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

NO_CHECKOUT = """
import sys
from pathlib import Path
sys.path[:] = [path for path in sys.path if not Path(path, "pyproject.toml").is_file()]
"""
ONLY_PORTABLE = """
import os, sys
for name in ("fcntl", "resource", "pwd", "grp", "termios"):
    sys.modules[name] = None
for name in ("fork", "forkpty", "sched_getaffinity", "sched_setaffinity"):
    delattr(os, name)
"""


def run(arguments: list[str], *, folder: Path, path: list[Path], before: str) -> str:
    """Run Python from a folder; its standard output. The test fails where the command does.

    Args:
        arguments: Of the interpreter.
        folder: Where it starts.
        path: What `PYTHONPATH` has, before the installed packages.
        before: Code that this process and every one that it starts run first.
    """
    (folder / "first").mkdir(exist_ok=True)
    (folder / "first" / "sitecustomize.py").write_text(before, encoding="utf-8")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, [folder / "first", *path]))}
    done = subprocess.run(
        [sys.executable, *arguments], cwd=folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
