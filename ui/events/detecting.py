"""Requests of the tab Detector."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ui.draw import status
from ui.events.detections import redrawn, run_detectors
from ui.events.runs import failed
from ui.events.visitors import closed, is_number, session_of
from ui.server.uploads import LARGEST_CHECKPOINT, check_size
from ui.session.detectors import load_detector
from ui.session.drawing import Update
from ui.session.sessions import Session


def detect(visitor: str) -> Iterator[Update]:
    """The tab was opened, or its button pressed: run the detectors that have not seen the open photo."""
    session = session_of(visitor)
    if session is None:
        yield closed(visitor)
        return
    yield from _detect(visitor, session)


def detect_again(visitor: str) -> Iterator[Update]:
    """A training ended: run its detector if the tab is still active."""
    session = session_of(visitor)
    if session is not None and session.view.tab == "detector":
        yield from _detect(visitor, session)


def use_checkpoint(visitor: str, path: str | None) -> Iterator[Update]:
    """Take a visitor's own checkpoint instead of an earlier one, and run it on the open photo."""
    session = session_of(visitor)
    if session is None or path is None:
        yield {"status": status.words("Open a photo first, then choose the checkpoint again."), "checkpoint": None}
        return
    yield {"status": status.running("reading your checkpoint", 0.1)}
    try:
        check_size(path, "checkpoint", LARGEST_CHECKPOINT)
        own = load_detector(Path(path), f"Yours: {Path(path).name}")
    except Exception as error:
        yield failed(error)
        return
    session.detections.use_own(own)
    yield from _detect(visitor, session)


def drop_checkpoint(visitor: str) -> Update:
    """Free a visitor's own checkpoint."""
    session = session_of(visitor)
    if session is None:
        return {}
    session.detections.use_own(None)
    return redrawn(session)


def choose_threshold(visitor: str, threshold: Any) -> Update:
    """Show the detections of at least a score; no network runs."""
    session = session_of(visitor)
    if session is None:
        return closed(visitor)
    if not is_number(threshold):
        return {}
    with session.lock:
        session.look(threshold=min(max(float(threshold), 0.0), 1.0))
    return redrawn(session)


def _detect(visitor: str, session: Session) -> Iterator[Update]:
    with session.lock:
        session.look(tab="detector")
    yield from run_detectors(session, lambda: session_of(visitor) is session)
