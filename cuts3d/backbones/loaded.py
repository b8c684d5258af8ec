"""The loaded backbones of this process, shared by all threads."""

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
    """The network of a name. At most two networks stay in memory.

    Raises:
        ConfigError: No backbone has that name.
        WeightsUnavailableError: Its weights are missing.
    """
    with _LOCK:  # no two threads load at the same time
        return _backbone(name)
