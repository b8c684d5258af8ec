"""What the page shows to a visitor who comes, or comes back: an example, a link, or what the browser kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import gradio as gr

from ui import controls
from ui.draw import status
from ui.events import settings, visitors
from ui.events.kept import GONE, HERE, Kept, read_kept
from ui.session.drawing import Update
from ui.session.examples import example_names
from ui.session.permalink import Params, from_query
from ui.tabs import BY_ID, OVERVIEW

VISIT_OUTPUTS = ("first_example", "own_tau", "preset", "preset_text", "depth_kind", "tabs", "status")
AGAIN = "Your photo is sent again. Your settings are back."
PHOTO_GONE = "This browser no longer has your photo; upload it again. Your settings are back."
DEPTH_GONE = "This browser no longer has your depth map; choose its file again."


def visit(visitor: str, query: Mapping[str, str], kept_text: Any) -> tuple[Update, list[str]]:
    """Begin a visit.

    Args:
        visitor: Who comes.
        query: Names and values of the address.
        kept_text: What the browser kept; see `ui.events.kept`. Where it kept something of this address, that counts.

    Returns:
        The settings and the example to open, "" where the browser sends the visitor's own photo or has lost it; and
        sentences on what no longer holds, which quote the address: show them as text.
    """
    kept = read_kept(kept_text)
    if kept is not None:
        return _back(visitor, kept), [*kept.warnings, *([DEPTH_GONE] if kept.depth == GONE else [])]
    example, params, warnings = from_query(query)
    update: Update = {"first_example": example or example_names()[0]}
    if params or "depth" in query:
        update |= settings.set_controls(params, own_depth="depth" not in query)
    return update, [*warnings, *outside(params)]


def _back(visitor: str, kept: Kept) -> Update:
    update: Update = {"first_example": "" if kept.photo else kept.example or example_names()[0]}
    if kept.photo:
        update["status"] = status.words(AGAIN if kept.photo == HERE else PHOTO_GONE)
    update |= settings.set_controls(kept.params, own_depth=kept.own_depth)
    if kept.preset is not None:
        update |= {"preset": kept.preset, "preset_text": controls.PRESET_TEXTS[kept.preset]}
    if kept.depth_kind:
        update["depth_kind"] = kept.depth_kind
    if kept.tab in BY_ID and kept.tab != OVERVIEW.id:
        visitors.SESSIONS.remember_tab(visitor, kept.tab)
        update["tabs"] = gr.Tabs(selected=kept.tab)
    return update


def outside(params: Params) -> list[str]:
    """One sentence for every parameter that the page's control cannot have, with what is used instead."""
    found = []
    for control in controls.ALL:
        asked = params.get(control.name)
        if asked is None:
            continue
        used = controls.to_component(control, asked)
        if control.low is not None and used != asked:
            found.append(
                f"{control.label}: the control goes from {control.low:g} to {control.high:g}; "
                f"{used:g} is used, not {asked:g}."
            )
        elif control.low is None and (offered := controls.from_component(control, used)) != asked:
            found.append(f"{control.label}: the page does not offer {asked}; {offered} is used.")
    return found
