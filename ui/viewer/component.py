"""The viewer as a Gradio component: static markup, our own script, and the payload as props."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

FOLDER = Path(__file__).parent
SCRIPTS = ("data.js", "camera.js", "shaders.js", "gl.js", "input.js", "panel.js", "viewer.js")

GRADIO_HOST = """
mountViewer(element.querySelector(".c3v"), {
  base: () => props.base,
  value: () => props.value,
  onChange: (callback) => watch(["base", "value"], callback),
  layer: "partition",
  select: (position) => trigger("select", position),
});
"""


def markup() -> str:
    """The viewer's HTML, the same in Gradio and in a file."""
    return (FOLDER / "viewer.html").read_text(encoding="utf-8")


def style() -> str:
    """The viewer's style sheet; every rule starts with one of its own class names."""
    return (FOLDER / "viewer.css").read_text(encoding="utf-8")


def script() -> str:
    """The viewer's code as one statement that defines `mountViewer` and nothing else."""
    parts = "\n".join((FOLDER / name).read_text(encoding="utf-8") for name in SCRIPTS)
    return f'const mountViewer = (() => {{\n"use strict";\n{parts}\nreturn mountViewer;\n}})();\n'


def viewer(
    elem_id: str = "viewer",
    *,
    value: dict[str, Any] | None = None,
    base: dict[str, Any] | None = None,
    **options: Any,
) -> gr.HTML:
    """The point-cloud viewer.

    Update it with `gr.update(base=base_payload(…), value=layers_payload(…))`, or with `value` alone when only the
    layers changed: the visitor's camera and settings are kept. Empty it with `base={}, value={}`; Gradio does not send
    None. A click on a point sends the event `select`; `_data` of its `gr.EventData` has `row` and `column`, fractions
    of the photo's height and width.

    Args:
        elem_id: Id of the element in the page.
        value: Result of `layers_payload`.
        base: Result of `base_payload`.
        options: Options of `gr.HTML`, such as `visible`.

    Returns:
        The component.
    """
    return gr.HTML(
        value=value,
        html_template=markup(),
        css_template=style(),
        js_on_load=script() + GRADIO_HOST,
        apply_default_css=False,
        elem_id=elem_id,
        base=base,
        **options,
    )
