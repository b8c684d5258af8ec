"""What the viewer is sent at every change: layers, marks, links and the sweep over τ_knn."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cuts3d.arrays import BoolArray, IntArray
from cuts3d.config import CutS3DConfig
from cuts3d.io.overlays import instance_colour
from cuts3d.types import KnnGraph, LocalCut, SpatialConfidence
from ui.viewer.layers import Layer, partition_layers
from ui.viewer.links import link_sample, links_payload
from ui.viewer.packing import packed

Position = tuple[int, int]
NOTHING: dict[str, Any] = {"instance": 0, "sources": [], "sinks": [], "edges": None, "region": None}


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ShownCut:
    """The cut of the chosen instance.

    Attributes:
        index: Index of the instance, from 0; it gives the colour.
        cut: Mask, region B and terminals.
        confidence: The sweep over τ_knn.
        graph: k-NN graph; None: no links are drawn.
    """

    index: int
    cut: LocalCut
    confidence: SpatialConfidence
    graph: KnnGraph | None = None

    @property
    def grid(self) -> tuple[int, int]:
        """Height and width of the cut's grid."""
        return (self.cut.mask.shape[0], self.cut.mask.shape[1])


def layers_payload(
    layers: Sequence[Layer],
    *,
    grid: tuple[int, int],
    config: CutS3DConfig,
    patch: Position | None = None,
    shown: ShownCut | None = None,
) -> dict[str, Any]:
    """The layers, and what is drawn with them.

    Args:
        layers: In the order of the list; the viewer adds the photo itself before them.
        grid: Patch grid (h, w).
        config: Background depth, depth scale and τ_knn are read.
        patch: Chosen patch (row, column) on the patch grid.
        shown: Cut of the chosen instance; None: there is none yet.

    Returns:
        JSON for the `value` prop.
    """
    partitions = [] if shown is None else _partitions(shown)
    return {
        **(NOTHING if shown is None else _cut_payload(shown, config.local_cut.tau_knn)),
        "layers": [layer.payload() for layer in [*layers, *partitions]],
        "patch": None if patch is None else [int(p) for p in patch],
        "grid": list(grid),
        "cut_grid": list(grid if shown is None else shown.grid),
        "background_depth": config.cloud.background_depth,
        "depth_scale": config.cloud.depth_scale,
        "tau_knn": config.local_cut.tau_knn,
    }


def _partitions(shown: ShownCut) -> list[Layer]:
    sweep, colour = shown.confidence, instance_colour(shown.index)
    return partition_layers(sweep.taus, sweep.cuts, shown.cut.region, colour=colour)


def _cut_payload(shown: ShownCut, tau_knn: float) -> dict[str, Any]:
    cut = shown.cut
    return {
        "instance": shown.index,
        "sources": _positions(cut.sources, shown.grid),
        "sinks": _positions(cut.sinks, shown.grid),
        "edges": None if shown.graph is None else _links(shown.graph, shown, tau_knn),
        "region": _region(cut.region),
    }


def _links(graph: KnnGraph, shown: ShownCut, tau_knn: float) -> dict[str, str]:
    sample = link_sample(graph, shown.cut.mask, shown.cut.region, tau_knn=tau_knn, cuts=shown.confidence.cuts)
    return links_payload(*sample)


def _region(region: BoolArray) -> dict[str, Any]:
    return {"shape": list(region.shape), "data": packed(region.astype(np.uint8))}


def _positions(flat: IntArray, shape: tuple[int, int]) -> list[list[int]]:
    return [[int(index) // shape[1], int(index) % shape[1]] for index in flat]
