"""Arrays to the viewer's payload: the photo's cloud once, small layers at every change. Pure functions."""

from __future__ import annotations

import base64
import io
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from cuts3d.arrays import BoolArray, FloatArray, ImageArray, IntArray
from cuts3d.config import CutS3DConfig
from cuts3d.grids import resize_image, resize_map, sample_map
from cuts3d.io.overlays import instance_colour
from cuts3d.types import KnnGraph

CLOUD_SIDE = 480  # points along the longer side; at most 230,400 in all
MAX_LINKS = 4000
SMOOTH_STEP = 0.05  # depth steps below this, in depth ranges, are surfaces and are interpolated
DARK = (20, 24, 32)  # what dimmed points fade to, as in the bipartition's picture
DIM = 0.72
Position = tuple[int, int]
Legend = dict[str, Any] | list[tuple[str, int]]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Layer:
    """Colours of the cloud, as palette indices on a grid of their own.

    Attributes:
        name: Key, the same for every photo, so that the visitor's choice survives.
        title: What the list of layers says.
        values: Palette index of every cell, uint8 [h, w].
        palette: RGBA, uint8 [n, 4] with n ≤ 256; alpha is how much of the photo's colour is covered.
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
            "data": _packed(self.values),
            "palette": base64.b64encode(np.ascontiguousarray(self.palette).tobytes()).decode("ascii"),
            "legend": self.legend,
            "group": self.group,
            "tau": self.tau,
        }


def scalar_layer(  # noqa: PLR0913 - all named
    name: str,
    title: str,
    values: FloatArray,
    *,
    low: float,
    high: float,
    colours: ImageArray,
    ends: tuple[str, str] = ("low", "high"),
    opacity: float = 0.85,
    dim: float = 0.0,
) -> Layer:
    """A layer of numbers.

    Args:
        name: Key.
        title: For people.
        values: Float [h, w]; where NaN the photo stays.
        low: Value of the first colour.
        high: Value of the last colour.
        colours: uint8 [256, 3].
        ends: Words at the two ends of the scale.
        opacity: How much of the photo the colours cover, in [0, 1].
        dim: How far the photo is darkened where there is no value, in [0, 1].

    Returns:
        The layer; index 0 is kept for NaN.
    """
    known = np.isfinite(values)
    share = np.clip((np.where(known, values, low) - low) / max(high - low, 1e-12), 0.0, 1.0)
    palette = np.empty((256, 4), dtype=np.uint8)
    palette[0] = (*DARK, round(dim * 255))
    palette[1:, :3] = colours[np.rint(np.linspace(0, 255, 255)).astype(int), :3]
    palette[1:, 3] = round(opacity * 255)
    return Layer(
        name=name,
        title=title,
        values=np.where(known, 1 + np.rint(share * 254), 0).astype(np.uint8),
        palette=palette,
        legend={"low": ends[0], "high": ends[1], "first": 1, "last": 255},
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
        title: For people.
        labels: Integer [h, w] in [0, n]; 0 is none, where the photo stays.
        colours: uint8 [n, 3] of the labels 1 … n, or [n, 4] with an opacity each; n ≤ 255.
        names: n names for the legend.
        opacity: How much of the photo colours without one of their own cover, in [0, 1].
        dim: How far the photo is darkened where the label is 0, in [0, 1].

    Returns:
        The layer.

    Raises:
        ValueError: A label has no colour.
    """
    if labels.size and not 0 <= int(labels.min()) <= int(labels.max()) <= len(colours):
        raise ValueError(f"Labels must lie between 0 and {len(colours)}, the number of colours; got {labels.max()}.")
    palette = np.empty((len(colours) + 1, 4), dtype=np.uint8)
    palette[0] = (*DARK, round(dim * 255))
    palette[1:, 3] = round(opacity * 255)
    palette[1:, : colours.shape[1]] = colours
    legend = [(label, index) for index, label in enumerate(names, start=1)]
    return Layer(name=name, title=title, values=labels.astype(np.uint8), palette=palette, legend=legend)


def base_payload(
    image: ImageArray,
    z: FloatArray,
    *,
    camera: Literal["orthographic", "perspective"] = "orthographic",
    field_of_view: float = 55.0,
    photo_id: str,
) -> dict[str, Any]:
    """What is sent once per photo: depth, colours and the photo's camera.

    Args:
        image: The photo, uint8 [H, W, 3].
        z: Float [h, w] in [0, 1], 0 = nearest, as `normalise_depth` gives it.
        camera: How depth becomes points (`CloudConfig.camera`).
        field_of_view: Degrees along the longer side, for the perspective camera.
        photo_id: Changes with the photo, its depth or its camera; the viewer reloads only when it does.

    Returns:
        JSON for the `base` prop.
    """
    shape = cloud_shape((image.shape[0], image.shape[1]))
    depth = np.rint(np.clip(dense_depth(z, shape), 0.0, 1.0) * 65535).astype(np.uint16)
    return {
        "id": photo_id,
        "shape": list(shape),
        "depth": encode_depth(depth),
        "photo": _webp(resize_image(image, shape)),
        "camera": camera,
        "field_of_view": field_of_view,
    }


def cloud_shape(photo_shape: tuple[int, int]) -> tuple[int, int]:
    """Rows and columns of the cloud of a photo: its own, reduced to at most 480 along the longer side."""
    scale = min(1.0, CLOUD_SIDE / max(photo_shape))
    return (max(1, round(photo_shape[0] * scale)), max(1, round(photo_shape[1] * scale)))


def dense_depth(z: FloatArray, shape: tuple[int, int]) -> FloatArray:
    """Depth on the cloud's grid: unmixed at edges, smooth on surfaces where the depth map is coarser than the cloud.

    Args:
        z: Float [h, w] in [0, 1].
        shape: New (height, width).

    Returns:
        float32 of `shape`.
    """
    z = np.nan_to_num(z, nan=1.0)
    nearest = sample_map(z, shape)
    if z.shape[0] >= shape[0] and z.shape[1] >= shape[1]:
        return nearest
    step = ndimage.maximum_filter(z, 3, mode="nearest") - ndimage.minimum_filter(z, 3, mode="nearest")
    return np.where(sample_map(step, shape) < SMOOTH_STEP, resize_map(z, shape), nearest)


def encode_depth(depth: NDArray[np.uint16]) -> str:
    """Pack uint16 [H, W]: differences along rows, high bytes, then low bytes, zlib, base64."""
    step = np.diff(depth, axis=1, prepend=np.uint16(0))  # wraps around, as the reader's sum does
    planes = np.concatenate([(step >> 8).ravel(), (step & 255).ravel()]).astype(np.uint8)
    return _packed(planes)


def decode_depth(packed: str, shape: tuple[int, int]) -> NDArray[np.uint16]:
    """The inverse of `encode_depth`, as the viewer does it; uint16 of `shape`."""
    planes = np.frombuffer(zlib.decompress(base64.b64decode(packed)), dtype=np.uint8).reshape(2, *shape)
    step = (planes[0].astype(np.uint16) << 8) | planes[1]
    return np.cumsum(step, axis=1, dtype=np.uint16)


def layers_payload(  # noqa: PLR0913 - one argument per thing that is shown, all named
    layers: Sequence[Layer],
    *,
    grid: tuple[int, int],
    cut_grid: tuple[int, int],
    config: CutS3DConfig,
    patch: Position | None = None,
    instance: int = 0,
    sources: IntArray | Sequence[int] = (),
    sinks: IntArray | Sequence[int] = (),
    graph: KnnGraph | None = None,
    taus: FloatArray | None = None,
    cuts: BoolArray | None = None,
    mask: BoolArray | None = None,
    region: BoolArray | None = None,
) -> dict[str, Any]:
    """What is sent at every change: layers, marks, links and the sweep over τ_knn.

    Args:
        layers: In the order of the list; the photo itself comes first by itself.
        grid: Patch grid (h, w).
        cut_grid: Grid of the cut (h, w).
        config: Background depth, depth scale and τ_knn are read.
        patch: Chosen patch (row, column) on the patch grid.
        instance: Index of the shown instance, for its colour.
        sources: Flat indices on the cut's grid (`LocalCut.sources`).
        sinks: Flat indices on the cut's grid (`LocalCut.sinks`).
        graph: k-NN graph of the shown cut.
        taus: Thresholds of the sweep, float [T], ascending (`SpatialConfidence.taus`).
        cuts: Source side at each, bool [T, h, w] (`SpatialConfidence.cuts`).
        mask: Final mask on the cut's grid, bool [h, w].
        region: B, or what earlier cuts left of it, bool [h, w].

    Returns:
        JSON for `value`.
    """
    partitions: list[Layer] = []
    if taus is not None and cuts is not None:
        partitions = partition_layers(taus, cuts, region, colour=instance_colour(instance))
    edges = None
    if graph is not None and mask is not None:
        edges = _edges_payload(*link_sample(graph, mask, region, tau_knn=config.local_cut.tau_knn, cuts=cuts))
    return {
        "layers": [layer.payload() for layer in [*layers, *partitions]],
        "instance": instance,
        "sources": _positions(sources, cut_grid),
        "sinks": _positions(sinks, cut_grid),
        "patch": None if patch is None else [int(p) for p in patch],
        "grid": list(grid),
        "cut_grid": list(cut_grid),
        "edges": edges,
        "region": None if region is None else {"shape": list(region.shape), "data": _packed(region.astype(np.uint8))},
        "background_depth": config.cloud.background_depth,
        "depth_scale": config.cloud.depth_scale,
        "tau_knn": config.local_cut.tau_knn,
    }


def partition_layers(
    taus: FloatArray, cuts: BoolArray, region: BoolArray | None, *, colour: ImageArray | None = None
) -> list[Layer]:
    """One layer per threshold: 2 what is cut out, 1 the rest of B, 0 outside B.

    Args:
        taus: float [T], ascending.
        cuts: bool [T, h, w].
        region: B, bool [h, w]; None: everywhere.
        colour: Of the instance, uint8 [3].

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


def link_sample(
    graph: KnnGraph,
    mask: BoolArray,
    region: BoolArray | None = None,
    *,
    tau_knn: float,
    cuts: BoolArray | None = None,
    limit: int = MAX_LINKS,
    seed: int = 0,
) -> tuple[IntArray, FloatArray]:
    """Some of the links, up to half of them across the final mask's border.

    Left out are links outside B, which say nothing about the cut, and those that no threshold of the sweep would show
    (longer than τ_knn, and on one side of every cut).

    Args:
        graph: k-NN graph.
        mask: Final mask, bool [h, w].
        region: B, bool [h, w]; None: everywhere.
        tau_knn: Largest threshold.
        cuts: Source side at each threshold, bool [T, h, w].
        limit: Most links.
        seed: Of the choice.

    Returns:
        Node pairs int32 [E, 2] and lengths float64 [E], in the graph's order.
    """
    i, j = graph.edges[:, 0], graph.edges[:, 1]
    sides = mask.reshape(1, -1) if cuts is None else np.vstack([mask.reshape(1, -1), cuts.reshape(len(cuts), -1)])
    across = sides[0, i] != sides[0, j]
    shown = (graph.lengths <= tau_knn) | (sides[:, i] != sides[:, j]).any(axis=0)
    if region is not None:
        shown &= region.ravel()[i] | region.ravel()[j]
    rng = np.random.default_rng(seed)
    border, others = np.flatnonzero(across & shown), np.flatnonzero(~across & shown)
    room = max(limit // 2, limit - others.size)
    border = rng.permutation(border)[:room]
    others = rng.permutation(others)[: limit - border.size]
    chosen = np.sort(np.concatenate([border, others]))
    return graph.edges[chosen], graph.lengths[chosen]


def _edges_payload(pairs: IntArray, lengths: FloatArray) -> dict[str, str]:
    return {"pairs": _packed(pairs.astype("<u4")), "lengths": _packed(lengths.astype("<f4"))}


def _positions(flat: IntArray | Sequence[int], shape: tuple[int, int]) -> list[list[int]]:
    return [[int(index) // shape[1], int(index) % shape[1]] for index in flat]


def _packed(values: NDArray[Any]) -> str:
    return base64.b64encode(zlib.compress(np.ascontiguousarray(values).tobytes(), 6)).decode("ascii")


def _webp(image: ImageArray) -> str:
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, format="WEBP", quality=88, method=4)
    return "data:image/webp;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
