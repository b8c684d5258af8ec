"""Layers of colour over the point cloud, each on a grid of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from cuts3d.arrays import BoolArray, FloatArray, ImageArray, IntArray
from cuts3d.io.overlays import instance_colour
from ui.viewer.packing import packed, plain

DARK = (20, 24, 32)  # what dimmed points fade to, as in the picture of the bipartition
DIM = 0.72
Legend = dict[str, Any] | list[tuple[str, int]]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Layer:
    """Colours of the cloud, as palette indices.

    Attributes:
        name: Key. It is the same for every photo, so that the visitor's choice of a layer is kept.
        title: Its entry in the list of layers.
        values: Palette index of every cell, uint8 [h, w].
        palette: RGBA, uint8 [n, 4] with n ≤ 256; alpha says how much of the photo's colour is covered.
        legend: Labels with their index, or `low` and `high` of a scale that runs from index `first` to `last`.
        group: `partition` for the layers of the τ_knn slider.
        tau: Threshold of a partition.
    """

    name: str
    title: str
    values: ImageArray
    palette: ImageArray
    legend: Legend
    group: Literal["", "partition"] = ""
    tau: float | None = None

    def payload(self) -> dict[str, Any]:
        """The layer as JSON."""
        return {
            "name": self.name,
            "title": self.title,
            "shape": list(self.values.shape),
            "data": packed(self.values),
            "palette": plain(self.palette),
            "legend": self.legend,
            "group": self.group,
            "tau": self.tau,
        }


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class ColourScale:
    """Colours of a range of numbers.

    Attributes:
        colours: uint8 [256, 3].
        low: Value of the first colour.
        high: Value of the last colour.
        ends: Labels of the two ends in the legend.
    """

    colours: ImageArray
    low: float = 0.0
    high: float = 1.0
    ends: tuple[str, str] = ("low", "high")


def scalar_layer(
    name: str, title: str, values: FloatArray, scale: ColourScale, *, opacity: float = 0.85, dim: float = 0.0
) -> Layer:
    """A layer of numbers.

    Args:
        name: Key.
        title: Its entry in the list of layers.
        values: Float [h, w]; where NaN, the photo is shown.
        scale: Colours of the numbers.
        opacity: How much of the photo the colours cover, in [0, 1].
        dim: How far the photo is darkened where there is no value, in [0, 1].

    Returns:
        The layer; index 0 is reserved for NaN.
    """
    known = np.isfinite(values)
    span = max(scale.high - scale.low, 1e-12)
    fraction = np.clip((np.where(known, values, scale.low) - scale.low) / span, 0.0, 1.0)
    return Layer(
        name=name,
        title=title,
        values=np.where(known, 1 + np.rint(fraction * 254), 0).astype(np.uint8),
        palette=_palette(scale.colours[np.rint(np.linspace(0, 255, 255)).astype(int), :3], opacity, dim),
        legend={"low": scale.ends[0], "high": scale.ends[1], "first": 1, "last": 255},
    )


def label_layer(
    name: str,
    title: str,
    labels: IntArray,
    colours: ImageArray,
    names: Sequence[str],
    *,
    opacity: float = 0.65,
    dim: float = 0.0,
) -> Layer:
    """A layer of categories.

    Args:
        name: Key.
        title: Its entry in the list of layers.
        labels: Integer [h, w] in [0, n]; where 0, the photo is shown.
        colours: uint8 [n, 3] of the labels 1 … n, or [n, 4] with an opacity each; n ≤ 255.
        names: n names for the legend.
        opacity: How much of the photo is covered by colours without an opacity of their own, in [0, 1].
        dim: How far the photo is darkened where the label is 0, in [0, 1].

    Returns:
        The layer.

    Raises:
        ValueError: A label has no colour.
    """
    if labels.size and not 0 <= int(labels.min()) <= int(labels.max()) <= len(colours):
        raise ValueError(f"Labels must lie between 0 and {len(colours)}, the number of colours; got {labels.max()}.")
    legend = [(label, index) for index, label in enumerate(names, start=1)]
    values = labels.astype(np.uint8)
    return Layer(name=name, title=title, values=values, palette=_palette(colours, opacity, dim), legend=legend)


def _palette(colours: ImageArray, opacity: float, dim: float) -> ImageArray:
    """Index 0 darkens the photo, the others have the colours; uint8 [n + 1, 4]."""
    palette = np.empty((len(colours) + 1, 4), dtype=np.uint8)
    palette[0] = (*DARK, round(dim * 255))
    palette[1:, 3] = round(opacity * 255)
    palette[1:, : colours.shape[1]] = colours
    return palette


def partition_layers(
    taus: FloatArray, cuts: BoolArray, region: BoolArray | None, *, colour: ImageArray | None = None
) -> list[Layer]:
    """One layer per threshold: 2 for the cut out part, 1 for the rest of B, 0 outside B.

    Args:
        taus: float [T], ascending.
        cuts: bool [T, h, w].
        region: B, bool [h, w]; None: everywhere.
        colour: Colour of the instance, uint8 [3]; None: that of the first.

    Returns:
        T layers of the group `partition`.
    """
    colour = instance_colour(0) if colour is None else colour
    inside = np.ones(cuts.shape[1:], dtype=bool) if region is None else region
    palette = np.array([[*DARK, round(DIM * 255)], [232, 236, 242, 60], [*colour, 175]], dtype=np.uint8)
    legend: Legend = [("cut out at this τ_knn", 2), ("rest of B", 1), ("outside B", 0)]
    return [
        Layer(
            name=f"partition_{index}",
            title="Partition",
            values=np.where(cut, 2, inside).astype(np.uint8),
            palette=palette,
            legend=legend,
            group="partition",
            tau=float(tau),
        )
        for index, (tau, cut) in enumerate(zip(taus, cuts, strict=True))
    ]
