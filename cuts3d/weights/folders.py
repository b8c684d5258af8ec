"""Folders where weights lie: the cache, and the user's own."""

from __future__ import annotations

import os
from pathlib import Path

import platformdirs

WEIGHTS_VARIABLE = "CUTS3D_WEIGHTS"
CACHE_VARIABLE = "CUTS3D_CACHE"


def cache_dir() -> Path:
    """Folder for converted weights: `$CUTS3D_CACHE`, else the user's cache folder."""
    if CACHE_VARIABLE in os.environ:
        return Path(os.environ[CACHE_VARIABLE]).expanduser()
    return platformdirs.user_cache_path("cuts3d", appauthor=False)


def find_local(name: str) -> Path | None:
    """Checkpoint `name` (.safetensors, .pth or .pt) in the folder `$CUTS3D_WEIGHTS`, if any."""
    folder = os.environ.get(WEIGHTS_VARIABLE)
    if not folder:
        return None
    candidates = (Path(folder).expanduser() / f"{name}{suffix}" for suffix in (".safetensors", ".pth", ".pt"))
    return next((p for p in candidates if p.is_file()), None)


def local_folder(name: str) -> Path | None:
    """The folder `name` in `$CUTS3D_WEIGHTS`, if any."""
    folder = os.environ.get(WEIGHTS_VARIABLE)
    path = Path(folder).expanduser() / name if folder else None
    return path if path is not None and path.is_dir() else None
