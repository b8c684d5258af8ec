"""Events of the tab Detector."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ui import handlers
from ui.detector_runs import drawn, find_all
from ui.drawing import Update


def open_tab(visitor: str) -> Iterator[Update]:
    """The tab was opened, or its button pressed: run the detectors that have not seen the open photo."""
    session = handlers.SESSIONS.get(visitor)
    if session is None:
        yield handlers.closed(visitor)
        return
    session.tab = "detector"
    yield from find_all(session, lambda: handlers.SESSIONS.get(visitor) is session)


def choose_threshold(visitor: str, threshold: Any) -> Update:
    """Show the detections of at least a score; no network runs."""
    session = handlers.SESSIONS.get(visitor)
    if session is None:
        return handlers.closed(visitor)
    if not handlers.is_number(threshold):
        return {}
    session.threshold = min(max(float(threshold), 0.0), 1.0)
    return drawn(session)
