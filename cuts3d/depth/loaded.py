"""The loaded depth estimator of this process, shared by all threads."""

from __future__ import annotations

import threading
from functools import lru_cache

from cuts3d.depth.registry import Estimate, get_depth

_LOCK = threading.RLock()


@lru_cache(maxsize=1)
def _estimator(name: str) -> Estimate:
    return get_depth(name).load()


def loaded_estimator(name: str) -> Estimate:
    """The estimator of a name. One estimator stays in memory; it is freed when another one has been loaded.

    Raises:
        ConfigError: No estimator has that name.
        WeightsUnavailableError: Its weights are missing.
    """
    with _LOCK:  # no two threads load at the same time
        return _estimator(name)
