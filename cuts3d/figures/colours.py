"""Colours of pictures and figures: one colour map for each kind of value, and the colours of the instances."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from cuts3d.arrays import FloatArray, ImageArray
from cuts3d.io.overlays import instance_colour

RGB = tuple[int, int, int]
UNKNOWN = (128, 128, 128)


@dataclass(frozen=True, slots=True)
class Scale:
    """A colour map and what its ends mean; each kind of value has one, the same in every picture, layer and legend.

    Attributes:
        name: Plotly's name of the colour map.
        low: Meaning of the first colour.
        high: Meaning of the last colour.
    """

    name: str
    low: str
    high: str


DEPTH = Scale("Inferno", "far", "near")
IMPORTANCE = Scale("Cividis", "flat", "edge")
AFFINITY = Scale("Viridis", "unlike", "alike")
EIGENVECTOR = Scale("PuOr_r", "background", "object")
CONFIDENCE = Scale("ice", "few cuts", "all")


@lru_cache(maxsize=16)
def colour_table(name: str) -> ImageArray:
    """The 256 colours of a Plotly colour map, uint8 [256, 3]."""
    from plotly.colors import sample_colorscale

    colours = sample_colorscale(name, [i / 255 for i in range(256)], colortype="tuple")
    return np.rint(np.array(colours) * 255).astype(np.uint8)


def colour_map(values: FloatArray, scale: Scale, *, low: float = 0.0, high: float = 1.0) -> ImageArray:
    """Colours of a float map; NaN becomes grey.

    Args:
        values: Float [h, w].
        scale: Colour map.
        low: Value of the first colour.
        high: Value of the last colour.

    Returns:
        uint8 [h, w, 3].
    """
    known = np.isfinite(values)
    index = np.clip((np.where(known, values, low) - low) / max(high - low, 1e-12) * 255, 0, 255).astype(np.uint8)
    colours = colour_table(scale.name)[index]
    colours[~known] = UNKNOWN
    return colours


def instance_rgb(index: int) -> RGB:
    """The palette's colour of an instance, counted from 0; sRGB, 0 to 255."""
    red, green, blue = (int(c) for c in instance_colour(index))
    return red, green, blue


def css_colour(colour: Sequence[int] | np.ndarray) -> str:
    """A colour, 0 to 255 each, as CSS."""
    return "rgb({} {} {})".format(*(int(c) for c in colour))
