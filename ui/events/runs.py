"""One run of an open photo: the stages under the visitor's lock, and the updates that they lead to."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import Any

import gradio as gr

from cuts3d.errors import CutS3DError
from cuts3d.run.stages import StageResult
from cuts3d.types import DepthMap
from ui import controls
from ui.draw import status
from ui.session.drawing import Drawing, Update
from ui.session.sessions import Session
from ui.tabs import affinity, cloud, confidence, depth, detector, export, instances, methods, ncut, pipeline

Values = Sequence[Any]
LOG = logging.getLogger("cuts3d.page")
TABS = {
    "affinity": affinity.draw,
    "ncut": ncut.draw,
    "3d": cloud.draw,
    "depth": depth.draw,
    "confidence": confidence.draw,
    "instances": instances.draw,
    "methods": methods.draw,
    "export": export.draw,
    "detector": detector.draw,
}


def walk(session: Session, values: Values, ticket: int, *, progressive: bool) -> Iterator[Update]:
    """Run the stages; the pictures are sent as each is ready, or all at the end."""
    session.clock.start(session.explorer)
    try:
        params = controls.params_from(values)
        own = session.own_depth if controls.wants_own_depth(values) else None
        for step in steps(session, params, ticket, depth=own, until="coarse"):
            if progressive and step.stage in status.STAGES and step.index == 0:
                with session.lock:
                    if not session.tickets.is_newest(ticket):
                        return
                    drawing = draw_all(session)
                yield {**drawing.update, "status": status.stage(step.stage)}
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
        drawing = draw_all(session)
        done = drawing.result("segmentation") is not None or not session.explorer.config.refine.crf
        session.clock.costs.append(status.cost(*session.clock.read(session.explorer)))
        title = session.source.title
        drawing.update["status"] = status.summary(session.explorer, title, costs=session.clock.costs, done=done)
        drawing.update["chosen"] = _selector(drawing)
        return drawing.update


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


def draw_all(session: Session, *, every_tab: bool = False) -> Drawing:
    """The overview, and the tab in sight; the others are drawn when they are opened."""
    drawing = Drawing(session)
    pipeline.draw(drawing)
    for name, draw in TABS.items():
        if every_tab or name == session.view.tab:
            draw(drawing)
    return drawing


def _selector(drawing: Drawing) -> Any:
    count = len(drawing.cuts)
    choices = [str(n + 1) for n in range(count)]
    return gr.update(choices=choices, value=choices[drawing.chosen] if choices else None, visible=count > 0)


def _moved(patch: tuple[int, int] | None, grid: tuple[int, int]) -> tuple[int, int]:
    """The chosen patch, brought into a grid; its middle where none was chosen."""
    if patch is None:
        return (grid[0] // 2, grid[1] // 2)
    return (min(patch[0], grid[0] - 1), min(patch[1], grid[1] - 1))
