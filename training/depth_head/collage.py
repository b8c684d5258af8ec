"""Collages with sharp depth: synthetic objects in a photo or in a synthetic room, with textures of other photos.

A teacher's depth is soft at borders. Here depth jumps exactly at the border of an object. Flat stickers and shadows
have a border without a jump. The background keeps the teacher's depth.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy import ndimage

from cuts3d.arrays import BoolArray, FloatArray, ImageArray
from cuts3d.grids import resize_image, resize_map

Texture = Callable[[np.random.Generator], ImageArray]  # a random photo


def silhouette(side: int, rng: np.random.Generator) -> tuple[BoolArray, FloatArray]:
    """The outline of a random object: a superellipse, from diamond to box; half of them are dented, some are thin.

    Args:
        side: Side of the picture in pixels.
        rng: Draws its shape and position.

    Returns:
        The object's mask, bool [side, side], and the relative distance of each pixel from its centre, 1 on the outline,
        float [side, side].
    """
    long = side * rng.uniform(0.06, 0.26)
    half = np.array([long, long * rng.uniform(0.12, 1.0)])
    angle = rng.choice([0.0, 0.5 * np.pi]) + rng.normal(0, 0.25)
    centre = side * np.array([rng.uniform(0.25, 0.9), rng.uniform(0.05, 0.95)])
    y, x = np.mgrid[:side, :side] - centre[:, None, None]
    u = (np.cos(angle) * x + np.sin(angle) * y) / half[0]
    v = (np.cos(angle) * y - np.sin(angle) * x) / half[1]
    if rng.random() < 0.5:
        turn = np.arctan2(v, u)
        dent = sum(rng.normal(0, 0.22 / k) * np.cos(k * turn + rng.uniform(0, 6.28)) for k in range(2, 7))
        u, v = u / np.clip(1 + dent, 0.4, 2), v / np.clip(1 + dent, 0.4, 2)
    power = rng.choice([1.4, 2.0, 2.0, 3.0, 8.0, 8.0])
    radius = (np.abs(u) ** power + np.abs(v) ** power) ** (1 / power)
    return radius < 1, radius


def surface(side: int, radius: FloatArray, texture: Texture, rng: np.random.Generator) -> FloatArray:
    """Colours of an object: a crop of a photo, or a nearly plain colour; float [side, side, 3] in [0, 255]."""
    photo = texture(rng)
    h, w = photo.shape[:2]
    part = rng.uniform(0.2, 0.8)
    top, left = rng.uniform(0, 1 - part, 2)
    piece = photo[int(top * h) : int((top + part) * h), int(left * w) : int((left + part) * w)]
    colours = resize_image(np.ascontiguousarray(piece), (side, side)).astype(np.float32)
    if rng.random() < 0.5:  # nearly plain
        mean = colours.mean((0, 1))
        colours = mean + rng.normal(0, 50) + rng.normal(0, 20, 3) + rng.uniform(0.05, 0.4) * (colours - mean)
    light = 1 - rng.uniform(0, 0.5) * np.clip(radius, 0, 1) ** 2  # darker towards the outline, like round objects
    return np.clip(colours * light[..., None] * rng.uniform(0.7, 1.2), 0, 255)


def synthetic_room(side: int, texture: Texture, rng: np.random.Generator) -> tuple[FloatArray, FloatArray]:
    """A floor and a wall: colours, float [side, side, 3], and inverse depth, float [side, side], 1 the nearest."""
    far, horizon = rng.uniform(0.05, 0.4), rng.uniform(0.0, 0.5)
    rows = (np.arange(side) + 0.5) / side
    inverse = np.maximum(far, far + (1 - far) * (rows - horizon) / (1 - horizon))[:, None] * np.ones(side)
    wall, floor = (surface(side, np.zeros((side, side)), texture, rng) for _ in range(2))
    return np.where((rows > horizon)[:, None, None], floor, wall), inverse


def _blend(below: FloatArray, above: FloatArray, inside: BoolArray, blur: float) -> FloatArray:
    cover = ndimage.gaussian_filter(inside.astype(np.float32), blur)[..., None]
    return below * (1 - cover) + above * cover


def _shadow(colours: FloatArray, inside: BoolArray, side: int, rng: np.random.Generator) -> FloatArray:
    shifted = np.roll(inside, tuple(int(s) for s in rng.normal(0, 0.03 * side, 2)), (0, 1)).astype(np.float32)
    dark = ndimage.gaussian_filter(shifted, side * rng.uniform(0.005, 0.03))
    return colours * (1 - rng.uniform(0, 0.6) * dark)[..., None]


def _standing(inverse: FloatArray, inside: BoolArray, radius: FloatArray, rng: np.random.Generator) -> FloatArray:
    """Inverse depth of an object: in front of what it hides, or at its foot if that is nearer; float [side, side]."""
    low, high = np.percentile(inverse, (2, 98))
    foot = inverse[np.nonzero(inside)[0].max()][inside.any(axis=0)].mean()
    near = max(foot, np.percentile(inverse[inside], 85) + (high - low) * rng.uniform(0.04, 0.45))
    bulge = (high - low) * rng.uniform(0, 0.06) * np.sqrt(np.clip(1 - radius**2, 0, 1))
    tilt = (high - low) * rng.normal(0, 0.1) * np.linspace(-0.5, 0.5, len(inverse))[None, :]
    return near + bulge + tilt


def collage(
    photo: ImageArray, inverse: FloatArray, side: int, texture: Texture, rng: np.random.Generator
) -> tuple[ImageArray, FloatArray]:
    """Put objects into a photo, or in a third of the cases into a synthetic room.

    Args:
        photo: uint8 [h, w, 3].
        inverse: Its inverse depth by the teacher, float [h', w'].
        side: Side of the result.
        texture: Returns photos for the surfaces.
        rng: Draws everything.

    Returns:
        The picture, uint8 [side, side, 3], and its inverse depth, float32 [side, side].
    """
    colours, depth = resize_image(photo, (side, side)).astype(np.float32), resize_map(inverse, (side, side))
    if rng.random() < 1 / 3:
        colours, depth = synthetic_room(side, texture, rng)
    blur = rng.uniform(0.4, 1.1)
    objects = sorted(
        (silhouette(side, rng) for _ in range(rng.integers(2, 8))), key=lambda t: np.nonzero(t[0])[0].max()
    )
    for inside, radius in sorted(objects, key=lambda one: np.nonzero(one[0])[0].max()):
        if np.count_nonzero(inside) < 30:
            continue
        paint = surface(side, radius, texture, rng)
        if rng.random() < 0.2:  # a sticker: a border without a jump
            colours = _blend(colours, paint, inside, blur)
            continue
        colours = _blend(_shadow(colours, inside, side, rng), paint, inside, blur)
        depth = np.where(inside, _standing(depth, inside, radius, rng), depth)
    noisy = colours + rng.normal(0, rng.uniform(0, 4), colours.shape)
    return np.clip(np.rint(noisy), 0, 255).astype(np.uint8), depth.astype(np.float32)
