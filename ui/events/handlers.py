"""From an event on the page to updates of its outputs. Each asks the explorer and draws only what changed."""

from __future__ import annotations

import math
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from cuts3d.baselines import BASELINES
from cuts3d.depth import normalise_depth
from cuts3d.run.compare import compare_each, summarise
from cuts3d.run.explorer import Explorer
from ui.draw import status
from ui.draw.render import photo_uri, to_image, waiting
from ui.events.detector_runs import find_all
from ui.events.runs import Values, draw_all, failed, finish, steps, walk
from ui.server.uploads import check_size
from ui.session import page_training
from ui.session.downloads import write_downloads
from ui.session.drawing import Update
from ui.session.examples import load_example
from ui.session.sessions import Session, Sessions, Source
from ui.tabs import cloud, depth, pipeline
from ui.viewer import standalone_html

MAX_SIDE = 1600  # photos are worked on at this longer side on the page
STILL = 0.25  # seconds without a newer request before the CRF starts
SESSIONS = Sessions()
CRF_TURN = threading.Lock()
PICTURES = (*pipeline.CARDS, "difference", "heatmap", "coarse", "ours", "baseline", "methods")
TEXTS = (
    *("histogram", "spectrum", "ncut_facts", "depth_facts", "depth_table"),
    *("cuts", "areas", "instances", "method_table", "detections"),
)


def open_example(visitor: str, name: str, values: Values) -> Iterator[Update]:
    """Open an example scene or photo and segment it."""
    yield from _open(visitor, Source(title=name, example=name), values)


def open_upload(visitor: str, path: str | None, depth: str | None, depth_kind: Any, values: Values) -> Iterator[Update]:
    """Open a photo of the visitor's own, with or without a depth map, and segment it."""
    if path is None:
        yield {"status": status.words("Upload a photo, or choose an example.")}
        return
    yield from _open(visitor, Source(title="your photo", path=path, depth=depth, depth_kind=depth_kind), values)


def change_depth(visitor: str, depth: str | None, depth_kind: Any, values: Values) -> Iterator[Update]:
    """Give the open photo a depth map, or take it away."""
    known = SESSIONS.source(visitor)
    if known is None:
        yield {"status": status.words("Open a photo first; the depth map goes with it.")}
        return
    if depth is None and known.depth is None:
        return  # only what values of a map to come will mean
    yield from _open(visitor, Source(known.title, known.example, known.path, depth, depth_kind), values)


def change(visitor: str, values: Values, *, progressive: bool = False) -> Iterator[Update]:
    """Segment the open photo again with other parameters, up to the masks before the CRF."""
    session = SESSIONS.get(visitor)
    if session is None:
        yield from _reopen(visitor, values)
        return
    yield from walk(session, values, session.tickets.take(), progressive=progressive)


def refine(visitor: str) -> Iterator[Update]:
    """Fit the masks to the photo's edges once the visitor's hand is still."""
    session = SESSIONS.get(visitor)
    if (
        session is None
        or ("coarse", 0) not in session.explorer.results
        or ("segmentation", 0) in session.explorer.results
    ):
        return  # nothing to refine: a run goes on, or the last one was refused and its sentence stays
    ticket = session.tickets.newest
    time.sleep(STILL)
    if not session.tickets.is_newest(ticket):
        return
    session.clock.read(session.explorer)  # the pause is no cost
    try:
        with CRF_TURN:  # one at a time, so that sliders of others still get a core
            for _ in steps(session, {}, ticket, depth=session.explorer.depth):
                pass
        update = finish(session, ticket)
    except Exception as error:
        update = failed(error)
    if update is not None:
        yield update


def pick_patch(visitor: str, y: float, x: float) -> Update:
    """Choose the patch at a place of the photo, given as shares of its height and width."""
    if not (is_number(y) and is_number(x)):
        return {} if SESSIONS.get(visitor) else closed(visitor)
    return _choose_patch(visitor, lambda grid, _: (_cell(y, grid[0]), _cell(x, grid[1])))


def move_patch(visitor: str, rows: int, columns: int) -> Update:
    """Choose the patch so many rows and columns away."""

    def moved(grid: tuple[int, int], patch: tuple[int, int] | None) -> tuple[int, int] | None:
        if patch is None:
            return None
        row, column = patch[0] + rows, patch[1] + columns
        return max(0, min(grid[0] - 1, row)), max(0, min(grid[1] - 1, column))

    return _choose_patch(visitor, moved)


def _choose_patch(
    visitor: str, choose: Callable[[tuple[int, int], tuple[int, int] | None], tuple[int, int] | None]
) -> Update:
    """Choose a patch from the grid and the patch before; both are read under the lock, so no quick key is lost."""
    session = SESSIONS.get(visitor)
    if session is None:
        return closed(visitor)
    with session.lock:
        features = session.explorer.results.get(("features", 0))
        patch = None if features is None else choose(features.grid_shape, session.view.patch)
        if patch is None:
            return {}
        session.look(patch=patch)
        return draw_all(session).update


def choose_instance(visitor: str, number: Any) -> Update:
    """Show another instance on all tabs; `number` counts from 1."""
    session = SESSIONS.get(visitor)
    if session is None:
        return closed(visitor)
    if not is_number(number):
        return {}
    with session.lock:
        session.look(instance=max(0, int(float(number)) - 1))
        return draw_all(session).update


def show_tab(visitor: str, tab: str) -> Update:
    """Draw what a tab shows beyond the overview."""
    session = SESSIONS.get(visitor)
    if session is None:
        return closed(visitor)
    with session.lock:
        session.look(tab=tab)
        return draw_all(session).update


def compare(visitor: str, left: str, right: str) -> Update:
    """Put two pictures under the slider."""
    session = SESSIONS.get(visitor)
    if session is None:
        return {}
    with session.lock:
        session.look(compared=(left, right))
        return draw_all(session).update


def choose_baseline(visitor: str, name: str) -> Iterator[Update]:
    """Hold our masks against another method's; it may run a network of its own."""
    session = SESSIONS.get(visitor)
    if session is None:
        yield closed(visitor)
        return
    if name not in BASELINES or not session.explorer.results:
        return
    with session.lock:
        session.look(baseline=name)
    yield {"status": status.running(BASELINES[name].title, 0.5)}
    try:
        with session.lock:
            update = draw_all(session).update
        line = status.summary(session.explorer, session.source.title, costs=session.clock.costs, done=True)
        yield {**update, "status": line}
    except Exception as error:
        yield failed(error)


def compare_depths(visitor: str, names: Sequence[str]) -> Iterator[Update]:
    """Segment the open photo with several depth estimators, a row as each is done."""
    session = SESSIONS.get(visitor)
    if session is None or not session.explorer.results:
        yield (closed(visitor) if session is None else {}) or {"status": status.words("Open a photo first.")}
        return
    explorer, entries = session.explorer, []
    try:
        yield {"status": status.running("comparing depth estimators", 0.05)}
        steps = compare_each(explorer.image, list(names), config=explorer.config, depth=session.own_depth)
        for entry in steps:
            entries.append(entry)
            share = 0.05 + 0.9 * len(entries) / len(names)
            table = depth.rows(entries, None, explorer.config)
            yield {"depth_table": table, "status": status.running("comparing depth estimators", share)}
        done = summarise(entries, explorer.config)
        line = status.summary(explorer, session.source.title, costs=session.clock.costs, done=True)
        yield {"depth_table": depth.rows(entries, done, explorer.config), "status": line}
    except Exception as error:
        yield failed(error)


def prepare_files(visitor: str) -> Iterator[Update]:
    """Write all files of the current result."""
    session = SESSIONS.get(visitor)
    if session is None or not session.explorer.results:
        yield (closed(visitor) if session is None else {}) or {"status": status.words("Open a photo first.")}
        return
    yield {"status": status.running("writing the files", 0.9)}
    folder = Path(tempfile.mkdtemp(prefix="cuts3d-"))
    try:
        with session.lock:
            result, config = session.explorer.update(), session.explorer.config
            drawing = draw_all(session, every_tab=True)
            html = standalone_html(cloud.base_of(drawing), cloud.value_of(drawing), title=session.source.title)
            shown = {name: to_image(picture, result.image) for name, picture in session.drawn.pictures.items()}
            paths = write_downloads(folder, result, config, title=session.source.title, pictures=shown, view_html=html)
        yield {
            **drawing.update,
            "files": gr.update(value=[str(p) for p in paths], visible=True),
            "status": status.summary(session.explorer, session.source.title, costs=session.clock.costs, done=True),
        }  # Gradio copies the files to its own cache before it asks for more
    except Exception as error:
        yield failed(error)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def close(visitor: str) -> None:
    """Free what a visitor who left had open."""
    page_training.TURN.stop(visitor)
    session = SESSIONS.get(visitor)
    if session is not None:
        session.tickets.take()  # stops what still runs
    SESSIONS.close(visitor)


def _open(visitor: str, source: Source, values: Values) -> Iterator[Update]:
    try:
        explorer = _explorer(source)
    except Exception as error:
        yield failed(error)
        return
    old = SESSIONS.get(visitor)
    session = Session(explorer=explorer, source=source, own_depth=explorer.depth)
    if old is not None:
        old.tickets.take()  # stops what still runs for the photo before
        session.view = old.view.of_next_photo()
        session.detections.use_own(old.detections.own)
    SESSIONS.put(visitor, session)
    ticket = session.tickets.take()
    yield {"status": status.running("loading the networks", 0.03), **_blank(session)}
    yield from walk(session, values, ticket, progressive=True)
    if session.view.tab == "detector" and session.tickets.is_newest(ticket):
        yield from find_all(session, lambda: SESSIONS.get(visitor) is session)


def _reopen(visitor: str, values: Values) -> Iterator[Update]:
    source = SESSIONS.source(visitor)
    if source is None:
        yield {"status": status.words("Choose an example or upload a photo to begin.")}
        return
    yield from _open(visitor, source, values)


def _explorer(source: Source) -> Explorer:
    if source.example is not None:
        photo, depth = load_example(source.example)
    else:
        photo, depth = str(source.path), None
        check_size(photo, "photo")
    if source.depth is not None:
        check_size(source.depth, "depth map")
    explorer = Explorer(photo, depth=source.depth or depth, depth_kind=source.depth_kind, max_side=MAX_SIDE)
    if explorer.depth is not None:
        normalise_depth(explorer.depth)  # raises where no value can be used
    return explorer


def closed(visitor: str) -> Update:
    """What to do where the visitor's photo was closed to make room for others."""
    if SESSIONS.source(visitor) is None:
        return {}
    return {"status": status.words("Your photo was closed to make room for others. Press Run to open it again.")}


def is_number(value: Any) -> bool:
    """Whether a value from the page is a finite number, or its text."""
    try:
        return math.isfinite(float(value))
    except (TypeError, ValueError):
        return False


def _cell(share: float, count: int) -> int:
    return max(0, min(count - 1, int(float(share) * count)))


def _blank(session: Session) -> Update:
    """The new photo, and nothing left of the one before it."""
    uri, shape = photo_uri(session.explorer.image), session.explorer.image.shape
    return {
        "photo_source": f"<style>:root{{--photo:url({escape(uri, quote=True)})}}</style>",
        **dict.fromkeys(PICTURES, waiting(shape)),
        **dict.fromkeys(
            (
                "histogram",
                "depth_facts",
                "depth_table",
                "spectrum",
                "ncut_facts",
                "cuts",
                "areas",
                "instances",
                "method_table",
                "detections",
            ),
            "",
        ),
        "compare": None,
        "viewer": gr.update(base={}, value={}),
    }
