"""Layers of colour over the point cloud: what each stage says of every point."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from cuts3d.arrays import FloatArray, ImageArray, IntArray
from cuts3d.figures.colours import (
    CONFIDENCE,
    DEPTH,
    EIGENVECTOR,
    RGB,
    UNKNOWN,
    Scale,
    colour_map,
    css_colour,
    instance_rgb,
)
from cuts3d.figures.maps import symmetric_range
from cuts3d.grids import resize_mask, sample_map

if TYPE_CHECKING:
    from cuts3d.types import Segmentation

COLOURS = 256  # of a layer; a photo is reduced to that many
DARK = (20, 24, 32)  # what dimmed points fade to, as in the page's viewer
REST: RGB = (232, 236, 242)  # B without the cut-out part
Key = tuple[tuple[str, RGB], ...]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class CloudLayer:
    """Colours of all points.

    Attributes:
        name: `photo`, `depth`, `eigenvector`, `bipartition`, `partition`, `confidence` or `instances`.
        title: Its entry in the list.
        values: What the colours mean, [n]: numbers with NaN where there is none, or labels.
        indices: The colour of each point, uint8 [n].
        palette: uint8 [256, 3].
        hover: Plotly's template of what hovering says; `customdata` is the value.
        key: Label and colour of each category; empty for numbers.
        bar: Colour bar of numbers: title, and value and text of three ticks; None for categories and the photo.
        tau: τ_knn of a partition.
    """

    name: str
    title: str
    values: FloatArray | IntArray
    indices: ImageArray
    palette: ImageArray
    hover: str = ""
    key: Key = ()
    bar: dict[str, Any] | None = None
    tau: float | None = None

    @property
    def colours(self) -> ImageArray:
        """The colour of each point, uint8 [n, 3]."""
        return self.palette[self.indices]


def cloud_layers(result: Segmentation, z: FloatArray, image: ImageArray, instance: int) -> list[CloudLayer]:
    """The layers of all stages in their order; those without a result are left out.

    Args:
        result: What was found.
        z: Depth of the points, float [h, w] in [0, 1], 0 = nearest.
        image: The photo on the grid of the points, uint8 [h, w, 3].
        instance: Index of the instance whose NCut and partitions are shown.
    """
    shape = (z.shape[0], z.shape[1])
    near_far = {"tickvals": [0, 0.5, 1], "ticktext": ["0 near", "0.5", "1 far"]}
    layers = [_photo(image), _numbers("depth", "Depth", z, _reversed(DEPTH), (0, 1), {"title": "z", **near_far})]
    if result.bipartitions:
        layers += _ncut_layers(result, shape, image, instance)
    if result.instances:
        layers += _partitions(result, shape, image, instance)
        layers.append(_confidence(result, shape))
        layers.append(_instances(result, shape, image))
    return layers


def _photo(image: ImageArray) -> CloudLayer:
    nothing = np.zeros(image.shape[0] * image.shape[1], dtype=np.uint8)
    return CloudLayer(name="photo", title="Colour", values=nothing, **_reduced(image))


def _ncut_layers(result: Segmentation, shape: tuple[int, int], image: ImageArray, instance: int) -> list[CloudLayer]:
    number = result.instances[instance].ncut if result.instances else 0
    partition = result.bipartitions[number]
    low, mean, high = symmetric_range(partition.eigenvector)
    x = sample_map(partition.eigenvector, shape)
    bar = {"title": "x_i", "tickvals": [low, mean, high], "ticktext": ["background", "mean", "object"]}
    inside = resize_mask(partition.mask, shape)
    name, colours = f"NCut {number + 1}", (None, instance_rgb(0))
    key: Key = ((f"B of {name}", instance_rgb(0)), ("outside B", DARK))
    return [
        _numbers("eigenvector", f"Eigenvector of {name}", x, EIGENVECTOR, (low, high), bar),
        _labels("bipartition", f"Bipartition of {name}", inside.astype(np.uint8), image, colours, key),
    ]


def _partitions(result: Segmentation, shape: tuple[int, int], image: ImageArray, instance: int) -> list[CloudLayer]:
    sweep, region = result.confidences[instance], resize_mask(result.instances[instance].cut.region, shape)
    colour = instance_rgb(instance)
    key: Key = (("cut out", colour), ("rest of B", REST), ("outside B", DARK))
    layers = []
    for tau, cut in zip(sweep.taus, sweep.cuts, strict=True):
        labels = np.where(resize_mask(cut, shape), 2, region).astype(np.uint8)
        title = f"Partition, instance {instance + 1}"
        layers.append(_labels("partition", title, labels, image, (None, REST, colour), key, tau=float(tau)))
    return layers


def _confidence(result: Segmentation, shape: tuple[int, int]) -> CloudLayer:
    values = np.full(shape, np.nan, dtype=np.float32)
    for number, one in result.back_to_front:
        inside = resize_mask(one.coarse_mask, shape)
        values[inside] = sample_map(result.confidences[number - 1].values, shape)[inside]
    bar = {"title": "SC", "tickvals": [0, 0.5, 1], "ticktext": ["0", "0.5", "1: all cuts"]}
    return _numbers("confidence", "Confidence", values, CONFIDENCE, (0, 1), bar)


def _instances(result: Segmentation, shape: tuple[int, int], image: ImageArray) -> CloudLayer:
    labels = np.zeros(shape, dtype=np.uint8)
    for number, one in result.back_to_front:
        labels[resize_mask(one.mask, shape)] = number
    colours = [instance_rgb(i) for i in range(len(result.instances))]
    key: Key = tuple((f"instance {i + 1}", colour) for i, colour in enumerate(colours))
    return _labels("instances", "Instances", labels, image, (None, *colours), key)


def _numbers(
    name: str, title: str, values: FloatArray, scale: Scale, ends: tuple[float, float], bar: dict[str, Any]
) -> CloudLayer:
    """A layer of numbers: index 0 is grey, for NaN; the others run from the lowest to the highest colour."""
    low, high = ends
    known = np.isfinite(values)
    fraction = np.clip((np.where(known, values, low) - low) / max(high - low, 1e-12), 0.0, 1.0)
    indices = np.where(known, 1 + np.rint(fraction * (COLOURS - 2)), 0).astype(np.uint8)
    table = colour_map(np.linspace(0.0, 1.0, COLOURS - 1)[None], scale)[0]
    ticks = [1 + (t - low) / max(high - low, 1e-12) * (COLOURS - 2) for t in bar["tickvals"]]
    return CloudLayer(
        name=name,
        title=title,
        values=values.astype(np.float32).ravel(),
        indices=indices.ravel(),
        palette=np.concatenate([np.array([UNKNOWN], dtype=np.uint8), table]),
        hover=f"<br>{bar['title']} %{{customdata:.3f}}",
        bar={**bar, "tickvals": ticks},
    )


def _labels(
    name: str,
    title: str,
    labels: IntArray,
    image: ImageArray,
    colours: Sequence[RGB | None],
    key: Key,
    *,
    tau: float | None = None,
) -> CloudLayer:
    """A layer of categories over the photo; label 0, whose colour is None, is the dimmed photo."""
    table = np.array([DARK if c is None else c for c in colours], dtype=np.float32)
    opacity = np.array([0.72, *(0.3 if c == REST else 0.68 for c in colours[1:])], dtype=np.float32)[labels][..., None]
    blended = image * (1 - opacity) + table[labels] * opacity
    return CloudLayer(
        name=name,
        title=title,
        values=labels.ravel(),
        key=key,
        tau=tau,
        hover="<br>instance %{customdata}" if name == "instances" else "",
        **_reduced(blended.astype(np.uint8)),
    )


def _reduced(pixels: ImageArray) -> dict[str, Any]:
    """A picture as at most 256 colours: `indices` uint8 [n] and `palette` uint8 [256, 3]."""
    reduced = Image.fromarray(pixels).quantize(COLOURS, dither=Image.Dither.NONE)
    palette = np.zeros((COLOURS, 3), dtype=np.uint8)
    found = np.array(reduced.getpalette(), dtype=np.uint8).reshape(-1, 3)
    palette[: len(found)] = found
    return {"indices": np.asarray(reduced, dtype=np.uint8).ravel(), "palette": palette}


def _reversed(scale: Scale) -> Scale:
    return Scale(f"{scale.name}_r", scale.high, scale.low)


def colour_scale(palette: ImageArray) -> list[list[Any]]:
    """A palette as Plotly's colour scale, whose index i is exactly its colour i."""
    return [[i / (len(palette) - 1), css_colour_commas(colour)] for i, colour in enumerate(palette)]


def css_colour_commas(colour: ImageArray | Sequence[int]) -> str:
    """A colour as Plotly reads it."""
    return css_colour(colour).replace(" ", ",")
