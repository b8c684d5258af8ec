"""Synthetic scenes with known depth and known instances: touching objects of one kind at different depths.

A small ray caster renders spheres, boxes and cylinders on a table. The scenes are examples on the page and ground truth
in tests. They are rendered when they are needed, so no image file is shipped.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy import ndimage

from cuts3d.arrays import FloatArray, ImageArray, IntArray
from cuts3d.errors import ConfigError
from cuts3d.types import DepthMap

FAR = 1e6
LIGHT = np.array([-0.5, -0.8, -0.45]) / np.linalg.norm([-0.5, -0.8, -0.45])  # direction to the lamp
EYE = np.array([0.0, -1.55, 0.0])  # y points down; the camera looks along +z, tilted down by TILT
TILT = np.radians(19.0)
FIELD_OF_VIEW = np.radians(48.0)
WALL_Z = 9.0


@dataclass(frozen=True, slots=True)
class Solid:
    """One object of a scene.

    Attributes:
        shape: Sphere, upright box or upright cylinder.
        centre: (x, y, z) in metres; y points down, the table is y = 0.
        size: Half of the extent in x, y and z. The radius of a sphere or cylinder is the first value.
        colour: RGB in [0, 1].
        yaw: Rotation about the vertical axis in radians.
    """

    shape: Literal["sphere", "box", "cylinder"]
    centre: tuple[float, float, float]
    size: tuple[float, float, float]
    colour: tuple[float, float, float]
    yaw: float = 0.0


@dataclass(frozen=True, slots=True, eq=False)
class SyntheticScene:
    """A rendered scene and its ground truth.

    Attributes:
        name: Its key in `SCENES`.
        image: uint8 [H, W, 3].
        depth: Distance along the optical axis in metres, float32 [H, W].
        labels: Instance of every pixel, int32 [H, W]; 0 is background, i + 1 the i-th solid.
    """

    name: str
    image: ImageArray
    depth: FloatArray
    labels: IntArray

    @property
    def depth_map(self) -> DepthMap:
        """The true depth as a `DepthMap`."""
        return DepthMap(values=self.depth, kind="metric", estimator="known depth of the synthetic scene")


Shape = Literal["sphere", "box", "cylinder"]
Triple = tuple[float, float, float]


def _row(shape: Shape, size: Triple, colour: Triple, positions: list[Triple]) -> list[Solid]:
    """Solids of one kind that stand on the table at the positions (x, z, yaw)."""
    height = size[0] if shape == "sphere" else size[1]
    return [Solid(shape, (x, -height, z), size, colour, yaw) for x, z, yaw in positions]


SCENES: dict[str, list[Solid]] = {
    "two boxes": _row("box", (0.42, 0.45, 0.35), (0.72, 0.53, 0.34), [(-0.28, 2.9, 0.35), (0.42, 4.6, -0.3)]),
    "three balls": _row(
        "sphere", (0.42, 0.42, 0.42), (0.85, 0.42, 0.12), [(-0.55, 2.7, 0), (-0.02, 3.9, 0), (0.72, 5.3, 0)]
    ),
    "four cans": _row(
        "cylinder",
        (0.3, 0.48, 0.3),
        (0.75, 0.14, 0.15),
        [(-0.75, 2.7, 0), (-0.36, 3.7, 0.5), (0.2, 4.7, 1.0), (0.84, 5.8, 1.5)],
    ),
    "box before ball": [
        Solid("box", (-0.25, -0.4, 2.8), (0.4, 0.4, 0.3), (0.25, 0.42, 0.68), 0.4),
        Solid("sphere", (0.45, -0.62, 4.5), (0.62, 0.62, 0.62), (0.25, 0.42, 0.68)),
    ],
}


def make_scene(name: str = "two boxes", *, size: tuple[int, int] = (360, 480), oversample: int = 2) -> SyntheticScene:
    """Render a scene.

    Args:
        name: A key of `SCENES`.
        size: Height and width in pixels.
        oversample: Rays per pixel along each axis, for smooth edges in the photo; depth and labels are not smoothed.

    Returns:
        The scene; the same on every call.

    Raises:
        ConfigError: No scene has that name.
    """
    if name not in SCENES:
        raise ConfigError(f"Unknown scene '{name}'; choose one of: {', '.join(SCENES)}.")
    h, w = size[0] * oversample, size[1] * oversample
    rays, forward = _camera(h, w)
    distance, normal, label = _trace(SCENES[name], np.broadcast_to(EYE, rays.shape), rays)
    colour = _shade(SCENES[name], rays, distance, normal, label)
    image = colour.reshape(size[0], oversample, size[1], oversample, 3).mean(axis=(1, 3))
    image = ndimage.gaussian_filter(image, (0.5, 0.5, 0))
    grain = np.random.default_rng(7).normal(
        0, 0.008, image.shape
    )  # noise as of a camera, so that the networks see a photo
    pick = (slice(oversample // 2, None, oversample),) * 2
    depth = (distance * (rays @ forward)).reshape(h, w)[pick]
    return SyntheticScene(
        name=name,
        image=np.rint(np.clip(np.sqrt(np.clip(image, 0, 1)) + grain, 0, 1) * 255).astype(np.uint8),
        depth=depth.astype(np.float32),
        labels=np.maximum(label, 0).reshape(h, w)[pick].astype(np.int32),
    )


def _camera(h: int, w: int) -> tuple[FloatArray, FloatArray]:
    """Unit ray directions [h*w, 3] and the optical axis [3]."""
    focal = 0.5 * w / np.tan(FIELD_OF_VIEW / 2)
    y, x = np.meshgrid((np.arange(h) + 0.5 - h / 2) / focal, (np.arange(w) + 0.5 - w / 2) / focal, indexing="ij")
    cos, sin = np.cos(TILT), np.sin(TILT)
    rays = np.stack([x, y * cos + sin, cos - y * sin], axis=-1).reshape(-1, 3)
    return rays / np.linalg.norm(rays, axis=1, keepdims=True), np.array([0.0, sin, cos])


def _trace(solids: list[Solid], origin: FloatArray, rays: FloatArray) -> tuple[FloatArray, FloatArray, IntArray]:
    """Nearest hit of every ray: distance [n], outward normal [n, 3], label [n] (−1 wall, 0 table, i + 1 solid i)."""
    with np.errstate(divide="ignore", invalid="ignore"):
        table = np.where(rays[:, 1] > 0, -origin[:, 1] / rays[:, 1], FAR)
        wall = np.where(rays[:, 2] > 0, (WALL_Z - origin[:, 2]) / rays[:, 2], FAR)
    distance = np.minimum(table, wall)
    normal = np.where((table < wall)[:, None], [0.0, -1.0, 0.0], [0.0, 0.0, -1.0])
    label = np.where(table < wall, 0, -1)
    for number, solid in enumerate(solids, start=1):
        hit, n = _INTERSECT[solid.shape](solid, *_to_local(solid, origin, rays))
        nearer = hit < distance
        distance = np.where(nearer, hit, distance)
        normal = np.where(nearer[:, None], _rotate(n, -solid.yaw), normal)
        label = np.where(nearer, number, label)
    return distance, normal, label


def _rotate(vectors: FloatArray, angle: float) -> FloatArray:
    cos, sin = np.cos(angle), np.sin(angle)
    x, y, z = vectors.T
    return np.stack([cos * x + sin * z, y, cos * z - sin * x], axis=1)


def _to_local(solid: Solid, origin: FloatArray, rays: FloatArray) -> tuple[FloatArray, FloatArray]:
    return _rotate(origin - np.array(solid.centre), solid.yaw), _rotate(rays, solid.yaw)


def _roots(a: FloatArray, b: FloatArray, c: FloatArray) -> FloatArray:
    """Smaller root t of a t² + 2 b t + c = 0 if it is positive, else FAR; float64 [n]."""
    square = b * b - a * c
    with np.errstate(divide="ignore", invalid="ignore"):
        t = (-b - np.sqrt(np.maximum(square, 0))) / a
    return np.where((square > 0) & (t > 1e-6), t, FAR)


def _sphere(solid: Solid, origin: FloatArray, rays: FloatArray) -> tuple[FloatArray, FloatArray]:
    t = _roots(np.ones(len(rays)), (origin * rays).sum(1), (origin**2).sum(1) - solid.size[0] ** 2)
    return t, (origin + t[:, None] * rays) / solid.size[0]


def _box(solid: Solid, origin: FloatArray, rays: FloatArray) -> tuple[FloatArray, FloatArray]:
    safe = np.where(np.abs(rays) < 1e-9, 1e-9, rays)
    first = (-np.sign(safe) * np.array(solid.size) - origin) / safe  # [n, 3] entry of each slab
    last = (np.sign(safe) * np.array(solid.size) - origin) / safe
    axis = first.argmax(axis=1)
    enter, leave = first.max(axis=1), last.min(axis=1)
    normal = -np.sign(safe) * (np.arange(3)[None, :] == axis[:, None])
    return np.where((enter < leave) & (enter > 1e-6), enter, FAR), normal


def _cylinder(solid: Solid, origin: FloatArray, rays: FloatArray) -> tuple[FloatArray, FloatArray]:
    radius, half = solid.size[0], solid.size[1]
    flat_o, flat_r = origin[:, [0, 2]], rays[:, [0, 2]]
    side = _roots((flat_r**2).sum(1), (flat_o * flat_r).sum(1), (flat_o**2).sum(1) - radius**2)
    point = origin + side[:, None] * rays
    side = np.where(np.abs(point[:, 1]) <= half, side, FAR)
    with np.errstate(divide="ignore", invalid="ignore"):
        top = np.where(rays[:, 1] > 0, (-half - origin[:, 1]) / rays[:, 1], FAR)
    cap = origin + top[:, None] * rays
    top = np.where((top > 1e-6) & ((cap[:, [0, 2]] ** 2).sum(1) <= radius**2), top, FAR)
    normal = np.where((side < top)[:, None], point * [1 / radius, 0, 1 / radius], [0.0, -1.0, 0.0])
    return np.minimum(side, top), normal


_INTERSECT: dict[str, Callable[[Solid, FloatArray, FloatArray], tuple[FloatArray, FloatArray]]] = {
    "sphere": _sphere,
    "box": _box,
    "cylinder": _cylinder,
}


def _shade(
    solids: list[Solid], rays: FloatArray, distance: FloatArray, normal: FloatArray, label: IntArray
) -> FloatArray:
    """Linear RGB of every ray: Lambertian shading, shadow, highlight and texture; float64 [n, 3]."""
    points = EYE + distance[:, None] * rays
    lit, *_ = _trace(solids, points + 1e-3 * normal, np.broadcast_to(LIGHT, rays.shape))
    shadow = lit < 6.0
    light = 0.38 + 0.85 * np.maximum(0.0, normal @ LIGHT) * np.where(shadow, 0.15, 1.0)
    palette = np.array([[0.62, 0.66, 0.68], [0.45, 0.36, 0.27], *(s.colour for s in solids)])
    colour = palette[label + 1]
    grain = 0.5 + 0.5 * np.sin(points[:, 0] * 9 + 1.5 * np.sin(points[:, 2] * 3.1) + np.sin(points[:, 0] * 41))
    colour = colour * np.where(label == 0, 0.82 + 0.3 * grain, 1.0)[:, None]
    half = LIGHT - rays
    half /= np.linalg.norm(half, axis=1, keepdims=True)
    sheen = np.where((label > 0) & ~shadow, np.maximum(0.0, (normal * half).sum(1)) ** 30, 0.0)
    shaded = colour * light[:, None] * 0.8 + 0.18 * sheen[:, None]
    return np.clip(shaded, 0.0, 1.0)
