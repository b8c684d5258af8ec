"""The loaded networks of this process, each once, shared by all threads."""

from __future__ import annotations

import threading
from functools import lru_cache

from cuts3d.backbones import ViTBackbone, get_backbone
from cuts3d.depth.registry import Estimate, get_depth

_LOCK = threading.RLock()


@lru_cache(maxsize=2)
def _backbone(name: str) -> ViTBackbone:
    return get_backbone(name).load()


@lru_cache(maxsize=1)
def _estimator(name: str) -> Estimate:
    return get_depth(name).load()


def loaded_backbone(name: str) -> ViTBackbone:
    """The backbone's network; at most two stay in memory.

    Raises:
        ConfigError: Unknown name.
        WeightsUnavailableError: Its weights cannot be had.
    """
    with _LOCK:
        return _backbone(name)


def loaded_estimator(name: str) -> Estimate:
    """The depth estimator's function; one stays in memory, the last is freed when another is chosen.

    Raises:
        ConfigError: Unknown name.
        WeightsUnavailableError: Its weights cannot be had.
    """
    with _LOCK:
        return _estimator(name)
