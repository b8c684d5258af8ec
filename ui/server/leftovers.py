"""Temporary files: in a folder of the page's own, where what a killed server left behind is found and deleted."""

from __future__ import annotations

import os
import tempfile
import time
from pathlib import Path

AGE = 7200  # seconds after which a file is nobody's; Gradio deletes those that it knows at the same age


def own_folder() -> Path:
    """Make the folder that holds this process's temporary files from now on, uploads too; nobody else may look."""
    path = Path(tempfile.gettempdir()) / f"cuts3d-page-{getattr(os, 'getuid', lambda: 'user')()}"
    path.mkdir(mode=0o700, parents=True, exist_ok=True)
    if hasattr(os, "getuid") and path.lstat().st_uid != os.getuid():  # somebody was there first
        path = Path(tempfile.mkdtemp(prefix="cuts3d-page-"))
    tempfile.tempdir = str(path)
    return path


def sweep(folder: Path, age: float = AGE) -> int:
    """Delete what lies in a folder for longer than an age, and the folders that this empties.

    Returns:
        How many files were deleted.
    """
    oldest, deleted = time.time() - age, 0
    walk = os.walk(folder, topdown=False)  # what lies in a folder comes before it; a folder that vanishes is passed by
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
            continue  # not empty, or gone
    return deleted
