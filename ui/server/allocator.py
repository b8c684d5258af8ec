"""glibc's allocator, told that many threads come and go: without this a busy server grows by gigabytes of free pages.

Elsewhere (musl, macOS, Windows) nothing happens.
"""

from __future__ import annotations

import contextlib
import ctypes
import os

M_ARENA_MAX = -8  # mallopt(3)


def few_arenas() -> bool:
    """As many arenas as cores, not eight times as many; for threads that begin from now on.

    Returns:
        Whether the allocator took it.
    """
    with contextlib.suppress(OSError, AttributeError):
        return bool(ctypes.CDLL(None).mallopt(M_ARENA_MAX, os.cpu_count() or 1))
    return False


def give_back() -> bool:
    """Free pages go back to the system, those between others too.

    Returns:
        Whether there were any.
    """
    with contextlib.suppress(OSError, AttributeError):
        return bool(ctypes.CDLL(None).malloc_trim(0))
    return False
