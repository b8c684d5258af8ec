"""Packages that the requirements do not bring."""

from __future__ import annotations

import importlib
from types import ModuleType

from cuts3d.errors import WeightsUnavailableError
from cuts3d.weights.missing import OTHERWISE


def require(module: str, *, title: str, packages: str) -> ModuleType:
    """Import a module of an optional package.

    Args:
        module: Its name.
        title: What needs it, for the error.
        packages: What `pip install` has to be given.

    Raises:
        WeightsUnavailableError: It is not installed, or does not import here.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise WeightsUnavailableError(
            f"{title} needs packages that are missing here ({str(error).rstrip('. ')}): "
            f"run 'pip install {packages}', {OTHERWISE}"
        ) from error
