"""What a visitor looks at: patch, instance, tab, pictures, baseline. No stage of the method runs."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import gradio as gr

from cuts3d.baselines import BASELINES
from cuts3d.run.compare import OWN_DEPTH
from ui import controls
from ui.draw import status
from ui.events import visitors
from ui.events.runs import failed, redraw, selector, summary
from ui.events.visitors import closed, is_number, session_of
from ui.session.drawing import Drawing, Update
from ui.tabs import BY_ID

Grid = tuple[int, int]
PATCH_OUTPUTS = ("status", "photo", "before", "after", *BY_ID["affinity"].outputs, "viewer", "compare")
INSTANCE_OUTPUTS = (
    *("status", "chosen", "eigenvector", "bipartition", "partition", "viewer", "instances", "compare"),
    *BY_ID["ncut"].outputs,
    *BY_ID["confidence"].outputs,
)
COMPARISON_OUTPUTS = ("status", "compare")
BASELINE_OUTPUTS = ("status", *BY_ID["methods"].outputs)


def pick_patch(visitor: str, y: Any, x: Any) -> Update:
    """Choose the patch at a place of the photo.

    Args:
        visitor: Who asks.
        y: Distance from the upper border, as a fraction of the photo's height.
        x: Distance from the left border, as a fraction of the photo's width.
    """
    if not (is_number(y) and is_number(x)):
        return closed(visitor) if session_of(visitor) is None else {}
    return _choose_patch(visitor, lambda grid, _: (_cell(y, grid[0]), _cell(x, grid[1])))


def move_patch(visitor: str, rows: int, columns: int) -> Update:
    """Choose the patch so many rows and columns away."""

    def moved(grid: Grid, patch: Grid | None) -> Grid | None:
        if patch is None:
            return None
        row, column = patch[0] + rows, patch[1] + columns
        return max(0, min(grid[0] - 1, row)), max(0, min(grid[1] - 1, column))

    return _choose_patch(visitor, moved)


def choose_instance(visitor: str, number: Any) -> Update:
    """Show another instance on all tabs; `number` counts from 1."""
    session = session_of(visitor)
    if session is None:
        return closed(visitor)
    if not is_number(number):
        return {}
    with session.lock:
        session.look(instance=max(0, int(float(number)) - 1))
        update, drawing = redraw(session, INSTANCE_OUTPUTS), Drawing(session)
        chosen = str(session.view.instance + 1) if drawing.shown is None else selector(drawing)
        return {**update, "chosen": chosen}  # an answer about an earlier choice may have come meanwhile


def choose_mask(visitor: str, instance: Any) -> Update:
    """Show the instance whose mask was clicked, in the selector too; `instance` counts from 0."""
    return choose_instance(visitor, int(instance) + 1)


def show_tab(visitor: str, tab: str) -> Update:
    """Draw what a tab shows; `tab` is its id."""
    visitors.SESSIONS.remember_tab(visitor, tab)
    session = session_of(visitor)
    if session is None:
        return closed(visitor)
    with session.lock:
        session.look(tab=tab)
        return redraw(session, BY_ID[tab].outputs if tab in BY_ID else ())


def open_tab(visitor: str, tab: Any) -> Update:
    """Open a tab by its id; the page then asks for what it shows."""
    del visitor
    return {"tabs": gr.Tabs(selected=str(tab))}


def use_depth(visitor: str, depth: Any) -> Update:
    """Use a depth estimator that was compared, and open the 3D tab."""
    return {**open_tab(visitor, "3d"), "depth": controls.OWN_DEPTH if depth == OWN_DEPTH else depth}


def set_tau_ncut(visitor: str, tau: Any) -> Update:
    """Set τ_ncut to where its line was dragged."""
    del visitor
    return {"tau_ncut": min(max(float(tau), 0.0), 1.0)}


def compare_pictures(visitor: str, left: str, right: str) -> Update:
    """Put two pictures under the comparison slider."""
    session = session_of(visitor)
    if session is None:
        return {}
    with session.lock:
        session.look(compared=(left, right))
        return redraw(session, COMPARISON_OUTPUTS)


def choose_baseline(visitor: str, name: str) -> Iterator[Update]:
    """Compare our masks with another baseline's; it may run a network of its own."""
    session = session_of(visitor)
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
            update = redraw(session, BASELINE_OUTPUTS)
        yield {**update, "status": summary(session)}
    except Exception as error:
        yield failed(error)


def _choose_patch(visitor: str, choose: Callable[[Grid, Grid | None], Grid | None]) -> Update:
    """Choose a patch from the grid and the patch before; both are read under the lock, so no quick key is lost."""
    session = visitors.session_of(visitor)
    if session is None:
        return closed(visitor)
    with session.lock:
        features = session.explorer.results.get(("features", 0))
        patch = None if features is None else choose(features.grid_shape, session.view.patch)
        if patch is None:
            return {}
        session.look(patch=patch)
        return redraw(session, PATCH_OUTPUTS)


def _cell(fraction: Any, count: int) -> int:
    return max(0, min(count - 1, int(float(fraction) * count)))
