"""What a tab of the page is: its layout, what it draws, and what a visitor can do on it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import gradio as gr

from ui.draw.render import waiting
from ui.session.drawing import Drawing, Update

PICTURE = object()  # in `Tab.outputs`: an empty frame of the photo's proportions
UNCHANGED = gr.skip()  # in `Tab.outputs`: keep what is shown

Request = Literal[
    "open_example",
    "choose_example",
    "open_upload",
    "change_depth",
    "take_depth",
    "change",
    "run",
    "refine",
    "follow_backbone",
    "choose_preset",
    "reset",
    "pick_patch",
    "move_patch",
    "choose_instance",
    "choose_mask",
    "open_tab",
    "use_depth",
    "set_tau_ncut",
    "compare_pictures",
    "choose_baseline",
    "compare_depths",
    "prepare_files",
    "detect",
    "detect_again",
    "use_checkpoint",
    "drop_checkpoint",
    "choose_threshold",
    "train",
    "cancel_training",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that a visitor can do on a tab.

    Attributes:
        request: What is asked for; `ui.events.requests` names its handler.
        on: Components of the tab and their Gradio events, as (component, event).
        on_open: Whether opening the tab asks for it too.
        inputs: Components whose values the handler gets.
        payload: Fields of the message that the handler gets, for a component that sends one.
    """

    request: Request
    on: tuple[tuple[str, str], ...]
    on_open: bool = False
    inputs: tuple[str, ...] = ()
    payload: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Tab:
    """One tab of the page.

    Attributes:
        id: Names the tab in events, links and messages.
        title: What the visitor reads.
        build: Lays the tab out and returns its components by name.
        draw: Draws what the tab shows of the open photo.
        outputs: Components that `draw` may change, and what they show before anything is drawn.
        events: What a visitor can do on the tab.
    """

    id: str
    title: str
    build: Callable[[], dict[str, Any]]
    draw: Callable[[Drawing], None]
    outputs: Mapping[str, Any]
    events: tuple[Event, ...] = field(default=())

    def blank(self, photo_shape: tuple[int, ...]) -> Update:
        """What the tab shows of a photo of which no stage has run.

        Args:
            photo_shape: Height and width of the photo.
        """
        return {name: waiting(photo_shape) if value is PICTURE else value for name, value in self.outputs.items()}
