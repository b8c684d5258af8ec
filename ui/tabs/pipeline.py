"""All stages side by side, in the order of the paper."""

from __future__ import annotations

from typing import Any

import gradio as gr
import numpy as np

from cuts3d.arrays import FloatArray
from cuts3d.depth import normalise_depth
from cuts3d.io.overlays import instance_colour
from cuts3d.types import LocalCut, SpatialConfidence
from ui.draw import pictures
from ui.draw.card import card
from ui.draw.cloud_picture import cloud_picture
from ui.draw.mask_pictures import instances_picture
from ui.draw.picture import flat_cells
from ui.session.drawing import Drawing
from ui.tabs.tab import PICTURE, Tab

CARDS = {  # picture -> title, what to look at, the tab that it opens
    "photo": ("1 · Photo", "Click a patch to see its affinity. The ring marks it.", "affinity"),
    "depth": ("2 · Depth", "Object borders should be sharp: the 3D cut depends on them.", "3d"),
    "importance": ("3 · Importance", "Bright where depth changes. There the affinity is sharpened most.", "affinity"),
    "before": ("4 · Affinity", "Similarity of every patch to the chosen one.", "affinity"),
    "after": ("5 · Sharpened", "The affinity raised to the power 1 − ΔD.", "affinity"),
    "eigenvector": ("6 · Eigenvector", "The smoothest two-way split of the patch graph. Ring: the seed.", "ncut"),
    "bipartition": (
        "7 · Bipartition",
        "Bright: the part of B that is still uncut. Yellow: source. Blue: sink.",
        "ncut",
    ),
    "partition": ("8 · 3D partition", "In colour: the points that the min-cut keeps.", "3d"),
    "confidence": (
        "9 · Confidence",
        "Bright: in the cut at every τ_knn. Dark: only at the largest τ_knn.",
        "confidence",
    ),
    "masks": ("10 · Masks", "The result. The numbers are the same everywhere.", "instances"),
}


def build() -> dict[str, Any]:
    """Lay out the tab."""
    with gr.Row(elem_classes="cards", elem_id="stages"):
        return {
            name: card(name, title, caption, opens=opens, pick=name == "photo")
            for name, (title, caption, opens) in CARDS.items()
        }


def draw(d: Drawing) -> None:
    """Draw every stage that is done."""
    _depth(d)
    _affinity(d)
    _cut(d)
    _masks(d)


def _depth(d: Drawing) -> None:
    config, depth = d.session.explorer.config, d.result("depth")
    if depth is not None:
        clip = config.cloud.depth_clip
        d.picture("depth", (depth, clip), lambda: pictures.depth_picture(depth, clip_percent=clip))
    if ("importance", 0) in d.results:
        importance, beta = d.result("importance"), config.importance.beta
        d.picture("importance", (importance, beta), lambda: pictures.importance_picture(importance, beta))


def _affinity(d: Drawing) -> None:
    features, before, after = d.result("features"), d.result("affinity"), d.result("sharpened")
    patch = d.session.view.patch
    if features is None or patch is None:
        return
    grid = features.grid_shape
    d.picture("photo", (patch, grid), lambda: pictures.photo_picture(grid, patch))
    if before is not None:
        d.picture("before", (before, patch), lambda: pictures.affinity_picture(before, grid, patch, after=False))
    if after is not None:
        d.picture("after", (after, patch), lambda: pictures.affinity_picture(after, grid, patch, after=True))


def _cut(d: Drawing) -> None:
    partition = d.result("ncut", d.ncut)
    if partition is None:
        return
    d.picture("eigenvector", (partition,), lambda: pictures.eigenvector_picture(partition))
    cut: LocalCut | None = d.cuts[d.chosen][0] if d.cuts else None
    region = None if cut is None else cut.region
    grid = partition.mask.shape if cut is None else cut.mask.shape
    sources, sinks = ([], []) if cut is None else (flat_cells(c, grid) for c in (cut.sources, cut.sinks))
    d.picture("bipartition", (partition, cut), lambda: pictures.bipartition_picture(partition, region, sources, sinks))
    depth, image, clip = d.result("depth"), d.session.explorer.image, d.session.explorer.config.cloud.depth_clip
    d.picture(
        "partition",
        (depth, clip, cut, d.chosen),
        lambda: cloud_picture(
            image,
            normalise_depth(depth, clip_percent=clip),
            None if cut is None else cut.mask,
            region,
            instance_colour(d.chosen),
        ),
    )


def _masks(d: Drawing) -> None:
    cuts, result = d.cuts, d.shown
    if result is None:
        return
    d.picture("confidence", tuple(c for _, c in cuts), lambda: pictures.confidence_picture(*merged_confidence(cuts, d)))
    masks = tuple(i.mask for i in result.instances)
    d.picture("masks", masks, lambda: instances_picture(result))


def merged_confidence(cuts: list[tuple[LocalCut, SpatialConfidence]], d: Drawing) -> tuple[FloatArray, np.ndarray]:
    """Confidence of all cuts in one map, and where any of them is; [h, w] each."""
    shape = cuts[0][0].mask.shape if cuts else d.result("features").grid_shape
    values, covered = np.ones(shape, dtype=np.float32), np.zeros(shape, dtype=bool)
    for cut, confidence in cuts:
        values[cut.mask] = confidence.values[cut.mask]
        covered |= cut.mask
    return values, covered


PIPELINE = Tab(id="pipeline", title="Pipeline", build=build, draw=draw, outputs=dict.fromkeys(CARDS, PICTURE))
