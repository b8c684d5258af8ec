"""The point cloud in 3D, with one layer per stage."""

from __future__ import annotations

from typing import Any

import gradio as gr

from cuts3d.config import LocalCutConfig
from cuts3d.depth import normalise_depth
from cuts3d.figures import colours
from cuts3d.io.overlays import PALETTE
from cuts3d.method.graph_facts import graph_facts
from cuts3d.types import KnnGraph, LocalCut
from ui.draw import pictures
from ui.draw.card import mirror
from ui.draw.graph_lines import graph_lines
from ui.draw.mask_pictures import label_map
from ui.session.drawing import Drawing
from ui.tabs.tab import Event, Tab
from ui.viewer import ColourScale, Layer, ShownCut, base_payload, label_layer, layers_payload, scalar_layer, viewer


def build() -> dict[str, Any]:
    """Lay out the tab."""
    with gr.Row(elem_id="cloud-row"):
        with gr.Column(scale=4, min_width=300):
            shown = viewer("viewer")
            facts = gr.Markdown("", elem_id="graph-facts", elem_classes="note")
        with gr.Column(scale=1, min_width=150, elem_classes="cards one"):
            mirror("photo", "Chosen patch", "Click a point of the cloud, or here.", pick=True)
            mirror("after", "Its affinity", "After sharpening.")
    return {"viewer": shown, "graph_facts": facts}


def draw(d: Drawing) -> None:
    """Send the cloud once per photo, depth and camera; its layers at every change."""
    depth, features = d.result("depth"), d.result("features")
    if depth is None or features is None or d.session.view.patch is None:
        return
    config = d.session.explorer.config.cloud
    update: dict[str, Any] = {}
    base_key = (depth, config.depth_clip, config.camera, config.field_of_view)
    d.put("viewer_base", base_key, lambda: base_of(d))
    if "viewer_base" in d.update:
        update["base"] = d.update.pop("viewer_base")
    cut = d.cuts[d.chosen] if d.cuts else (None, None)
    final = d.shown
    key = (depth, d.result("ncut", d.ncut), *cut, final, d.session.view.patch, d.chosen, d.result("graph", d.cut_index))
    d.put("viewer", key, lambda: value_of(d))
    if "viewer" in d.update:
        update["value"] = d.update["viewer"]
    if update:
        d.update["viewer"] = gr.update(**update)
    graph, options = d.result("graph", d.cut_index), d.session.explorer.config.local_cut
    d.put("graph_facts", (graph, cut[0], options, d.chosen), lambda: facts_of(graph, cut[0], options, d.chosen))


def facts_of(graph: KnnGraph | None, cut: LocalCut | None, options: LocalCutConfig, chosen: int) -> str:
    """What the graph of the chosen instance is, in words."""
    if graph is None or cut is None:
        return ""
    if cut.source_side is None:
        return f"**Instance {chosen + 1}** has no cut in 3D: {cut.fallback}."
    return f"**Graph of instance {chosen + 1}**\n\n" + graph_lines(graph_facts(graph, cut, options), options.tau_knn)


def base_of(d: Drawing) -> dict[str, Any]:
    """Depth, photo and camera for the viewer."""
    config = d.session.explorer.config.cloud
    return base_payload(
        d.session.explorer.image,
        normalise_depth(d.result("depth"), clip_percent=config.depth_clip),
        camera=config.camera,
        field_of_view=config.field_of_view,
        photo_id=f"{id(d.session):x}-{id(d.result('depth')):x}-{config.depth_clip}-{config.camera}-{config.field_of_view}",
    )


def value_of(d: Drawing) -> dict[str, Any]:
    """Layers, marks and links for the viewer."""
    shown = None
    if d.cuts:
        cut, confidence = d.cuts[d.chosen]
        shown = ShownCut(index=d.chosen, cut=cut, confidence=confidence, graph=d.result("graph", d.cut_index))
    return layers_payload(
        layers_of(d),
        grid=d.result("features").grid_shape,
        config=d.session.explorer.config,
        patch=d.session.view.patch,
        shown=shown,
    )


def layers_of(d: Drawing) -> list[Layer]:
    """One layer for each stage that is done, in the order of the stages."""
    depth, partition = d.result("depth"), d.result("ncut", d.ncut)
    z = normalise_depth(depth, clip_percent=d.session.explorer.config.cloud.depth_clip)
    step = max(1, max(z.shape) // 240)
    layers = [_scalar("depth", "Depth", 1.0 - z[::step, ::step], colours.DEPTH)]
    if partition is not None:
        layers.append(
            _scalar("eigenvector", "Eigenvector", pictures.centred(partition.eigenvector), colours.EIGENVECTOR)
        )
        labels = partition.mask.astype("uint8")
        layers.append(label_layer("bipartition", "Bipartition", labels, PALETTE[:1], ["B"], opacity=0.55, dim=0.6))
    if d.cuts:
        values, covered = _confidence(d)
        values[~covered] = float("nan")
        layers.append(_scalar("confidence", "Confidence", values, colours.CONFIDENCE, dim=0.6))
    final = d.shown
    if final is not None:
        numbers = label_map(final)
        count = int(numbers.max())
        palette = PALETTE[[i % len(PALETTE) for i in range(count)]]
        names = [f"instance {i + 1}" for i in range(count)]
        layers.append(label_layer("instances", "Instances", numbers, palette, names, dim=0.35))
    return layers


def _scalar(name: str, title: str, values: Any, scale: colours.Scale, dim: float = 0.0) -> Layer:
    shown = ColourScale(colours=colours.colour_table(scale.name), ends=(scale.low, scale.high))
    return scalar_layer(name, title, values, shown, dim=dim)


def _confidence(d: Drawing) -> Any:
    from ui.tabs.pipeline import merged_confidence

    return merged_confidence(d.cuts, d)


CLOUD = Tab(
    id="3d",
    title="3D",
    build=build,
    draw=draw,
    outputs={"viewer": gr.update(base={}, value={}), "graph_facts": ""},
    events=(Event(request="pick_patch", on=(("viewer", "select"),), payload=("row", "column")),),
)
