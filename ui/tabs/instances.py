"""The masks with their table, before and after the CRF, and a comparison of any two pictures."""

from __future__ import annotations

from typing import Any

import gradio as gr

from ui.draw.card import card, mirror
from ui.draw.instance_table import instance_rows, instance_table
from ui.draw.mask_pictures import before_crf_picture
from ui.draw.mask_view import MASK_JS, mask_items, mask_panel, mask_view
from ui.draw.render import photo_uri, to_image
from ui.session.drawing import Drawing
from ui.tabs.pipeline import CARDS
from ui.tabs.tab import PICTURE, Event, Tab

COMPARABLE = {
    **{name: title.split(" · ")[1] for name, (title, *_) in CARDS.items()},
    "coarse": "Masks before the CRF",
}
FIRST, SECOND = "photo", "masks"


def build() -> dict[str, Any]:
    """Lay out the tab."""
    panel = gr.HTML("", js_on_load=MASK_JS, elem_id="instances", apply_default_css=False)
    with gr.Row(elem_classes="cards two"):
        coarse = card("coarse", "Before the CRF", "The same masks on the grid of the cut.")
        mirror("masks", "After the CRF", "Masks that follow the photo's edges, without holes.")
    gr.Markdown(
        "**Compare pictures.** Choose two pictures of this page and drag the slider between them.", elem_classes="note"
    )
    with gr.Row():
        choices = [(title, name) for name, title in COMPARABLE.items()]
        left = gr.Dropdown(choices, value=FIRST, label="Left", filterable=False, elem_id="compare-left", min_width=140)
        right = gr.Dropdown(
            choices, value=SECOND, label="Right", filterable=False, elem_id="compare-right", min_width=140
        )
    slider = gr.ImageSlider(
        label="Comparison",
        show_label=False,
        interactive=False,
        format="webp",
        elem_id="compare",
        max_height=520,
        buttons=["download", "fullscreen"],
    )
    return {"instances": panel, "coarse": coarse, "compare": slider, "compare_left": left, "compare_right": right}


def draw(d: Drawing) -> None:
    """Draw what only this tab shows."""
    coarse, result = d.result("coarse"), d.shown
    if coarse is None or result is None:
        return
    kept = tuple(instance.cut for instance in result.instances)
    d.picture("coarse", (*(i.mask for i in coarse.instances), *kept), lambda: before_crf_picture(coarse, result))
    d.put("instances", (result, d.chosen), lambda: panel_of(d, result))
    left, right = d.session.view.compared
    d.put(
        "compare",
        (d.session.drawn.pictures.get(left), d.session.drawn.pictures.get(right)),
        lambda: comparison(d, left, right),
    )


def panel_of(d: Drawing, result: Any) -> str:
    """Masks over the photo next to their table."""
    shape = (result.image.shape[0], result.image.shape[1])
    rule = d.session.explorer.config.masks.score
    view = mask_view(photo_uri(result.image), mask_items(result.instances), shape, chosen=d.chosen)
    return mask_panel(view, instance_table(instance_rows(result), result.dropped, score=rule, chosen=d.chosen))


def comparison(d: Drawing, left: str, right: str) -> Any:
    """Two pictures as arrays, or None where one of them is missing."""
    image = d.session.explorer.image
    both = [d.session.drawn.pictures.get(name) for name in (left, right)]
    return None if None in both else tuple(to_image(p, image) for p in both if p is not None)


INSTANCES = Tab(
    id="instances",
    title="Instances",
    build=build,
    draw=draw,
    outputs={"instances": "", "coarse": PICTURE, "compare": None},
    events=(
        Event(
            request="choose_mask",
            on=(("instances", "select"),),
            payload=("instance",),
        ),
        Event(
            request="compare_pictures",
            on=(("compare_left", "input"), ("compare_right", "input")),
            inputs=("compare_left", "compare_right"),
        ),
    ),
)
