"""What a visitor does and what comes back, read as the page reads it."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import gradio as gr

from cuts3d.errors import InputError
from ui.controls import ALL
from ui.events import opening
from ui.session.answers import STEP
from ui.session.sessions import Session

EMPTY = gr.update(value=None)
Updates = list[dict[str, Any]]
EARLY = ("features", "depth", "importance", "affinity", "sharpened")
TAB_OUTPUTS = {
    "pipeline": set(),
    "affinity": {"difference", "histogram"},
    "ncut": {"spectrum", "ncut_facts"},
    "3d": {"viewer", "graph_facts"},
    "depth": {"depth_facts"},
    "confidence": {"cuts", "heatmap", "areas"},
    "instances": {"coarse", "instances", "compare"},
    "methods": {"ours", "baseline", "methods", "method_table"},
    "export": {"python", "shell", "link", "files"},
    "detector": {"detections"},
}
WITH_STAGE = {  # progress line -> pictures that come with it
    "Estimating depth": {"photo"},
    "Spatial importance": {"depth"},
    "Affinity": {"importance"},
    "Sharpening the affinity": {"before"},
    "Normalised cut": {"after"},
    "Cutting in 3D": {"eigenvector", "bipartition", "partition"},
    "Spatial confidence": set(),
    "Masks": {"bipartition", "partition"},
}


@dataclass(frozen=True)
class Files:
    photo: str
    other_photo: str
    depth: str
    folder: Path


def open_squares(visitor: str, files: Files, values: list[Any]) -> Iterator[dict[str, Any]]:
    return opening.open_upload(visitor, files.photo, files.depth, "relative", values)


def moved(values: list[Any], **changes: Any) -> list[Any]:
    """The sidebar with some controls moved."""
    names = [control.name for control in ALL]
    assert set(changes) <= set(names)
    return [changes.get(name, value) for name, value in zip(names, values, strict=True)]


def news(update: dict[str, Any]) -> dict[str, Any]:
    """What an update changes on the page, without its step."""
    return {name: value for name, value in update.items() if name != STEP}


def sent(updates: Updates) -> set[str]:
    return {name for update in updates for name in news(update)}


def text(update: dict[str, Any]) -> str:
    """What a reader of the status line sees."""
    return re.sub(r"\s+", " ", "".join(ET.fromstring(update["status"]).itertext()))


def is_error(update: dict[str, Any]) -> bool:
    return 'role="alert"' in update["status"]


def only_sentence(updates: Updates) -> str:
    """The sentence of a run that was refused: one error and no picture."""
    assert len(updates) == 1
    assert set(news(updates[0])) - {"upload"} == {"status"}
    assert updates[0].get("upload", EMPTY) == EMPTY, "the box shows a photo that was not read"
    assert is_error(updates[0])
    words = text(updates[0])
    assert len(words) > 15
    assert "Something went wrong" not in words, "an error that nobody foresaw"
    return words


def computed(session: Session, run: Callable[[], Updates]) -> tuple[Counter[str], Updates]:
    before = session.explorer.calls.copy()
    updates = run()
    return session.explorer.calls - before, updates


def refuse(*_: Any, **__: Any) -> Any:
    raise InputError("This cloud cannot be cut; choose another <photo>.")
