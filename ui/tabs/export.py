"""Everything to download: files, a link, and code that gives the same result."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import gradio as gr

from ui.session.drawing import Drawing
from ui.session.permalink import to_query
from ui.session.snippets import Opened, python_snippet, shell_snippet
from ui.tabs.tab import UNCHANGED, Event, Tab

LINK = """
<label class="link"><span>Link to this example and these parameters</span>
<input type="text" readonly aria-label="Link to this example and these parameters">
<button type="button">Copy</button></label>
"""
LINK_JS = """
const show = () => {
  const query = props.value ? "?" + props.value : "";
  element.querySelector("input").value = window.location.origin + window.location.pathname + query;
};
show();
watch("value", show);
element.querySelector("button").addEventListener("click", async (event) => {
  const input = element.querySelector("input");
  input.select();
  try { await navigator.clipboard.writeText(input.value); } catch { document.execCommand("copy"); }
  event.target.textContent = "Copied";
  setTimeout(() => { event.target.textContent = "Copy"; }, 1500);
});
"""


def build() -> dict[str, Any]:
    """Lay out the tab."""
    gr.Markdown(
        "**Files.** The photo with its masks, COCO JSON, all stages as NPZ, the point cloud as PLY, every picture as "
        "PNG, the 3D view as an HTML page that works offline, and the parameters.",
        elem_classes="note",
    )
    prepare = gr.Button("Prepare the files", variant="primary", elem_id="prepare", size="sm")
    files = gr.Files(label="Files", interactive=False, elem_id="files", visible=False)
    link = gr.HTML("", html_template=LINK, js_on_load=LINK_JS, elem_id="link", apply_default_css=False)
    with gr.Row():
        shown: dict[str, Any] = {"interactive": False, "lines": 6, "wrap_lines": True}
        python = gr.Code(label="The same from Python", language="python", elem_id="python", **shown)
        shell = gr.Code(label="The same from the command line", language="shell", elem_id="shell", **shown)
    return {"prepare": prepare, "files": files, "link": link, "python": python, "shell": shell}


def draw(d: Drawing) -> None:
    """Code and link for what is shown; the files of an older result are removed."""
    source, params = d.session.source, d.session.explorer.config.to_dict()
    own = d.session.explorer.depth is not None
    key = (str(params), own)  # by value: every run makes new records of the same
    photo = source.example or "photo.jpg"
    depth = None if source.depth is None else f"depth{Path(source.depth).suffix}"
    depth_file = depth if own else None
    opened = Opened(photo=photo, depth_file=depth_file, depth_kind=source.depth_kind, own_depth=own)
    d.put("python", key, lambda: python_snippet(params, opened))
    d.put("shell", key, lambda: shell_snippet(params, opened))
    explicit = d.session.own_depth is not None and not own
    d.put("link", key, lambda: to_query(source.example, params, name_depth=explicit))
    d.put("files", key, lambda: gr.update(value=None, visible=False))


EXPORT = Tab(
    id="export",
    title="Export",
    build=build,
    draw=draw,
    outputs=dict.fromkeys(("python", "shell", "link", "files"), UNCHANGED),
    events=(Event(request="prepare_files", on=(("prepare", "click"),)),),
)
