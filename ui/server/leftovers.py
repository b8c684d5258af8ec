"""A private folder for temporary files, in which the files that a killed server left are found and deleted."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

AGE = 7200  # seconds after which a file is deleted; Gradio deletes its own files at the same age


def use_private_folder() -> Path:
    """Create the folder that this process uses for temporary files and uploads; only its owner can read it."""
    path = Path(tempfile.gettempdir()) / f"cuts3d-page-{getattr(os, 'getuid', lambda: 'user')()}"
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if hasattr(os, "getuid") and path.lstat().st_uid != os.getuid():  # another user created it
        path = Path(tempfile.mkdtemp(prefix="cuts3d-page-"))
    tempfile.tempdir = str(path)
    return path


def sweep(folder: Path, age: float = AGE) -> int:
    """Delete the files in a folder that are older than `age` seconds, and old folders that are empty.

    Returns:
        Number of deleted files.
    """
    oldest, deleted = time.time() - age, 0
    walk = os.walk(folder, topdown=False)  # contents before their folder; vanished folders are skipped
    for path in (Path(parent, name) for parent, folders, files in walk for name in (*files, *folders)):
        try:
            if path.lstat().st_mtime >= oldest:
                continue
            if path.is_dir() and not path.is_symlink():
                path.rmdir()
            else:
                path.unlink()
                deleted += 1
        except OSError:
            continue  # not empty, or deleted meanwhile
    return deleted
