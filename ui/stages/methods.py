"""Ours beside MaskCut on the same features, before any CRF."""

from __future__ import annotations

from typing import Any

import gradio as gr
import numpy as np

from cuts3d.grids import iou, resize_mask
from cuts3d.types import BoolArray
from ui import pictures
from ui.drawing import Drawing
from ui.stages.card import card


def build() -> dict[str, Any]:
    """Lay the tab out."""
    with gr.Row(elem_classes="cards three"):
        ours = card("ours", "Ours", "The cuts in 3D, before the CRF.")
        theirs = card(
            "maskcut", "MaskCut", "CutLER's rules to the letter on the same features: no depth, no sharpening."
        )
        difference = card("methods", "Difference", "Orange: only ours. Blue: only MaskCut. Clear: both. Dark: neither.")
    words = gr.HTML("", js_on_load=None, elem_id="method-table", apply_default_css=False)
    return {"ours": ours, "maskcut": theirs, "methods": difference, "method_table": words}


def draw(d: Drawing) -> None:
    """Draw what only this tab shows."""
    if d.result("coarse") is None:
        return
    rounds = d.session.explorer.maskcut()
    theirs = [mask for mask in rounds if mask.any()]
    ours = [resize_mask(cut.mask, theirs[0].shape) if theirs else cut.mask for cut, _ in d.cuts]
    key = (rounds, *(cut for cut, _ in d.cuts))
    grid = d.result("features").grid_shape
    d.picture("ours", key, lambda: pictures.masks_picture(stacked(ours, grid), f"Our {len(ours)} masks"))
    d.picture("maskcut", key, lambda: pictures.masks_picture(stacked(theirs, grid), f"MaskCut's {len(theirs)} masks"))
    d.picture("methods", key, lambda: pictures.difference_of_masks(union(ours, grid), union(theirs, grid)))
    d.put("method_table", key, lambda: table(ours, theirs))


def stacked(masks: list[BoolArray], grid: tuple[int, int]) -> np.ndarray:
    """Numbers of the masks, the first on top; uint8 [h, w]."""
    labels = np.zeros(masks[0].shape if masks else grid, dtype=np.uint8)
    for number in range(len(masks), 0, -1):
        labels[masks[number - 1]] = number
    return labels


def union(masks: list[BoolArray], grid: tuple[int, int]) -> BoolArray:
    """All masks in one, bool [h, w]."""
    return stacked(masks, grid) > 0


def table(ours: list[BoolArray], theirs: list[BoolArray]) -> str:
    """Each of our masks and MaskCut's most similar one, as an HTML table."""
    if not ours or not theirs:
        return f'<p class="empty">Ours: {len(ours)} masks. MaskCut: {len(theirs)}.</p>'
    head = "".join(f'<th scope="col">{h}</th>' for h in ("Ours", "Area", "Most similar of MaskCut", "Its area", "IoU"))
    rows = []
    for number, mask in enumerate(ours, start=1):
        scores = [iou(mask, other) for other in theirs]
        best = int(np.argmax(scores))
        areas = [f"{100 * float(m.mean()):.1f} %" for m in (mask, theirs[best])]
        cells = (str(number), areas[0], str(best + 1), areas[1], f"{scores[best]:.2f}")
        rows.append("<tr>" + "".join(f"<td>{c}</td>" for c in cells) + "</tr>")
    return f'<table class="facts"><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table>'
