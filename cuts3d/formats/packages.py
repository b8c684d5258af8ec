"""Packages of the extra `formats`, imported when they are needed, with one clear sentence where they are missing."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

from cuts3d.errors import ConfigError


def needed(name: str, use: str) -> ModuleType:
    """Import a package of the extra `formats`.

    Args:
        name: Module to import, such as `pyarrow.parquet`.
        use: What it is needed for; it begins the error, such as "Parquet files".

    Raises:
        ConfigError: It is not installed, or it cannot be loaded.
    """
    try:
        return import_module(name)
    except ImportError as error:
        package = name.partition(".")[0]
        raise ConfigError(
            f"{use} need the package '{package}', which cannot be loaded here ({error}); pip install 'cuts3d[formats]'."
        ) from error
