"""The normalised cut: eigenvector, bipartition, spectrum."""

from __future__ import annotations

from typing import Any

import gradio as gr

from cuts3d.types import Bipartition
from ui.draw.card import mirror
from ui.draw.charts import spectrum_chart
from ui.session.drawing import Drawing
from ui.tabs.tab import Tab


def build() -> dict[str, Any]:
    """Lay out the tab."""
    with gr.Row(elem_classes="cards two"):
        mirror(
            "eigenvector",
            "Eigenvector",
            "White is the mean, orange is the side B, violet the background. Ring: the seed.",
        )
        mirror(
            "bipartition", "Bipartition", "Yellow: source. Blue: sink. Red: a corner of the photo that belongs to B."
        )
    with gr.Row(elem_classes="cards two"):
        spectrum = gr.HTML("", js_on_load=None, elem_id="spectrum", elem_classes="chart-block", apply_default_css=False)
        facts = gr.Markdown("", elem_id="ncut-facts", elem_classes="note")
    return {"spectrum": spectrum, "ncut_facts": facts}


def draw(d: Drawing) -> None:
    """Draw what only this tab shows."""
    partition = d.result("ncut", d.ncut)
    if partition is None or d.result("coarse") is None:
        return
    explorer, number = d.session.explorer, d.ncut
    d.put("spectrum", (partition,), lambda: spectrum_chart(explorer.spectrum(number)))
    d.put("ncut_facts", (partition, number), lambda: facts_of(partition, number))


def facts_of(partition: Bipartition, number: int) -> str:
    """The facts of a cut, in words."""
    nodes = int((~(partition.eigenvector != partition.eigenvector)).sum())
    turned = "flipped by the seed and corner rules" if partition.flipped else "as the solver returned it"
    solver = "Lanczos" if partition.solver == "lanczos" else "the dense solver, because Lanczos did not converge"
    return (
        f"**NCut {number + 1}** over {nodes:,} patches\n\n"
        f"- λ₂ = {partition.eigenvalue:.4f}; a small value is a clean cut\n"
        f"- B covers {100 * float(partition.mask.mean()):.0f} % of the photo, {partition.corners} of its 4 corners\n"
        f"- seed in row {partition.seed[0] + 1}, column {partition.seed[1] + 1}; sign {turned}\n"
        f"- solved by {solver}\n\n"
        "_A wide gap after λ₂ means that one cut is clearly the best. Many values near λ₂ mean that other cuts are "
        "almost as good._"
    )


NCUT = Tab(id="ncut", title="NCut", build=build, draw=draw, outputs={"spectrum": "", "ncut_facts": ""})
