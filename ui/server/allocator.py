"""Settings of glibc's memory allocator. Without them a server with many threads grows by gigabytes of free memory.

With other C libraries (musl, macOS, Windows) nothing happens.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import sys

M_ARENA_MAX = -8  # mallopt(3)


def limit_arenas() -> bool:
    """Allow as many memory arenas as there are cores, instead of eight times as many, for threads that start later.

    Returns:
        Whether the allocator accepted the setting.
    """
    return bool(_call("mallopt", M_ARENA_MAX, os.cpu_count() or 1))


def release_memory() -> bool:
    """Return free memory to the operating system, also free pages between used ones.

    Returns:
        Whether any memory was returned.
    """
    return bool(_call("malloc_trim", 0))


def _call(function: str, *arguments: int) -> int:
    """Result of a function of glibc; 0 where there is no such function."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            return getattr(ctypes.CDLL(None), function)(*arguments)
    return 0
