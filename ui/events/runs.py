"""One run of an open photo: the stages under the visitor's lock, and the updates that they lead to."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Sequence
from typing import Any

import gradio as gr

from cuts3d.errors import CutS3DError
from cuts3d.run.stages import StageResult
from cuts3d.types import DepthMap
from ui import controls
from ui.draw import status
from ui.session.answers import STEP
from ui.session.drawing import Drawing, Update
from ui.session.sessions import Session
from ui.tabs import BY_ID, DRAWN, OVERVIEW, TABS

Values = Sequence[Any]
RUN_OUTPUTS = ("status", "chosen", *DRAWN)  # what a run may change
LOG = logging.getLogger("cuts3d.page")


def walk(session: Session, values: Values, ticket: int, *, progressive: bool) -> Iterator[Update]:
    """Run the stages up to the masks before the CRF.

    Args:
        session: The open photo.
        values: Values of all controls.
        ticket: Number of the request; the run ends when a newer one has come.
        progressive: Whether pictures are sent as each is ready; all at the end otherwise.
    """
    session.clock.start(session.explorer)
    try:
        params = controls.params_from(values)
        own = session.own_depth if controls.wants_own_depth(values) else None
        for step in steps(session, params, ticket, depth=own, until="coarse"):
            if progressive and step.stage in status.STAGES and step.index == 0:
                with session.lock:
                    if not session.tickets.is_newest(ticket):
                        return
                    update = redraw(session)
                yield {**update, "status": status.stage(step.stage)}
        update = finish(session, ticket)
    except Exception as error:
        update = failed(error)
    if update is not None:
        yield update


def finish(session: Session, ticket: int) -> Update | None:
    """Everything that a run changed, with what it cost; None where a newer request has come."""
    with session.lock:
        if not session.tickets.is_newest(ticket):
            return None
        update = redraw(session)
        session.clock.costs.append(status.cost(*session.clock.read(session.explorer)))
        return {**update, "status": summary(session), "chosen": selector(Drawing(session))}


def summary(session: Session) -> str:
    """The status line of a photo that has its masks, final or before the CRF."""
    explorer = session.explorer
    done = ("segmentation", 0) in explorer.results or not explorer.config.refine.crf
    notes = (*explorer.inputs.photo.notes, *(explorer.depth.notes if explorer.depth is not None else ()))
    return status.summary(explorer, session.source.title, costs=session.clock.costs, done=done, notes=notes)


def failed(error: Exception) -> Update:
    """A sentence for the visitor; what was not meant for people goes to the log."""
    if not isinstance(error, CutS3DError):
        LOG.exception("a run failed")
    return {"status": status.error(error)}


def steps(
    session: Session, params: dict[str, Any], ticket: int, *, depth: DepthMap | None, until: str = "segmentation"
) -> Iterator[StageResult]:
    """Stages under the visitor's lock, one at a time; ends early when a newer request has come."""
    running: Iterator[StageResult] | None = None
    while True:
        with session.lock:
            if not session.tickets.is_newest(ticket):
                return
            if running is None:
                session.explorer.depth = depth
                running = session.explorer.stages(**params)
            step = next(running, None)
            if step is not None and step.stage == "features":
                session.look(patch=_moved(session.view.patch, step.value.grid_shape))
        if step is None:
            return
        yield step
        if step.stage == until:
            return


def redraw(session: Session, outputs: Collection[str] = DRAWN, *, every_tab: bool = False) -> Update:
    """What changed on the overview and on the active tab; the other tabs are drawn when they are opened.

    Whoever calls this holds the session's lock.

    Args:
        session: The open photo.
        outputs: What the event may change. Anything else stays as it is and is drawn by a later event.
        every_tab: Whether all tabs are drawn.

    Returns:
        New values by output name, and their step.
    """
    drawing = Drawing(session)
    active = BY_ID.get(session.view.tab, OVERVIEW)
    for tab in TABS:
        if (every_tab or tab in (OVERVIEW, active)) and not tab.outputs.keys().isdisjoint(outputs):
            tab.draw(drawing)
    for name in drawing.update.keys() - set(outputs):
        del drawing.update[name], session.drawn.keys[name]
    return {**drawing.update, STEP: session.step()}


def selector(drawing: Drawing) -> Any:
    """The selector of instances, with those that there are."""
    count = len(drawing.cuts)
    choices = [str(n + 1) for n in range(count)]
    return gr.update(choices=choices, value=choices[drawing.chosen] if choices else None, visible=count > 0)


def _moved(patch: tuple[int, int] | None, grid: tuple[int, int]) -> tuple[int, int]:
    """The chosen patch, brought into a grid; its middle where none was chosen."""
    if patch is None:
        return (grid[0] // 2, grid[1] // 2)
    return (min(patch[0], grid[0] - 1), min(patch[1], grid[1] - 1))
