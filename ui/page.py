"""The page's layout. The tabs are in `ui.tabs`, the events in `ui.events`."""

from __future__ import annotations

import json
from typing import Any

import gradio as gr
from starlette.middleware import Middleware

from cuts3d.config import CutS3DConfig
from ui import controls
from ui.draw import status
from ui.events.endpoints import add_endpoints
from ui.events.gradio_patches import uploads_give_their_path
from ui.events.wiring import MESSAGES, Wiring
from ui.server.chores import chores
from ui.server.guard import Guard
from ui.server.theme import CSS, HEAD, theme
from ui.server.uploads import LARGEST_CHECKPOINT
from ui.session.examples import example_names, thumbnail
from ui.tabs import TABS

TITLE = "CutS3D Explorer"
KINDS = [
    ("depth in metres (metric)", "metric"),
    ("depth of unknown scale", "relative"),
    ("disparity: near is large", "disparity"),
]
MAX_INSTANCES = next(int(control.high or 0) for control in controls.ALL if control.name == "max_instances")
NUMBERS = [str(n + 1) for n in range(MAX_INSTANCES)]  # all that a run may offer: valid after a lost connection too
MAX_WAITING = 200  # events in all queues together; a visitor who comes later reads that the queue is full
MAX_STATES = 100  # visitors whose state Gradio keeps where it missed that they left; its default is 10,000
BUS_JS = f"const REQUESTS = {json.dumps(list(MESSAGES))}; window.cuts3d.send = trigger;"


OPENED_JS = "watch('value', () => window.cuts3d.opened(element));"
STATUS_JS = """watch('value', () => {
  if (element.querySelector('[data-send-again]')) window.cuts3d.sendAgain();
  if (element.querySelector('[data-load-again]')) window.cuts3d.loadAgain();
});"""


def build_page() -> gr.Blocks:
    """Build the page, ready to launch."""
    uploads_give_their_path()
    with gr.Blocks(title=TITLE, analytics_enabled=False, delete_cache=(3600, 7200), fill_width=True) as page:
        gr.HTML(
            f"<h1>{TITLE}</h1><p>Instance masks without labels: self-supervised semantics, cut in 3D "
            '(<a href="https://arxiv.org/abs/2411.16319">CutS3D, ICCV 2025</a>). Every stage, side by side.</p>',
            js_on_load=None,
            apply_default_css=False,
            elem_id="title",
        )
        parts: dict[str, Any] = {
            "photo_source": gr.HTML("", js_on_load=OPENED_JS, elem_id="photo-source"),
            "kept": gr.Textbox(visible=False),
            "sent_photo": _sent("sent-photo"),
            "sent_depth": _sent("sent-depth"),
            "bus": gr.HTML("", js_on_load=BUS_JS, elem_id="bus"),
            "first_example": gr.State(""),
            "own_tau": gr.State(controls.own_threshold(CutS3DConfig().features.backbone)),
        }
        with gr.Row(elem_id="body"):
            with gr.Column(elem_id="controls", scale=0, min_width=300):
                side, params = _sidebar()
            with gr.Column(elem_id="results", scale=1, min_width=300):
                parts |= side | _head() | _tabs()
        params |= {control.name: parts.pop(control.name) for control in controls.CONFIDENCE}
        Wiring(page, parts, {name: params[name] for name in controls.NAMES}).wire()
        add_endpoints()
    return page.queue(api_open=False, max_size=MAX_WAITING)  # every request waits in the queue


def _sent(elem_id: str) -> gr.UploadButton:
    """Takes the files that are dropped, pasted or sent again: `page.js` puts them there."""
    with gr.Column(elem_id=elem_id, elem_classes="sent"):
        return gr.UploadButton(file_count="single", type="filepath")


def _head() -> dict[str, Any]:
    with gr.Row(elem_id="head"):
        line = gr.HTML(
            status.words(
                "Opening the first example. If other visitors are waiting, your place in the queue is shown here."
            ),
            js_on_load=STATUS_JS,
            elem_id="status",
        )
        chosen = gr.Radio(NUMBERS, label="Instance", visible=False, elem_id="chosen", min_width=200, scale=0)
    return {"status": line, "chosen": chosen}


def _tabs() -> dict[str, Any]:
    parts: dict[str, Any] = {}
    with gr.Tabs(elem_id="tabs") as tabs:
        for tab in TABS:
            with gr.Tab(tab.title, id=tab.id, elem_id=f"tab-{tab.id}") as parts[f"tab-{tab.id}"]:
                parts |= tab.build()
    return {**parts, "tabs": tabs}


def _sidebar() -> tuple[dict[str, Any], dict[str, Any]]:
    """Photo, presets, and one control per parameter; two are visible, the others are folded by stage."""
    side: dict[str, Any] = {
        "upload": gr.Image(
            label="Your photo",
            type="filepath",
            image_mode=None,
            sources=["upload", "clipboard"],
            height=150,
            elem_id="upload",
        ),
        "examples": _examples(),
    }
    with gr.Accordion("Your own depth map", open=False):
        side["depth_file"] = gr.File(
            label="PNG, TIFF, NPY, NPZ, EXR or PFM with the photo's aspect ratio",
            file_types=[".png", ".tif", ".tiff", ".npy", ".npz", ".exr", ".pfm"],
            height=110,
            elem_id="depth-file",
        )
        side["depth_kind"] = gr.Dropdown(
            KINDS, value="relative", label="Meaning of its values", filterable=False, elem_id="depth-kind"
        )
    presets = list(controls.PRESETS)
    side["preset"] = gr.Radio(presets, value=presets[0], label="Preset", elem_id="preset")
    side["preset_text"] = gr.Markdown(controls.PRESET_TEXTS[presets[0]], elem_id="preset-text", elem_classes="note")
    params = {control.name: controls.build(control) for control in controls.MAIN}
    with gr.Row(elem_id="buttons"):
        side["reset"] = gr.Button("Reset", size="sm", min_width=80, elem_id="reset")
        side["run"] = gr.Button("Run", variant="primary", size="sm", min_width=80, elem_id="run")
    with gr.Accordion("All parameters, by stage", open=False, elem_id="all-parameters"):
        for title, group in controls.GROUPS.items():
            with gr.Accordion(title, open=False, elem_classes="group"):
                params |= {control.name: controls.build(control) for control in group}
    return side, params


def _examples() -> gr.Gallery:
    gr.Markdown("**Examples.** The synthetic scenes come with their true depth.", elem_id="examples-title")
    return gr.Gallery(
        value=[(thumbnail(name), name) for name in example_names()],
        label="Examples",
        show_label=False,
        columns=4,
        height="auto",
        object_fit="cover",
        allow_preview=False,
        buttons=[],
        container=False,
        elem_id="examples",
    )


def launch_options() -> dict[str, Any]:
    """Options that Gradio 6 takes at launch, not when the page is built."""
    return {
        "theme": theme(),
        "css": CSS,
        "head": HEAD,
        "ssr_mode": False,
        "max_file_size": f"{LARGEST_CHECKPOINT}mb",  # photos and depth maps have a limit of their own
        "state_session_capacity": MAX_STATES,
        "app_kwargs": {"middleware": [Middleware(Guard)], "lifespan": chores},
        "run_history": False,  # it would keep photos in the browser and offer to send them to a hub
        "enable_monitoring": False,
        "footer_links": ["api", "settings"],
        "show_error": False,
        "mcp_server": True,  # no public endpoint may take untyped JSON: Gradio's MCP side would upload server files
    }
