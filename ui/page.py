"""The page: layout and wiring. What a control does stands in `handlers`."""

from __future__ import annotations

from typing import Any

import gradio as gr

from cuts3d.config import parameter_field
from ui import handlers
from ui.examples import example_names, thumbnail
from ui.theme import CSS, theme

TITLE = "CutS3D Explorer"
STAGES = {  # picture -> title and what to look at
    "photo": ("Photo", "Click anywhere: the ring is the patch whose affinity is shown."),
    "depth": ("Depth", "Bright is near. Object borders should be crisp: the 3D cut lives on them."),
    "before": ("Affinity of the patch", "Cosine similarity of every patch to the chosen one, 0 to 1."),
    "after": ("Sharpened by depth", "The same after W^(1−ΔD): it rises most where depth changes."),
    "eigenvector": ("NCut eigenvector", "The smoothest two-way split of the patch graph."),
    "bipartition": ("Bipartition", "Foreground B in colour. Yellow ring: source; blue ring: sink."),
    "confidence": ("Spatial confidence", "Agreement of T cuts: bright parts belong to the object at every τ_knn."),
    "masks": ("Final masks", "After the 3D cut and the CRF, numbered as in the table."),
}
EMPTY = "_Choose an example or upload a photo to begin._"
HEAVY = {"concurrency_id": "heavy", "concurrency_limit": 1, "show_progress": "hidden", "api_visibility": "private"}


def build_page() -> gr.Blocks:
    """Build the page, ready to launch."""
    with gr.Blocks(title=TITLE, analytics_enabled=False, delete_cache=(3600, 7200)) as page:
        gr.Markdown(
            f"# {TITLE}\nInstance masks without labels: self-supervised semantics, cut in 3D "
            "([CutS3D, ICCV 2025](https://arxiv.org/abs/2411.16319)). Every stage, side by side.",
            elem_id="title",
        )
        session = gr.State(None)
        with gr.Row(elem_id="body"):
            with gr.Column(elem_id="controls", scale=1, min_width=280):
                upload, gallery = _photo_controls()
                beta = _slider("beta", "β, sharpening", 0.0, 1.0, 0.01)
                tau_knn = _slider("tau_knn", "τ_knn, longest link in 3D", 0.01, 0.4, 0.005)
                reset = gr.Button("Reset β and τ_knn", size="sm")
            with gr.Column(elem_id="results", scale=4, min_width=300):
                status = gr.Markdown(EMPTY, elem_id="status")
                shown = _stage_row()
                gr.Markdown(
                    "### Point cloud\nDrag to turn, scroll to zoom. Every point is a pixel, set back by its depth."
                )
                cloud = gr.Plot(label="Point cloud", show_label=False, container=False, elem_id="cloud")
                gr.Markdown("### Instances")
                table = gr.Markdown("_Nothing yet._", elem_id="table")
        _wire(
            page,
            session,
            upload,
            gallery,
            (beta, tau_knn),
            reset,
            [session, status, *shown.values(), cloud, table],
            shown,
        )
    return page


def _photo_controls() -> tuple[gr.Image, gr.Gallery]:
    upload = gr.Image(
        label="Your photo",
        type="filepath",
        image_mode=None,
        sources=["upload", "clipboard"],
        height=170,
        elem_id="upload",
    )
    gr.Markdown("**Examples.** The four made scenes come with their true depth.", elem_id="examples-title")
    gallery = gr.Gallery(
        value=[thumbnail(name) for name in example_names()],
        show_label=False,
        columns=4,
        height="auto",
        object_fit="cover",
        allow_preview=False,
        buttons=[],
        container=False,
        elem_id="examples",
    )
    return upload, gallery


def _slider(name: str, label: str, low: float, high: float, step: float) -> gr.Slider:
    field = parameter_field(name)
    value: Any = field.default
    return gr.Slider(low, high, value=value, step=step, label=label, info=field.metadata["text"], elem_id=name)


def _stage_row() -> dict[str, gr.Image]:
    shown: dict[str, gr.Image] = {}
    with gr.Row(elem_id="stages"):
        for name, (title, caption) in STAGES.items():
            with gr.Column(elem_classes="stage", min_width=150):
                gr.Markdown(f"### {title}\n{caption}")
                shown[name] = gr.Image(
                    show_label=False,
                    interactive=False,
                    format="webp",
                    height=210,
                    buttons=["fullscreen", "download"],
                    elem_id=f"stage-{name}",
                    elem_classes="stage-picture",
                    alt_text=f"{title}: {caption}",
                    placeholder="Comes when its stage is done",
                )
    return shown


def _wire(
    page: gr.Blocks,
    session: gr.State,
    upload: gr.Image,
    gallery: gr.Gallery,
    sliders: tuple[gr.Slider, gr.Slider],
    reset: gr.Button,
    outputs: list[Any],
    shown: dict[str, gr.Image],
) -> None:
    def example(event: gr.SelectData, old: str | None, beta: float, tau: float):
        yield from handlers.open_example(example_names()[int(event.index)], old, beta, tau)

    def first(beta: float, tau: float):
        yield from handlers.open_example(example_names()[0], None, beta, tau)

    def restore():
        return tuple(parameter_field(name).default for name in ("beta", "tau_knn"))

    page.load(first, [*sliders], outputs, **HEAVY)
    gallery.select(example, [session, *sliders], outputs, **HEAVY)
    upload.upload(handlers.open_upload, [upload, session, *sliders], outputs, **HEAVY)
    for slider in sliders:
        slider.input(handlers.change, [session, *sliders], outputs, trigger_mode="always_last", **HEAVY)
    reset.click(restore, None, list(sliders), api_visibility="private").then(
        handlers.change, [session, *sliders], outputs, **HEAVY
    )
    shown["photo"].select(handlers.pick_patch, [session], outputs, **HEAVY)


def launch_options() -> dict[str, Any]:
    """What Gradio 6 takes at launch instead of at build."""
    return {
        "theme": theme(),
        "css": CSS,
        "ssr_mode": False,
        "max_file_size": "60mb",
        "footer_links": ["api", "settings"],
        "show_error": False,
    }
