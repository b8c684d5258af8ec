"""The loaded backbones of this process, each once, shared by all threads."""

from __future__ import annotations

import threading
from functools import lru_cache

from cuts3d.backbones.registry import get_backbone
from cuts3d.backbones.vit import ViTBackbone

_LOCK = threading.RLock()


@lru_cache(maxsize=2)
def _backbone(name: str) -> ViTBackbone:
    return get_backbone(name).load()


def loaded_backbone(name: str) -> ViTBackbone:
    """The backbone's network; at most two stay in memory.

    Raises:
        ConfigError: Unknown name.
        WeightsUnavailableError: Its weights cannot be had.
    """
    with _LOCK:
        return _backbone(name)
