"""Detectors on an open photo: one after the other, each shown as soon as it is done."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from ui.draw import status
from ui.events.runs import draw_all, failed
from ui.session import detectors
from ui.session.drawing import Update
from ui.session.sessions import Session


def find_all(session: Session, is_open: Callable[[], bool]) -> Iterator[Update]:
    """Run every detector that has not seen the photo.

    Args:
        session: The photo, segmented at least up to the masks before the CRF.
        is_open: Whether it is still the visitor's photo; where it is not, nothing more is sent.
    """
    if ("coarse", 0) not in session.explorer.results:
        return
    try:
        todo = [c for c in detectors.choices(session.detections.own) if c.key not in session.detections.found]
        for place, choice in enumerate(todo):
            share = (place + 0.3) / len(todo)
            yield {**drawn(session), "status": status.running(f"{choice.title} looks at the photo", share)}
            found = detectors.find(choice.load(), session.explorer.image)
            if not is_open():
                return
            session.detections.found[choice.key] = found
        yield {**drawn(session), **({"status": summary(session)} if todo else {})}
    except Exception as error:
        yield failed(error)


def drawn(session: Session) -> Update:
    """What changed on the tab in sight."""
    with session.lock:
        return draw_all(session).update


def summary(session: Session) -> str:
    """The status line of a photo whose detections are there."""
    explorer = session.explorer
    done = ("segmentation", 0) in explorer.results or not explorer.config.refine.crf
    return status.summary(explorer, session.source.title, costs=session.clock.costs, done=done)
