"""Estimators that come with a package of their own, which the requirements do not bring."""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from types import ModuleType

from cuts3d.errors import WeightsUnavailableError
from cuts3d.weights import WEIGHTS_VARIABLE

TIMEOUT = 5.0  # seconds to wait for the hub's first answer
OTHERWISE = "or choose the embedded depth, which needs no download."


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


def local_folder(name: str) -> Path | None:
    """The folder `name` in `$CUTS3D_WEIGHTS`, if any."""
    folder = os.environ.get(WEIGHTS_VARIABLE)
    path = Path(folder).expanduser() / name if folder else None
    return path if path is not None and path.is_dir() else None


def ask_hub(repository: str, filename: str, revision: str) -> None:
    """Ask the hub once for a file that is not in its cache; raises whatever its client raises.

    The packages' own downloads try again and again, and would let a person wait where there is no network.
    """
    from huggingface_hub import get_hf_file_metadata, hf_hub_url, try_to_load_from_cache

    if not isinstance(try_to_load_from_cache(repository, filename, revision=revision), str):
        get_hf_file_metadata(hf_hub_url(repository, filename, revision=revision), timeout=TIMEOUT)


def not_had(title: str, *, source: str, put: str, error: Exception) -> WeightsUnavailableError:
    """The error for weights that could not be loaded.

    Args:
        title: Of the estimator.
        source: Where they were looked for.
        put: What to put into `$CUTS3D_WEIGHTS` instead.
        error: What went wrong.
    """
    first_line = (str(error).splitlines() or [""])[0].rstrip(". ")
    return WeightsUnavailableError(
        f"{title} could not be had from {source} ({type(error).__name__}: {first_line}). Go online once, or put {put} "
        f"into a folder and name that folder in the environment variable {WEIGHTS_VARIABLE}, {OTHERWISE}"
    )
