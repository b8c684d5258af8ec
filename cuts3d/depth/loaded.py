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
    """The depth estimator's function; one stays in memory, the last is freed when another is chosen.

    Raises:
        ConfigError: Unknown name.
        WeightsUnavailableError: Its weights cannot be had.
    """
    with _LOCK:
        return _estimator(name)
