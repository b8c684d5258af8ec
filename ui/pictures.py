"""Arrays to pictures: colour maps, marks, labels. All are uint8 RGB at one display size."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from PIL import Image, ImageDraw
from plotly.colors import sample_colorscale

from cuts3d.depth import normalise_depth
from cuts3d.export import draw_overlay, instance_colour
from cuts3d.types import Bipartition, BoolArray, DepthMap, FloatArray, ImageArray, Instance, Segmentation

SIDE = 476  # longer side of every picture on the page, pixels
SOURCE_COLOUR, SINK_COLOUR = (240, 228, 66), (86, 180, 233)
Position = tuple[int, int]


@lru_cache(maxsize=8)
def _table(name: str) -> ImageArray:
    colours = sample_colorscale(name, [i / 255 for i in range(256)], colortype="tuple")
    return np.rint(np.array(colours) * 255).astype(np.uint8)


def display_shape(photo_shape: tuple[int, int]) -> tuple[int, int]:
    """Height and width of a photo's pictures."""
    scale = SIDE / max(photo_shape)
    return (max(1, round(photo_shape[0] * scale)), max(1, round(photo_shape[1] * scale)))


def fit(picture: ImageArray, photo_shape: tuple[int, int], *, smooth: bool = False) -> ImageArray:
    """Bring a picture to display size; patches stay visible as squares unless `smooth`."""
    h, w = display_shape(photo_shape)
    how = Image.Resampling.BILINEAR if smooth else Image.Resampling.NEAREST
    return np.asarray(Image.fromarray(picture).resize((w, h), how))


def colour_map(
    values: FloatArray, *, low: float | None = None, high: float | None = None, name: str = "Viridis"
) -> ImageArray:
    """Colours of a float map; NaN becomes mid grey.

    Args:
        values: Float [h, w].
        low: Value of the first colour; the smallest if None.
        high: Value of the last colour; the largest if None.
        name: A Plotly colour scale.

    Returns:
        uint8 [h, w, 3].
    """
    known = np.isfinite(values)
    low = float(values[known].min()) if low is None else low
    high = float(values[known].max()) if high is None else high
    index = np.clip((np.where(known, values, low) - low) / max(high - low, 1e-12) * 255, 0, 255).astype(np.uint8)
    colours = _table(name)[index]
    colours[~known] = 128
    return colours


def mark_cells(
    picture: ImageArray, cells: list[Position], grid: tuple[int, int], colour: tuple[int, int, int]
) -> ImageArray:
    """Draw a ring round grid cells on a display-size picture."""
    image = Image.fromarray(picture)
    draw = ImageDraw.Draw(image)
    step_y, step_x = image.height / grid[0], image.width / grid[1]
    radius = max(6.0, 0.55 * max(step_x, step_y))
    for row, column in cells:
        x, y = (column + 0.5) * step_x, (row + 0.5) * step_y
        draw.ellipse((x - radius, y - radius, x + radius, y + radius), outline=(0, 0, 0), width=4)
        draw.ellipse((x - radius + 1, y - radius + 1, x + radius - 1, y + radius - 1), outline=colour, width=2)
    return np.asarray(image)


def photo_picture(image: ImageArray, grid: tuple[int, int], patch: Position) -> ImageArray:
    """The photo with the chosen patch."""
    return mark_cells(fit(image, image.shape[:2], smooth=True), [patch], grid, (255, 255, 255))


def depth_picture(depth: DepthMap, photo_shape: tuple[int, int], *, clip_percent: float = 1.0) -> ImageArray:
    """Nearness as brightness, whatever the values mean."""
    nearness = 1.0 - normalise_depth(depth, clip_percent=clip_percent)
    return fit(colour_map(nearness, low=0.0, high=1.0, name="Inferno"), photo_shape, smooth=True)


def affinity_picture(
    affinity: FloatArray, grid: tuple[int, int], patch: Position, photo_shape: tuple[int, int]
) -> ImageArray:
    """Similarity of every patch to the chosen one, on the fixed scale 0 to 1."""
    row = affinity[patch[0] * grid[1] + patch[1]].reshape(grid)
    picture = fit(colour_map(row, low=0.0, high=1.0), photo_shape)
    return mark_cells(picture, [patch], grid, (255, 255, 255))


def bipartition_picture(
    image: ImageArray,
    partition: Bipartition,
    sources: list[Position],
    sinks: list[Position],
    cut_shape: tuple[int, int],
) -> ImageArray:
    """The photo where B is, dimmed elsewhere, with source and sink."""
    photo_shape = image.shape[:2]
    photo = fit(image, photo_shape, smooth=True).astype(np.float32)
    inside = fit(np.repeat(partition.mask[..., None], 3, axis=2).astype(np.uint8) * 255, photo_shape) > 127
    dimmed = photo * 0.22 + np.array([20.0, 24.0, 32.0])
    picture = np.where(inside, photo, dimmed).astype(np.uint8)
    picture = mark_cells(picture, sources, cut_shape, SOURCE_COLOUR)
    return mark_cells(picture, sinks, cut_shape, SINK_COLOUR)


def confidence_picture(values: FloatArray, mask: BoolArray, photo_shape: tuple[int, int]) -> ImageArray:
    """Spatial confidence inside the masks, grey outside."""
    return fit(colour_map(np.where(mask, values, np.nan), low=0.0, high=1.0, name="Plasma"), photo_shape)


def merged_confidence(instances: tuple[Instance, ...]) -> tuple[FloatArray, BoolArray]:
    """Confidence of all instances in one map, and where any of them is; [h, w] each."""
    shape = instances[0].coarse_mask.shape
    values, covered = np.ones(shape, dtype=np.float32), np.zeros(shape, dtype=bool)
    for instance in instances:
        values[instance.coarse_mask] = instance.coarse_confidence[instance.coarse_mask]
        covered |= instance.coarse_mask
    return values, covered


def masks_picture(result: Segmentation) -> ImageArray:
    """The photo with its final masks, numbered."""
    overlay = Image.fromarray(fit(draw_overlay(result), result.image.shape[:2], smooth=True))
    draw = ImageDraw.Draw(overlay)
    for index, instance in enumerate(result.instances):
        rows, columns = np.nonzero(instance.mask)
        y, x = (
            float(np.median(v)) / n * m
            for v, n, m in zip((rows, columns), instance.mask.shape, overlay.size[::-1], strict=True)
        )
        box = draw.textbbox((x, y), str(index + 1), anchor="mm", font_size=18)
        draw.rounded_rectangle((box[0] - 7, box[1] - 5, box[2] + 7, box[3] + 5), 6, fill=(20, 22, 28))
        draw.text((x, y), str(index + 1), fill=tuple(int(c) for c in instance_colour(index)), anchor="mm", font_size=18)
    return np.asarray(overlay)
