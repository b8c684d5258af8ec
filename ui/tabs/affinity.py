"""Affinity of the chosen patch: before, after, the difference, and the threshold."""

from __future__ import annotations

from typing import Any

import gradio as gr

from ui.draw import pictures
from ui.draw.card import card, mirror
from ui.draw.charts import CHART_JS, affinity_histogram
from ui.session.drawing import Drawing
from ui.tabs.tab import PICTURE, Event, Tab


def build() -> dict[str, Any]:
    """Lay out the tab."""
    with gr.Row(elem_classes="cards four"):
        mirror("photo", "Photo", "Click a patch, or focus the photo and use the arrow keys.", pick=True)
        mirror("before", "Before", "max(0, cos) between the chosen patch and every other.")
        mirror("after", "After", "After sharpening: W^(1 − ΔD).")
        difference = card("difference", "Difference", "How much sharpening changed it. Same colour scale, 0 to 1.")
    with gr.Row(elem_classes="cards two"):
        histogram = gr.HTML(
            "", js_on_load=CHART_JS, elem_id="histogram", elem_classes="chart-block", apply_default_css=False
        )
        gr.Markdown(
            "**The threshold τ_ncut.** Patches to the right of the line are linked to the chosen one in the graph that "
            "NCut cuts. Drag the line, or focus it and use the arrow keys.\n\n"
            "Sharpening happens before the threshold. It raises similarities, so the same τ_ncut links more patches.",
            elem_classes="note",
        )
    return {"difference": difference, "histogram": histogram}


def draw(d: Drawing) -> None:
    """Draw what only this tab shows."""
    features, before, after = d.result("features"), d.result("affinity"), d.result("sharpened")
    patch = d.session.view.patch
    if features is None or before is None or after is None or patch is None:
        return
    grid = features.grid_shape
    d.picture("difference", (before, after, patch), lambda: pictures.difference_picture(before, after, grid, patch))
    row, tau = patch[0] * grid[1] + patch[1], d.session.explorer.tau_ncut
    d.put("histogram", (before, after, row, tau), lambda: affinity_histogram(before[row], after[row], tau))


AFFINITY = Tab(
    id="affinity",
    title="Affinity",
    build=build,
    draw=draw,
    outputs={"difference": PICTURE, "histogram": ""},
    events=(Event(request="set_tau_ncut", on=(("histogram", "input"),), payload=("tau",)),),
)
