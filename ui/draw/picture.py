"""A picture as layers: the photo, colours over it, marks and numbers on top. Drawn by `ui.draw.render`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from cuts3d.arrays import BoolArray, ImageArray, IntArray
from cuts3d.figures.colours import RGB, Scale

MarkKind = Literal["patch", "source", "sink", "seed", "corner"]
SHADE = (13, 17, 26, 205)  # RGBA that darkens what a picture is not about


@dataclass(frozen=True, slots=True)
class Mark:
    """A ring; its position (y, x) is in fractions of the photo's height and width."""

    y: float
    x: float
    kind: MarkKind


@dataclass(frozen=True, slots=True)
class Label:
    """A number in an instance's colour; its position (y, x) is in fractions of the photo's height and width."""

    y: float
    x: float
    text: str
    colour: RGB


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Picture:
    """Content of a picture.

    Attributes:
        alt: Text alternative for screen readers.
        photo: Whether the photo is drawn below the pixels.
        pixels: uint8 [h, w, 3], or [h, w, 4] with opacity; stretched over the photo. None: no pixels.
        smooth: Whether stretching interpolates; otherwise patches stay squares.
        marks: Rings above the pixels.
        labels: Numbers above the pixels.
        scale: Colour map of the legend.
    """

    alt: str
    photo: bool = False
    pixels: ImageArray | None = None
    smooth: bool = False
    marks: tuple[Mark, ...] = ()
    labels: tuple[Label, ...] = ()
    scale: Scale | None = None


def cell_marks(cells: Sequence[tuple[int, int]], grid: tuple[int, int], kind: MarkKind) -> tuple[Mark, ...]:
    """Marks at the centres of grid cells (row, column)."""
    return tuple(Mark((row + 0.5) / grid[0], (column + 0.5) / grid[1], kind) for row, column in cells)


def flat_cells(indices: IntArray, grid: tuple[int, int]) -> list[tuple[int, int]]:
    """Flat indices as (row, column)."""
    return [(int(i) // grid[1], int(i) % grid[1]) for i in indices]


def shade(inside: BoolArray) -> ImageArray:
    """Opacity picture that darkens what is not inside; uint8 [h, w, 4]."""
    return np.where(inside[..., None], (0, 0, 0, 0), SHADE).astype(np.uint8)
