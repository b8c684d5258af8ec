"""Our masks next to a baseline's on the same photo, before any CRF."""

from __future__ import annotations

from typing import Any

import gradio as gr
import numpy as np

from cuts3d.arrays import BoolArray
from cuts3d.baselines import BASELINES
from cuts3d.grids import iou, resize_mask
from ui.draw.card import card
from ui.draw.mask_pictures import masks_picture
from ui.draw.picture import Picture
from ui.draw.pictures import difference_of_masks
from ui.session.drawing import Drawing
from ui.tabs.tab import PICTURE, Event, Tab


def build() -> dict[str, Any]:
    """Lay out the tab."""
    choices = [(baseline.title, name) for name, baseline in BASELINES.items()]
    against = gr.Radio(choices, value=choices[0][1], label="Baseline", elem_id="against")
    with gr.Row(elem_classes="cards three"):
        ours = card("ours", "Ours", "Masks of the cuts in 3D, before the CRF.")
        theirs = card("baseline", "Baseline", "Its masks with the same backbone: no depth, no sharpening, no CRF.")
        both = card("methods", "Difference", "Orange: only ours. Blue: only the baseline. Clear: both. Dark: neither.")
    words = gr.HTML("", js_on_load=None, elem_id="method-table", apply_default_css=False)
    return {"against": against, "ours": ours, "baseline": theirs, "methods": both, "method_table": words}


def draw(d: Drawing) -> None:
    """Draw what only this tab shows."""
    if d.result("coarse") is None:
        return
    baseline, found = BASELINES[d.session.view.baseline], d.session.explorer.baseline(d.session.view.baseline)
    grid = d.result("features").grid_shape
    theirs = [resize_mask(one.mask, grid) for one in found]
    ours = [resize_mask(cut.mask, grid) for cut, _ in d.cuts]
    key = (found, *(cut for cut, _ in d.cuts))
    d.picture("ours", key, lambda: masks_picture(stacked(ours, grid), f"Our {len(ours)} masks"))
    words = f"{baseline.name}: {len(theirs)} masks"
    d.picture("baseline", key, lambda: masks_picture(stacked(theirs, grid), words))
    d.picture("methods", key, lambda: difference(ours, theirs, grid, baseline.name))
    d.put("method_table", key, lambda: f'<p class="note">{baseline.rule}</p>{table(ours, theirs, baseline.name)}')


def difference(ours: list[BoolArray], theirs: list[BoolArray], grid: tuple[int, int], name: str) -> Picture:
    """Where the masks of both methods agree; `name` is the baseline's."""
    return difference_of_masks(union(ours, grid), union(theirs, grid), name)


def stacked(masks: list[BoolArray], grid: tuple[int, int]) -> np.ndarray:
    """Numbers of the masks, smaller masks on top, of equally large ones the first; uint8 [h, w]."""
    labels = np.zeros(masks[0].shape if masks else grid, dtype=np.uint8)
    order = sorted(range(len(masks)), key=lambda n: (-np.count_nonzero(masks[n]), -n))
    for n in order:
        labels[masks[n]] = n + 1
    return labels


def union(masks: list[BoolArray], grid: tuple[int, int]) -> BoolArray:
    """All masks in one, bool [h, w]."""
    return stacked(masks, grid) > 0


def table(ours: list[BoolArray], theirs: list[BoolArray], name: str) -> str:
    """Each of our masks and the baseline's most similar one, as an HTML table."""
    if not ours or not theirs:
        return f'<p class="empty">Ours: {len(ours)} masks. {name}: {len(theirs)}.</p>'
    head = "".join(f'<th scope="col">{h}</th>' for h in ("Ours", "Area", f"Most similar of {name}", "Its area", "IoU"))
    rows = []
    for number, mask in enumerate(ours, start=1):
        scores = [iou(mask, other) for other in theirs]
        best = int(np.argmax(scores))
        areas = [f"{100 * float(m.mean()):.1f} %" for m in (mask, theirs[best])]
        cells = (str(number), areas[0], str(best + 1), areas[1], f"{scores[best]:.2f}")
        rows.append("<tr>" + "".join(f"<td>{c}</td>" for c in cells) + "</tr>")
    return f'<table class="facts"><thead><tr>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table>'


METHODS = Tab(
    id="methods",
    title="Methods",
    build=build,
    draw=draw,
    outputs={"ours": PICTURE, "baseline": PICTURE, "methods": PICTURE, "method_table": ""},
    events=(
        Event(
            request="choose_baseline",
            on=(("against", "input"),),
            inputs=("against",),
        ),
    ),
)
