"""Photos are opened and segmented, first up to the masks before the CRF, then refined."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from cuts3d.arrays import ImageArray
from cuts3d.depth import normalise_depth
from cuts3d.run.explorer import Explorer
from ui.draw import status
from ui.draw.render import photo_uri, reduced
from ui.events import visitors
from ui.events.detections import run_detectors
from ui.events.runs import RUN_OUTPUTS, Values, failed, finish, steps, walk
from ui.server.uploads import check_photo, check_size
from ui.session.drawing import Update
from ui.session.examples import example_names, load_example
from ui.session.sessions import Detections, Session, Source
from ui.tabs import TABS

MAX_SIDE = 1600  # longer side of the masks on the page, pixels; files have masks of the photo's own size
STILL = 0.25  # seconds without a newer request before the CRF starts
OPEN_OUTPUTS = (*RUN_OUTPUTS, "photo_source")  # what opening a photo may change
CRF_TURN = threading.Lock()


def open_example(visitor: str, name: str, values: Values) -> Iterator[Update]:
    """Open an example scene or photo and segment it; none where the name is empty, since a photo is on its way."""
    if name:
        yield from _open(visitor, Source(title=name, example=name), values)


def choose_example(visitor: str, index: Any, values: Values) -> Iterator[Update]:
    """Open the example that was clicked, by its index in the gallery. No file of the visitor's own is used then."""
    yield {"upload": None, "depth_file": None}
    yield from open_example(visitor, example_names()[int(index)], values)


def open_upload(visitor: str, path: str | None, depth: str | None, depth_kind: Any, values: Values) -> Iterator[Update]:
    """Open a photo of the visitor's own, with or without a depth map, and segment it."""
    if path is None:
        yield {"status": status.words("Upload a photo, or choose an example.")}
        return
    source = Source(title="your photo", path=path, depth=depth, depth_kind=depth_kind)
    opened = _open(visitor, source, values)
    yield {**next(opened), "upload": gr.update(value=_preview(visitor, source))}
    yield from opened


def take_depth(visitor: str, depth: str | None, depth_kind: Any, values: Values) -> Iterator[Update]:
    """Take a depth map that came another way than by its box, and show its name there."""
    if depth is None:
        return
    yield {"depth_file": gr.update(value=depth)}  # Gradio's client overwrites a plain file by the next update
    yield from change_depth(visitor, depth, depth_kind, values)


def _preview(visitor: str, source: Source) -> ImageArray | None:
    """The photo as it was read, small: browsers do not show every file that the page reads. None: it was not read."""
    session = visitors.session_of(visitor)
    return reduced(session.explorer.image) if session is not None and session.source is source else None


def change_depth(visitor: str, depth: str | None, depth_kind: Any, values: Values) -> Iterator[Update]:
    """Give the open photo a depth map, or take it away."""
    known = visitors.SESSIONS.source(visitor)
    if known is None:
        there = "The depth map is there. Open its photo, too."
        yield {"status": status.words(there if depth else "Open a photo first. Then choose its depth map.")}
        return
    if depth is None and known.depth is None:
        return  # there is no depth map yet: only the kind of the next one was chosen
    yield from _open(visitor, Source(known.title, known.example, known.path, depth, depth_kind), values)


def change(visitor: str, values: Values) -> Iterator[Update]:
    """Segment the open photo with other parameters and send everything at once."""
    yield from _segment(visitor, values, progressive=False)


def run(visitor: str, values: Values) -> Iterator[Update]:
    """Segment the open photo and send every stage as soon as it is done."""
    yield from _segment(visitor, values, progressive=True)


def refine(visitor: str) -> Iterator[Update]:
    """Fit the masks to the photo's edges once no newer request has come for a moment."""
    session = visitors.session_of(visitor)
    if session is None or not _waits_for_refinement(session):
        return
    ticket = session.tickets.newest
    time.sleep(STILL)
    if not session.tickets.is_newest(ticket):
        return
    session.clock.read(session.explorer)  # the pause is no cost
    try:
        with CRF_TURN:  # one at a time, so that other visitors' sliders still get a core
            for _ in steps(session, {}, ticket, depth=session.explorer.depth):
                pass
        update = finish(session, ticket)
    except Exception as error:
        update = failed(error)
    if update is not None:
        yield update


def _waits_for_refinement(session: Session) -> bool:
    """Whether there are masks before the CRF and no final ones; neither during a run nor after a failed one."""
    results = session.explorer.results
    return ("coarse", 0) in results and ("segmentation", 0) not in results


def _segment(visitor: str, values: Values, *, progressive: bool) -> Iterator[Update]:
    session = visitors.session_of(visitor)
    if session is not None:
        yield from walk(session, values, session.tickets.take(), progressive=progressive)
        return
    source = visitors.SESSIONS.source(visitor)
    if source is None:
        yield {"status": status.words("Choose an example or upload a photo to begin.")}
        return
    if any(path is not None and not Path(path).exists() for path in (source.path, source.depth)):
        yield {"status": status.gone()}
        return
    yield from _open(visitor, source, values)


def _open(visitor: str, source: Source, values: Values) -> Iterator[Update]:
    try:
        explorer = _explorer(source)
    except Exception as error:
        yield failed(error)
        return
    session = _new_session(visitor, explorer, source)
    visitors.SESSIONS.put(visitor, session)
    ticket = session.tickets.take()
    yield {"status": status.running("loading the networks", 0.03), **_blank(session)}
    yield from walk(session, values, ticket, progressive=True)
    if session.view.tab == "detector" and session.tickets.is_newest(ticket):
        yield from run_detectors(session, lambda: visitors.session_of(visitor) is session)


def _new_session(visitor: str, explorer: Explorer, source: Source) -> Session:
    """A session that keeps the visitor's view and own checkpoint; runs of the photo before stop."""
    old = visitors.session_of(visitor)
    view, own = visitors.SESSIONS.first_view(visitor), None
    if old is not None:
        old.tickets.take()
        view, own = old.view.of_next_photo(), old.detections.own
    return Session(explorer, source, own_depth=explorer.depth, view=view, detections=Detections(own))


def _explorer(source: Source) -> Explorer:
    if source.example is not None:
        photo, depth = load_example(source.example)
    else:
        photo, depth = str(source.path), None
        check_photo(photo)
    if source.depth is not None:
        check_size(source.depth, "depth map")
    explorer = Explorer(photo, depth=source.depth or depth, depth_kind=source.depth_kind, view_side=MAX_SIDE)
    if explorer.depth is not None:
        normalise_depth(explorer.depth, clip_percent=0.0)  # raises where no value can be used
    return explorer


def _blank(session: Session) -> Update:
    """The new photo, and nothing left of the one before it."""
    image = session.explorer.image
    source = f"<style>:root{{--photo:url({escape(photo_uri(image), quote=True)})}}</style>{_kept(session.source)}"
    blank = {name: value for tab in TABS for name, value in tab.blank(image.shape).items()}
    return {"photo_source": source, **blank}


def _kept(source: Source) -> str:
    """What the browser keeps of an open photo: an example's title, or marks of the content of the visitor's own files.

    Gradio names the folder of an upload by a hash of its content.
    """
    marks = (source.example or "", _mark(source.path), _mark(source.depth))
    example, photo, depth = (escape(mark, quote=True) for mark in marks)
    return f'<i data-example="{example}" data-own-photo="{photo}" data-own-depth="{depth}"></i>'


def _mark(path: str | None) -> str:
    return "" if path is None else Path(path).parent.name
