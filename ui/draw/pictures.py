"""Pictures of the stages."""

from __future__ import annotations

import numpy as np

from cuts3d.arrays import BoolArray, FloatArray, ImageArray
from cuts3d.depth import normalise_depth
from cuts3d.figures.colours import AFFINITY, CONFIDENCE, DEPTH, EIGENVECTOR, IMPORTANCE, colour_map
from cuts3d.io.overlays import instance_colour
from cuts3d.types import Bipartition, DepthMap
from ui.draw.picture import SHADE, Picture, cell_marks, shade


def photo_picture(grid: tuple[int, int], patch: tuple[int, int]) -> Picture:
    """The photo with the chosen patch."""
    text = f"The photo; the chosen patch is in row {patch[0] + 1} of {grid[0]}, column {patch[1] + 1} of {grid[1]}"
    return Picture(alt=text, photo=True, marks=cell_marks([patch], grid, "patch"))


def depth_picture(depth: DepthMap, *, clip_percent: float = 1.0) -> Picture:
    """Near is bright, whether the values are distances or disparities."""
    nearness = 1.0 - normalise_depth(depth, clip_percent=clip_percent)
    step = max(1, max(nearness.shape) // 480)
    return Picture(
        alt="Depth, near is bright", pixels=colour_map(nearness[::step, ::step], DEPTH), smooth=True, scale=DEPTH
    )


def importance_picture(importance: FloatArray | None, beta: float) -> Picture:
    """Spatial importance from β to 1; the shaded photo where nothing is sharpened."""
    if importance is None:
        return Picture(alt="No sharpening: it is off, or the depth is constant", photo=True, pixels=_shade_all())
    return Picture(
        alt="Spatial importance, bright at depth edges",
        pixels=colour_map(importance, IMPORTANCE, low=min(beta, 0.999)),
        scale=IMPORTANCE,
    )


def affinity_picture(affinity: FloatArray, grid: tuple[int, int], patch: tuple[int, int], *, after: bool) -> Picture:
    """Affinity of every patch to the chosen one, on the fixed scale 0 to 1."""
    values = affinity[patch[0] * grid[1] + patch[1]].reshape(grid)
    return Picture(
        alt=f"Affinity of every patch to the chosen one {'after' if after else 'before'} sharpening",
        pixels=colour_map(values, AFFINITY),
        marks=cell_marks([patch], grid, "patch"),
        scale=AFFINITY,
    )


def difference_picture(before: FloatArray, after: FloatArray, grid: tuple[int, int], patch: tuple[int, int]) -> Picture:
    """How much sharpening changed the affinities of the chosen patch, on the scale of the affinity itself."""
    row = patch[0] * grid[1] + patch[1]
    change = np.abs(after[row] - before[row]).reshape(grid)
    return Picture(
        alt=f"Change of the affinity by sharpening, {float(change.max()):.2f} at most",
        pixels=colour_map(change, AFFINITY),
        marks=cell_marks([patch], grid, "patch"),
        scale=AFFINITY,
    )


def centred(eigenvector: FloatArray) -> FloatArray:
    """The eigenvector on a scale from 0 to 1 whose middle is its mean, the threshold of B; float [h, w]."""
    values = eigenvector - np.nanmean(eigenvector)
    reach = max(float(np.nanmax(np.abs(values))), 1e-12)
    return 0.5 + 0.5 * values / reach


def eigenvector_picture(partition: Bipartition) -> Picture:
    """The eigenvector, with a ring round its seed."""
    return Picture(
        alt="The NCut eigenvector; orange is the object side",
        pixels=colour_map(centred(partition.eigenvector), EIGENVECTOR),
        marks=cell_marks([partition.seed], partition.eigenvector.shape, "seed"),  # pyright: ignore[reportArgumentType]
        scale=EIGENVECTOR,
    )


def bipartition_picture(
    partition: Bipartition, region: BoolArray | None, sources: list[tuple[int, int]], sinks: list[tuple[int, int]]
) -> Picture:
    """The photo inside B, less earlier cuts; shaded outside; with the corners and terminals."""
    inside = partition.mask if region is None else region
    grid = (inside.shape[0], inside.shape[1])
    corners = [(r, c) for r in (0, grid[0] - 1) for c in (0, grid[1] - 1) if partition.mask[_corner(partition, r, c)]]
    return Picture(
        alt=f"The bipartition: {100 * float(partition.mask.mean()):.0f} % of the patches are foreground",
        photo=True,
        pixels=shade(inside),
        marks=(
            *cell_marks(corners, grid, "corner"),
            *cell_marks(sources, grid, "source"),
            *cell_marks(sinks, grid, "sink"),
        ),
    )


def _corner(partition: Bipartition, row: int, column: int) -> tuple[int, int]:
    return (-1 if row else 0, -1 if column else 0)


def confidence_picture(values: FloatArray, covered: BoolArray) -> Picture:
    """Spatial confidence inside the masks over the shaded photo."""
    colours = colour_map(values, CONFIDENCE)
    pixels = np.where(covered[..., None], np.dstack([colours, np.full(covered.shape, 255, np.uint8)]), SHADE)
    return Picture(
        alt="Spatial confidence inside the masks", photo=True, pixels=pixels.astype(np.uint8), scale=CONFIDENCE
    )


def cut_picture(cut: BoolArray, colour: ImageArray, tau: float) -> Picture:
    """One binary cut of the sweep, in the instance's colour."""
    pixels = np.where(cut[..., None], [*(int(c) for c in colour), 190], SHADE).astype(np.uint8)
    return Picture(alt=f"The cut at τ_knn {tau:.3f}: {100 * float(cut.mean()):.1f} %", photo=True, pixels=pixels)


def difference_of_masks(ours: BoolArray, theirs: BoolArray, name: str) -> Picture:
    """Where two methods agree (clear), and what only one of them has; `name` is the other method's."""
    table = np.array([SHADE, (*instance_colour(0), 190), (*instance_colour(1), 190), (0, 0, 0, 0)], dtype=np.uint8)
    labels = ours.astype(np.uint8) + 2 * theirs.astype(np.uint8)
    alt = f"Only ours in orange, only {name} in blue, both clear, neither dark"
    return Picture(alt=alt, photo=True, pixels=table[labels])


def _shade_all() -> ImageArray:
    return shade(np.zeros((1, 1), dtype=bool))
