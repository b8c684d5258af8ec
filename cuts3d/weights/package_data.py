"""Weights that come with the package, wherever it is installed."""

from __future__ import annotations

from importlib.resources import files
from pathlib import Path


def data_file(name: str) -> Path:
    """Path of a file of `cuts3d/data`; it need not exist."""
    return Path(str(files("cuts3d.data"))) / name
