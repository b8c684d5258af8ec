"""Whether an estimator can be had on this machine, without asking the network."""

from __future__ import annotations

import os
import re
from importlib.util import find_spec

from cuts3d.depth.registry import DepthSpec
from cuts3d.weights.folders import WEIGHTS_VARIABLE, find_local


def missing_reason(spec: DepthSpec) -> str:
    """Why an estimator cannot be had here; empty where it can be had or fetched.

    What the hub would answer is not known before it is asked, and it is asked only when somebody chooses the estimator.
    """
    missing = [package for package in spec.packages.split() if find_spec(re.split("[=@]", package)[0]) is None]
    if missing:
        return f"Needs more packages: pip install {' '.join(missing)}."
    if spec.embedded or find_local(spec.name) is not None or _has_folder(spec.name):
        return ""
    if not spec.revision:
        return f"Needs its checkpoint in the folder ${WEIGHTS_VARIABLE}: {spec.source}."
    if os.environ.get("HF_HUB_OFFLINE", "").upper() in ("1", "ON", "YES", "TRUE"):
        return f"The hub is switched off (HF_HUB_OFFLINE); {spec.download_mb:,.0f} MB would come from {spec.source}."
    return ""


def _has_folder(name: str) -> bool:
    folder = os.environ.get(WEIGHTS_VARIABLE)
    return bool(folder) and os.path.isdir(os.path.join(os.path.expanduser(folder), name))
