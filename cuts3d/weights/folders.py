"""Folders of weights: the cache, and the user's own folder `$CUTS3D_WEIGHTS`."""

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
    """The file `name.safetensors`, `name.pth` or `name.pt` in the folder `$CUTS3D_WEIGHTS`, or None."""
    folder = _own_folder()
    candidates = [folder / f"{name}{suffix}" for suffix in (".safetensors", ".pth", ".pt")] if folder else []
    return next((p for p in candidates if p.is_file()), None)


def local_folder(name: str) -> Path | None:
    """The folder `name` in the folder `$CUTS3D_WEIGHTS`, or None."""
    folder = _own_folder()
    return folder / name if folder and (folder / name).is_dir() else None


def _own_folder() -> Path | None:
    folder = os.environ.get(WEIGHTS_VARIABLE)
    return Path(folder).expanduser() if folder else None
