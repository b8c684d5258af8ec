"""Detectors on an open photo: one after the other, each shown as soon as it is done."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ui.draw import status
from ui.events.runs import failed, redraw, summary
from ui.session import detectors
from ui.session.drawing import Update
from ui.session.sessions import Session

DETECTION_OUTPUTS = ("status", "detections")


def run_detectors(session: Session, is_open: Callable[[], bool]) -> Iterator[Update]:
    """Run every detector that has not seen the photo.

    Args:
        session: The photo, segmented at least up to the masks before the CRF.
        is_open: Whether it is still the visitor's photo; where it is not, nothing more is sent.
    """
    if ("coarse", 0) not in session.explorer.results:
        return
    found = session.detections.found
    try:
        todo = [choice for choice in detectors.choices(session.detections.own) if choice.key not in found]
        for number, choice in enumerate(todo):
            line = status.running(f"{choice.title} is running", (number + 0.3) / len(todo))
            yield {**redrawn(session), "status": line}
            result = detectors.find(choice.load(), session.explorer.image)
            if not is_open():
                return
            found[choice.key] = result
        yield {**redrawn(session), **({"status": summary(session)} if todo else {})}
    except Exception as error:
        yield failed(error)


def redrawn(session: Session) -> Update:
    """The detections, where their tab is active and something changed."""
    with session.lock:
        return redraw(session, DETECTION_OUTPUTS)
