"""The detectors of all rounds next to pseudo-masks like those they were trained on."""

from __future__ import annotations

from html import escape
from typing import Any

import gradio as gr

from cuts3d.detector.config import DEFAULT_SCORE
from cuts3d.io.coco import encode_rle
from cuts3d.types import Segmentation
from ui.draw.mask_view import MASK_JS, mask_view, object_items
from ui.draw.outlines import Outline, outlined
from ui.draw.training_report import report
from ui.session import detectors
from ui.session.detectors import PhotoDetections
from ui.session.drawing import Drawing
from ui.session.matching import PSEUDO_SCORE, same_objects
from ui.tabs import detector_training
from ui.tabs.tab import Event, Tab

Mark = tuple[Outline, str]  # of a mask, and what is said after its number


def build() -> dict[str, Any]:
    """Lay out the tab."""
    gr.Markdown(
        "**A detector trained on such masks.** This class-agnostic Cascade Mask R-CNN was trained on pseudo-masks like "
        "those on the left, without any drawn mask or box. The backbone of the shipped detector, EfficientNet-Lite0, "
        "was initialised from supervised ImageNet weights. An object has the same number and colour in every picture: "
        "hover over one to see it in all of them.",
        elem_classes="note",
    )
    with gr.Row(elem_id="detector-controls"):
        threshold = gr.Slider(
            detectors.LEAST_SCORE,
            1.0,
            DEFAULT_SCORE,
            step=0.01,
            label="Minimum score",
            elem_id="score-threshold",
            min_width=260,
        )
        run = gr.Button("Detect", variant="primary", size="sm", min_width=90, scale=0, elem_id="detect")
    views = gr.HTML("", js_on_load=MASK_JS, elem_id="detections", apply_default_css=False)
    with gr.Accordion("Your own checkpoint", open=False, elem_id="own-checkpoint"):
        checkpoint = gr.File(
            label="A .safetensors file of this project, or CutLER's, CuVLER's or another .pth of detectron2's "
            "Cascade Mask R-CNN, one class, ResNet-50-FPN",
            file_types=[".safetensors", ".pth"],
            height=110,
            elem_id="checkpoint",
        )
    gr.HTML(
        report(detectors.FOLDER / f"{detectors.FINAL}.json"),
        js_on_load=None,
        elem_id="training-report",
        apply_default_css=False,
    )
    parts = detector_training.build()
    return {"score_threshold": threshold, "detect": run, "detections": views, "checkpoint": checkpoint, **parts}


def draw(d: Drawing) -> None:
    """Pseudo-masks and the detections of at least the chosen score."""
    result = d.shown
    if result is None:
        return
    wanted = detectors.choices(d.session.detections.own)
    found = tuple(d.session.detections.found[c.key] for c in wanted if c.key in d.session.detections.found)
    waiting = len(wanted) - len(found)
    key = (result, d.session.view.threshold, waiting, found)
    d.put("detections", key, lambda: views(result, found, d.session.view.threshold, waiting))


def views(result: Segmentation, found: tuple[PhotoDetections, ...], threshold: float, waiting: int) -> str:
    """One picture of the pseudo-masks and one per detector; an object has the same number in all of them."""
    shown = [one.above(threshold) for one in found]
    known = [(PSEUDO_SCORE, encode_rle(i.mask)) for i in result.instances]
    numbers = same_objects([known, *([(o.score, o.rle) for o in objects] for objects in shown)])
    pseudo = [(outlined(i.mask), f"pseudo-mask, score {i.score:.2f}") for i in result.instances]
    shape = (result.image.shape[0], result.image.shape[1])
    count = len(pseudo)
    figures = [
        _figure("Pseudo-masks", f"{_masks(count)} by the cuts in 3D, without training.", numbers[0], pseudo, shape)
    ]
    for one, objects, ids in zip(found, shown, numbers[1:], strict=True):
        again = len(set(numbers[0]) & set(ids))
        words = (
            f"Shown: {len(objects)} of {len(one.objects)} detections. {again} of {count} pseudo-masks are among them. "
            f"Time: {one.seconds:.1f} s."
        )
        marks = [(o.outline, f"score {o.score:.2f}") for o in objects]
        figures.append(_figure(one.title, words, ids, marks, shape, about=f"{one.about}."))
    return f'<div class="detections">{"".join(figures)}{_to_come(waiting, len(found), shape)}</div>'


def _figure(
    title: str, words: str, numbers: list[int], masks: list[Mark], shape: tuple[int, int], about: str = ""
) -> str:
    view = mask_view("", object_items(numbers, masks), shape, caption=words)
    note = f'<p class="about">{escape(about)}</p>' if about else ""
    return f"<section><h3>{escape(title)}</h3>{view}{note}</section>"


def _to_come(waiting: int, done: int, shape: tuple[int, int]) -> str:
    if waiting > 0:
        frame = f'<div class="picture waiting" style="aspect-ratio: {shape[1]} / {shape[0]}"></div>'
        return f"<section><h3>Detector</h3>{frame}</section>" * waiting
    return "" if done else f"<section class='missing-detector'>{missing()}</section>"


def missing() -> str:
    """How to get a detector where none is shipped."""
    lines = (
        "python -m cuts3d extract photos/ --out labels.json",
        "python -m training.train --recipe light_cpu --photos photos/ --labels labels.json --out runs/light",
        f"cp runs/light/final.safetensors cuts3d/data/{detectors.FINAL}.safetensors",
    )
    return (
        f"<h3>No detector is available</h3><p>The file cuts3d/data/{detectors.FINAL}.safetensors is missing. Train "
        f"one on photos of your own, or upload a checkpoint below.</p><pre>{chr(10).join(lines)}</pre>"
    )


def _masks(count: int) -> str:
    return f"{count} mask{'' if count == 1 else 's'}"


DETECTOR = Tab(
    id="detector",
    title="Detector",
    build=build,
    draw=draw,
    outputs={"detections": ""},
    events=(
        Event(request="detect", on=(("detect", "click"),), on_open=True),
        Event(
            request="use_checkpoint",
            on=(("checkpoint", "upload"),),
            inputs=("checkpoint",),
        ),
        Event(request="drop_checkpoint", on=(("checkpoint", "clear"),)),
        Event(
            request="choose_threshold",
            on=(("score_threshold", "input"),),
            inputs=("score_threshold",),
        ),
        *detector_training.EVENTS,
    ),
)
