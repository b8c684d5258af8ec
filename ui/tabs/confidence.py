"""Spatial confidence: the T cuts, their mean, and their area as a function of τ_knn."""

from __future__ import annotations

from html import escape
from typing import Any

import gradio as gr
import numpy as np

from cuts3d.io.overlays import instance_colour
from cuts3d.types import LocalCut, SpatialConfidence
from ui import controls
from ui.draw import pictures
from ui.draw.card import card
from ui.draw.line_charts import area_chart
from ui.draw.render import to_html
from ui.session.drawing import Drawing
from ui.tabs.tab import PICTURE, Tab


def build() -> dict[str, Any]:
    """Lay out the tab, with the sliders of the sweep next to what they change."""
    with gr.Row(elem_id="sweep-controls"):
        sliders = {control.name: controls.build(control) for control in controls.CONFIDENCE}
    cuts = gr.HTML("", js_on_load=None, elem_id="cuts", apply_default_css=False)
    with gr.Row(elem_classes="cards two"):
        heatmap = card(
            "heatmap", "Mean of the cuts", "SC = (1/T) Σ BC(t); inside the mask it is at least the lowest confidence."
        )
        areas = gr.HTML("", js_on_load=None, elem_id="areas", elem_classes="chart-block", apply_default_css=False)
    return {"cuts": cuts, "heatmap": heatmap, "areas": areas, **sliders}


def draw(d: Drawing) -> None:
    """Draw what only this tab shows."""
    if d.result("coarse") is None:
        return
    if not d.cuts:
        for name in ("cuts", "heatmap", "areas"):
            d.put(name, (None,), lambda: '<p class="empty">No cut was made, so there is no confidence to show.</p>')
        return
    chosen, (cut, confidence) = d.chosen, d.cuts[d.chosen]
    shape = d.session.explorer.image.shape
    d.put("cuts", (confidence, chosen), lambda: multiples(confidence, chosen, shape))
    d.picture("heatmap", (confidence,), lambda: pictures.confidence_picture(confidence.values, cut.mask))
    tau = d.session.explorer.config.local_cut.tau_knn
    d.put("areas", (*(c for _, c in d.cuts), chosen, tau), lambda: chart(d.cuts, chosen, tau))


def multiples(confidence: SpatialConfidence, chosen: int, shape: tuple[int, ...]) -> str:
    """The T binary cuts as small pictures with their τ_knn and area."""
    figures = []
    for tau, cut in zip(confidence.taus, confidence.cuts, strict=True):
        picture = pictures.cut_picture(cut, instance_colour(chosen), float(tau))
        words = escape(f"τ_knn {tau:.3f} · {100 * float(cut.mean()):.1f} %")
        figures.append(f"<figure>{to_html(picture, shape)}<figcaption>{words}</figcaption></figure>")
    return f'<div class="multiples">{"".join(figures)}</div>'


def chart(cuts: list[tuple[LocalCut, SpatialConfidence]], chosen: int, tau: float) -> str:
    """Area of every cut of every instance as a function of τ_knn."""
    areas = np.array([c.cuts.mean(axis=(1, 2)) for _, c in cuts])
    names = [str(i + 1) for i in range(len(cuts))]
    return area_chart(cuts[0][1].taus, areas, tau, names, chosen=chosen)


CONFIDENCE = Tab(
    id="confidence",
    title="Confidence",
    build=build,
    draw=draw,
    outputs={"cuts": "", "heatmap": PICTURE, "areas": ""},
)
