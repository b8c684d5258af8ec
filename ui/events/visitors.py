"""The open photos of all visitors, and what a visitor reads whose photo was closed."""

from __future__ import annotations

import math
from typing import Any

from ui.draw import status
from ui.session import training_slot
from ui.session.answers import AllAnswers
from ui.session.drawing import Update
from ui.session.sessions import Session, Sessions

SESSIONS = Sessions()
ANSWERS = AllAnswers()


def session_of(visitor: str) -> Session | None:
    """The visitor's open photo, or None."""
    return SESSIONS.get(visitor)


def closed(visitor: str) -> Update:
    """What to do where the visitor's photo was closed to make room for others; nothing where none was ever open."""
    if SESSIONS.source(visitor) is None:
        return {}
    return {"status": status.words("Your photo was closed to make room for others. Press Run to open it again.")}


def no_photo(visitor: str) -> Update:
    """What to do where a request needs an open photo and there is none."""
    closed_line = closed(visitor) if session_of(visitor) is None else {}
    return closed_line or {"status": status.words("Open a photo first.")}


def close(visitor: str) -> None:
    """Free what a visitor who left had open."""
    training_slot.TRAINING_SLOT.stop(visitor)
    session = session_of(visitor)
    if session is not None:
        session.tickets.take()  # stops what still runs
    SESSIONS.close(visitor)
    ANSWERS.forget(visitor)


def is_number(value: Any) -> bool:
    """Whether a value from the page is a finite number, or its text."""
    try:
        return math.isfinite(float(value))
    except (TypeError, ValueError):
        return False
