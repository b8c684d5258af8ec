"""Timing: median of repeated runs, with smallest and largest value."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from typing import Any


def measure(work: Callable[[], Any], repeats: int = 5, warm_up: int = 1) -> tuple[float, float, float]:
    """Median, smallest and largest wall-clock seconds of a call."""
    for _ in range(warm_up):
        work()
    seconds = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return statistics.median(seconds), min(seconds), max(seconds)


def spread(seconds: tuple[float, float, float]) -> str:
    """`median (min to max)` in milliseconds."""
    median, low, high = (1000 * s for s in seconds)
    return f"{median:.1f} ms ({low:.1f} to {high:.1f})"
