"""Depth estimators side by side on the open photo."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import Any

import gradio as gr
import numpy as np

from cuts3d.arrays import FloatArray
from cuts3d.config import CutS3DConfig
from cuts3d.depth import depth_range, list_depths, missing_reason
from cuts3d.run.compare import OWN_DEPTH, ComparedDepth, DepthComparison
from cuts3d.run.compare_report import agreements
from cuts3d.types import DepthMap
from ui.draw import pictures
from ui.draw.card import mirror
from ui.draw.mask_pictures import instances_picture
from ui.draw.render import to_html
from ui.session.drawing import Drawing
from ui.tabs.tab import Event, Tab

CHOSEN = ("embedded", "none")


def build() -> dict[str, Any]:
    """Lay out the tab."""
    with gr.Row(elem_classes="cards three"):
        mirror("depth", "Depth in use", "Near is bright, after clipping.")
        mirror("importance", "Importance from it", "Bright where the affinity is sharpened.")
        facts = gr.HTML("", js_on_load=None, elem_id="depth-facts", apply_default_css=False)
    gr.Markdown("**Compare estimators** on this photo with these parameters.", elem_classes="note")
    with gr.Row(elem_id="depth-compare"):
        names = gr.CheckboxGroup(
            choices(), value=list(CHOSEN), label="Estimators", show_label=False, elem_id="estimators", container=False
        )
        run = gr.Button("Compare", variant="primary", size="sm", min_width=90, scale=0, elem_id="compare-depth")
    table = gr.HTML("", js_on_load=None, elem_id="depth-table", apply_default_css=False)
    gr.HTML(unavailable(), js_on_load=None, elem_id="depth-missing", apply_default_css=False)
    return {"depth_facts": facts, "depth_table": table, "estimators": names, "compare_depth": run}


def choices() -> list[tuple[str, str]]:
    """Estimators that are here or can be downloaded, as (text, name); the photo's own map last."""
    found = []
    for spec in list_depths():
        if not missing_reason(spec):
            size = "" if spec.embedded else f" · {spec.download_mb:,.0f} MB"
            found.append((f"{spec.title}{size}", spec.name))
    return [*found, ("the photo's own depth map", OWN_DEPTH)]


def unavailable() -> str:
    """Estimators that are not available here, with the reason."""
    reasons = {spec: missing_reason(spec) for spec in list_depths()}
    rows = [
        f"<li><b>{escape(spec.title)}</b> <span>{spec.kind}, {escape(spec.licence)}</span> {escape(reason)}</li>"
        for spec, reason in reasons.items()
        if reason
    ]
    summary = f"<summary>{len(rows)} more are not available here</summary>"
    return f'<details class="missing">{summary}<ul>{"".join(rows)}</ul></details>' if rows else ""


def draw(d: Drawing) -> None:
    """Say how the values of the depth in use are scaled."""
    depth, clip = d.result("depth"), d.session.explorer.config.cloud.depth_clip
    if depth is not None:
        scale = d.session.explorer.config.cloud.depth_scale
        d.put("depth_facts", (depth, clip, scale), lambda: facts(depth, clip, scale))


def facts(depth: DepthMap, clip_percent: float, depth_scale: float) -> str:
    """What the values mean, and how they are scaled."""
    lines = "".join(f"<li>{escape(line)}</li>" for line in range_words(depth, clip_percent, depth_scale))
    return f'<div class="facts-list"><b>{escape(depth.estimator)}</b><ul>{lines}</ul></div>'


def range_words(depth: DepthMap, clip_percent: float, depth_scale: float) -> list[str]:
    """How a depth map's values become z, one step per line."""
    done = depth_range(depth, clip_percent=clip_percent)
    known = depth.values[np.isfinite(depth.values)]
    unit = " m" if depth.kind == "metric" else ""
    words = {
        "metric": "metric: metres, larger is farther",
        "relative": "relative: unknown scale, larger is farther",
        "disparity": "disparity: larger is nearer, so it was inverted",
    }
    h, w = depth.values.shape
    lines = [words[depth.kind], f"{w}×{h} values from {known.min():.3g} to {known.max():.3g}{unit}"]
    if done.constant:
        return [*lines, "constant: everything is at one distance, so nothing is sharpened"]
    if done.holes:
        lines.append(f"{100 * done.holes:.1f} % were unknown and took the nearest known value")
    lines.append(f"{100 * done.clipped:.1f} % clipped to {done.low:.3g}–{done.high:.3g}{unit}")
    return [*lines, f"scaled to 0–1, times the depth scale {depth_scale:g}, for the cut"]


def rows(entries: Sequence[ComparedDepth], comparison: DepthComparison | None, config: CutS3DConfig) -> str:
    """One row per estimator, then the matrices of agreement once all are there."""
    body = "".join(_row(entry, config) for entry in entries)
    return f'<div class="estimators">{body}</div>{matrices(comparison) if comparison else ""}'


def _row(entry: ComparedDepth, config: CutS3DConfig) -> str:
    result, clip = entry.segmentation, config.cloud.depth_clip
    if result is None:
        return f'<section class="estimator gone"><h3>{escape(entry.title)}</h3><p>{escape(entry.error)}</p></section>'
    shape = result.image.shape
    shown = {
        "Depth": pictures.depth_picture(result.depth, clip_percent=clip),
        "Importance": pictures.importance_picture(result.importance, config.importance.beta),
        "Masks": instances_picture(result),
    }
    figures = "".join(f"<figure>{to_html(p, shape)}<figcaption>{t}</figcaption></figure>" for t, p in shown.items())
    lines = [f"{entry.milliseconds:.0f} ms, network {entry.megabytes:.0f} MB", f"{len(result.instances)} masks"]
    words = "".join(
        f"<li>{escape(line)}</li>" for line in [*lines, *range_words(result.depth, clip, config.cloud.depth_scale)]
    )
    button = f'<button type="button" data-depth="{escape(entry.name)}">Use it and open 3D</button>'
    return (
        f'<section class="estimator"><header><h3>{escape(entry.title)}</h3>{button}</header>'
        f"<div>{figures}<ul>{words}</ul></div></section>"
    )


def matrices(found: DepthComparison) -> str:
    """How much the estimators agree, as small tables."""
    tables = "".join(_matrix(title, found.names, matrix) for title, matrix in agreements(found).items())
    return f'<div class="matrices">{tables}</div>' if len(found.names) > 1 else ""


def _matrix(title: str, names: Sequence[str], matrix: FloatArray) -> str:
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in names)
    body = "".join(
        f'<tr><th scope="row">{escape(name)}</th>{"".join(_cell(v) for v in row)}</tr>'
        for name, row in zip(names, matrix, strict=True)
    )
    return f'<table class="facts"><caption>{escape(title)}</caption><tr><td></td>{head}</tr>{body}</table>'


def _cell(value: float) -> str:
    if np.isnan(value):
        return '<td title="one of the two is constant">–</td>'
    return f'<td style="--fraction:{max(0.0, min(1.0, value)):.2f}">{value:.2f}</td>'


DEPTH = Tab(
    id="depth",
    title="Depth",
    build=build,
    draw=draw,
    outputs={"depth_facts": "", "depth_table": ""},
    events=(
        Event(
            request="compare_depths",
            on=(("compare_depth", "click"),),
            inputs=("estimators",),
        ),
    ),
)
