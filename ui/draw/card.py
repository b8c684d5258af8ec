"""A picture with its title and a line on what to look at."""

from __future__ import annotations

from html import escape

import gradio as gr

WAITING = "Shown when its stage is done"


def card(name: str, title: str, caption: str, *, opens: str = "", pick: bool = False) -> gr.HTML:
    """A figure whose picture is set by events; the component's value is the picture's HTML.

    Args:
        name: Name of the picture.
        title: Heading above the picture.
        caption: Text below the picture: what to look at.
        opens: Id of the tab that a click opens; empty: none.
        pick: Whether a click chooses a patch instead.
    """
    return gr.HTML(
        value="",
        html_template=_markup(title, caption, opens=opens, pick=pick, inner="${value}"),
        js_on_load=f"window.cuts3d.publish('{name}', props.value); "
        f"watch('value', () => window.cuts3d.publish('{name}', props.value));",
        elem_id=f"picture-{name}",
        elem_classes="card-block",
        apply_default_css=False,
    )


def mirror(name: str, title: str, caption: str, *, pick: bool = False) -> gr.HTML:
    """A copy of a card's picture on another tab. The server sends the picture once, the page copies it."""
    return gr.HTML(
        value="",
        html_template=_markup(title, caption, opens="", pick=pick, inner=""),
        js_on_load=f"window.cuts3d.adopt('{name}', element.querySelector('.frame'));",
        elem_classes="card-block",
        apply_default_css=False,
    )


def _markup(title: str, caption: str, *, opens: str, pick: bool, inner: str) -> str:
    heading = f"<h3>{escape(title)}</h3>"
    frame = ' data-pick tabindex="0" aria-label="Choose a patch: click, or move it with the arrow keys"' if pick else ""
    if opens:
        heading = f'<h3><button type="button" data-open="{opens}">{escape(title)}</button></h3>'
        frame += f' data-open="{opens}"' if not pick else ""
    return (
        f'<figure class="card">{heading}<div class="frame" data-waiting="{WAITING}"{frame}>{inner}</div>'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )
