"""The photo with its masks as shapes to hover and click, and their table, for one `gr.HTML`.

Put `MASK_CSS` into the page's style sheet and `MASK_JS` into `js_on_load`. Everything that belongs to one instance
bears the same `data-instance`; the script lights these up together, and sends the event `select` with `{instance}`.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.ndimage import distance_transform_edt
from skimage.measure import find_contours

from cuts3d.arrays import BoolArray, FloatArray
from cuts3d.io.overlays import instance_colour
from cuts3d.types import Dropped, Instance, Segmentation

MASK_CSS = Path(__file__).with_suffix(".css").read_text(encoding="utf-8")
MASK_JS = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")

OUTLINE_SIDE = 480  # longer side of the photo at which outlines are traced, pixels
DETAIL_SIDE = 120  # a smaller mask keeps at least so many pixels along its longer side, if it has them
LABEL_SIDE = 96  # longer side of the crop in which the number's place is sought
SHOWN_DROPPED = 4  # dropped cuts that are listed; more are folded
TOLERANCE = 0.5  # an outline may stray so far from the traced one, pixels of the reduced mask
Colour = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Outline:
    """All of a mask that is drawn, for those who draw the same mask again and again.

    Attributes:
        path: Its rings, as `outline_path` gives them; empty for an empty mask.
        spot: Where its number stands: (x, y) as shares of width and height.
        area: Pixels.
    """

    path: str
    spot: tuple[float, float]
    area: int


@dataclass(frozen=True, slots=True, eq=False)
class MaskItem:
    """One mask to show.

    Attributes:
        index: Instance, from 0; the number shown is one more.
        mask: bool [H, W], or its outline.
        colour: sRGB, 0 to 255.
        label: What a screen reader says, and the tooltip.
    """

    index: int
    mask: BoolArray | Outline
    colour: Colour
    label: str


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceRow:
    """One row of the table.

    Attributes:
        index: Instance, from 0.
        colour: sRGB, 0 to 255.
        area: Share of the photo, in [0, 1].
        score: Rank among the masks of all photos, in [0, 1].
        confidence: Mean spatial confidence, in [0, 1].
        cut_value: Flow of the min-cut, capacity units.
        joined: Whether source and sink were joined before the cut.
        fallback: Empty, or why MaskCut's component was taken instead.
    """

    index: int
    colour: Colour
    area: float
    score: float
    confidence: float
    cut_value: float
    joined: bool
    fallback: str = ""


def mask_items(instances: Sequence[Instance]) -> list[MaskItem]:
    """The instances as masks to show, in the palette's colours."""
    return [MaskItem(x.number - 1, x.mask, _colour(x.number - 1), _label(x)) for x in instances]


def object_items(numbers: Sequence[int], masks: Sequence[tuple[BoolArray | Outline, str]]) -> list[MaskItem]:
    """Masks with numbers of their own, from 0, in the palette's colours; each with what is said after its number."""
    return [
        MaskItem(number, mask, _colour(number), f"Object {number + 1}, {words}")
        for number, (mask, words) in zip(numbers, masks, strict=True)
    ]


def instance_rows(result: Segmentation) -> list[InstanceRow]:
    """The instances as rows of the table."""
    return [
        InstanceRow(
            index=x.number - 1,
            colour=_colour(x.number - 1),
            area=x.area / max(x.mask.size, 1),
            score=x.score,
            confidence=x.mean_confidence,
            cut_value=x.cut.flow,
            joined=x.cut.connected,
            fallback=x.cut.fallback,
        )
        for x in result.instances
    ]


def mask_panel(view: str, table: str) -> str:
    """Masks and table side by side where there is room, below each other elsewhere; they light up together."""
    return f'<section class="mask-panel">{view}{table}</section>'


def mask_view(
    photo_src: str, masks: Sequence[MaskItem], shape: tuple[int, int], *, chosen: int | None = None, caption: str = ""
) -> str:
    """The photo with one shape per mask.

    Args:
        photo_src: Address or data URI of the photo, at any size of the same proportions; empty: the page's own photo.
        masks: What to draw; empty masks are left out. Smaller ones lie on top, so that each can be pointed at.
        shape: Photo (H, W) in pixels; the masks' shape.
        chosen: Index of the chosen instance.
        caption: Plain text below; none if empty.

    Returns:
        HTML of one figure.
    """
    height, width = shape
    outlines = [(m, m.mask if isinstance(m.mask, Outline) else outlined(m.mask)) for m in masks]
    shown = sorted(((m, o) for m, o in outlines if o.path), key=lambda pair: -pair[1].area)
    paths = "".join(_path(m, o, chosen=m.index == chosen) for m, o in shown)
    numbers = "".join(_number(m, o, chosen=m.index == chosen) for m, o in shown)
    count = f"{len(shown)} instance mask{'' if len(shown) == 1 else 's'}"
    words = f"<figcaption>{escape(caption)}</figcaption>" if caption else ""
    return (
        f'<figure class="mask-view"><div class="mask-stage" style="--ratio: {width / height:.4f}">'
        f"{_photo(photo_src, shape)}"
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" preserveAspectRatio="none" '
        f'role="group" aria-label="{count}">{paths}</svg>{numbers}</div>{words}</figure>'
    )


def instance_table(rows: Sequence[InstanceRow], dropped: Sequence[Dropped] = (), *, chosen: int | None = None) -> str:
    """Table of the instances, and below it the cuts that became none.

    Args:
        rows: One per instance; none gives a sentence instead of a table.
        dropped: Cuts that were rejected, and why.
        chosen: Index of the chosen instance.

    Returns:
        HTML; the table scrolls within itself where it is too wide.
    """
    notes = any(row.fallback for row in rows)
    columns = _COLUMNS if notes else _COLUMNS[:-1]
    heads = "".join(f'<th scope="col" title="{escape(why)}">{name}</th>' for name, why in columns)
    body = "".join(_row(row, chosen=row.index == chosen, notes=notes) for row in rows)
    table = (
        '<div class="mask-scroll" role="region" aria-label="Instances" tabindex="0">'
        f"<table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>"
    )
    none = '<p class="mask-none">No instances.</p>'
    return f'<div class="mask-table">{table if rows else none}{_dropped(dropped)}</div>'


_COLUMNS = (
    ("#", "Instance, in the order of cutting"),
    ("Area", "Share of the photo"),
    ("Score", "Rank among the masks of all photos: confidence over the place in the order of cutting"),
    ("Confidence", "Mean spatial confidence inside the mask"),
    ("Cut value", "Flow of the min-cut in 3D: small means that little held the parts together"),
    ("Joined", "Whether source and sink were joined before the min-cut; if not, τ_knn alone parted them"),
    ("Note", "Fallbacks"),
)


def outlined(mask: BoolArray) -> Outline:
    """What `mask_view` draws of a mask, bool [H, W]."""
    if not mask.any():
        return Outline("", (0.0, 0.0), 0)
    return Outline(outline_path(mask), inner_point(mask), int(np.count_nonzero(mask)))


def outline_path(mask: BoolArray) -> str:
    """Outlines of a mask as the `d` of an SVG path, photo pixels, for fill-rule evenodd; holes are kept.

    Args:
        mask: bool [H, W].

    Returns:
        Closed rings; empty for an empty mask.
    """
    if not mask.any():
        return ""
    top, left, crop = _crop(mask)
    factor = max(1, int(min(max(mask.shape) / OUTLINE_SIDE, max(crop.shape) / DETAIL_SIDE)))
    rings = _trace(_cover(crop, factor))
    if not rings and factor > 1:  # all of it thinner than half a reduced pixel
        factor, rings = 1, _trace(_cover(crop, 1))
    corner, limit = np.array([top, left]), np.array(crop.shape)
    return "".join(_ring(corner + np.minimum(ring * factor, limit)) for ring in rings)


def inner_point(mask: BoolArray) -> tuple[float, float]:
    """A point far inside a mask that is not empty: (x, y) as shares of width and height, in [0, 1]."""
    top, left, crop = _crop(mask)
    step = max(1, -(-max(crop.shape) // LABEL_SIDE))
    small = crop[step // 2 :: step, step // 2 :: step]
    if not small.any():
        small, step = crop, 1
    depth = np.asarray(distance_transform_edt(np.pad(small, 1)))[1:-1, 1:-1]
    row, column = np.unravel_index(int(depth.argmax()), depth.shape)
    y, x = (int(i) * step + step // 2 + 0.5 for i in (row, column))
    return (left + x) / mask.shape[1], (top + y) / mask.shape[0]


def _crop(mask: BoolArray) -> tuple[int, int, BoolArray]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    top, left = int(rows[0]), int(columns[0])
    return top, left, mask[top : int(rows[-1]) + 1, left : int(columns[-1]) + 1]


def _cover(mask: BoolArray, factor: int) -> FloatArray:
    """How much of each factor × factor block is covered, float32 in [0, 1], with one row of nothing all round."""
    image = Image.fromarray(np.ascontiguousarray(mask).view(np.uint8) * np.uint8(255))
    return np.pad(np.asarray(image.reduce(factor), dtype=np.float32) / 255.0, 1)


def _trace(cover: FloatArray) -> list[FloatArray]:
    """Simplified rings round what is at least half covered, each float64 [m, 2]: (row, column) of pixel edges."""
    rings = find_contours(cover, 0.5)
    if not rings:
        return []
    points = np.concatenate(rings)
    starts = np.cumsum([0, *(len(r) for r in rings)])
    kept = simplify(points, starts)
    simple = [points[kept[(kept >= a) & (kept < b)]] for a, b in pairwise(starts)]
    return [ring - 0.5 for ring in simple]  # padding took one pixel, pixel centres half of one back


def simplify(points: FloatArray, starts: np.ndarray, tolerance: float = TOLERANCE) -> np.ndarray:
    """Douglas and Peucker's lines, all segments of all rings at once, a level of the recursion at a time.

    scikit-image's `approximate_polygon` goes segment by segment in Python and takes ten times as long.

    Args:
        points: Closed rings one after another, each ending where it begins, float64 [n, 2].
        starts: First point of each ring, and n; int [rings + 1].
        tolerance: Greatest distance from the old line to the new one.

    Returns:
        Indices of the points that stay, ascending.
    """
    first, last = starts[:-1], starts[1:] - 1
    ring = np.repeat(np.arange(len(first)), np.diff(starts))
    from_start = ((points - points[first][ring]) ** 2).sum(axis=1)
    far = _first_of_each(from_start, first, ring)
    kept = np.unique(np.concatenate([first, far, last]))
    while True:
        segment = np.repeat(np.arange(len(kept) - 1), np.diff(kept))
        begin = points[kept[:-1]]
        chord = points[kept[1:]] - begin
        chord /= np.maximum(np.hypot(chord[:, 0], chord[:, 1]), 1e-9)[:, None]
        offset, direction = points[: len(segment)] - begin[segment], chord[segment]
        distance = np.abs(direction[:, 0] * offset[:, 1] - direction[:, 1] * offset[:, 0])
        worst = _first_of_each(distance, kept[:-1], segment)
        worst = worst[distance[worst] > tolerance]
        if not worst.size:
            return kept
        kept = np.sort(np.concatenate([kept, worst]))


def _first_of_each(values: FloatArray, starts: np.ndarray, group: np.ndarray) -> np.ndarray:
    """Index of the first largest value of each group of neighbours."""
    largest = np.flatnonzero(values == np.maximum.reduceat(values, starts)[group])
    return largest[np.unique(group[largest], return_index=True)[1]]


def _ring(points: FloatArray) -> str:
    spots = " ".join(f"{x:.7g},{y:.7g}" for y, x in points[:-1].round(1).tolist())
    return f"M{spots}Z"


def _photo(src: str, shape: tuple[int, int]) -> str:
    height, width = shape
    if not src:
        return (
            f'<div class="mask-photo" role="img" aria-label="The photo" style="aspect-ratio: {width} / {height}"></div>'
        )
    return f'<img src="{escape(src)}" width="{width}" height="{height}" alt="The photo" draggable="false">'


def _path(item: MaskItem, outline: Outline, *, chosen: bool) -> str:
    label, state = escape(item.label), ' class="chosen"' if chosen else ""
    return (
        f'<path{state} d="{outline.path}" fill-rule="evenodd" data-instance="{item.index}" tabindex="0" '
        f'role="button" aria-pressed="{str(chosen).lower()}" aria-label="{label}" style="--tint: {_css(item.colour)}">'
        f"<title>{label}</title></path>"
    )


def _number(item: MaskItem, outline: Outline, *, chosen: bool) -> str:
    x, y = outline.spot
    state = " chosen" if chosen else ""
    where = f"left: {100 * x:.2f}%; top: {100 * y:.2f}%; --tint: {_css(item.colour)}"
    return (
        f'<span class="mask-number{state}" data-instance="{item.index}" aria-hidden="true" style="{where}">'
        f"{item.index + 1}</span>"
    )


def _row(row: InstanceRow, *, chosen: bool, notes: bool) -> str:
    number = row.index + 1
    swatch = f'<i class="swatch" style="--tint: {_css(row.colour)}"></i>'
    button = f'<button type="button" aria-label="Choose instance {number}">{swatch}{number}</button>'
    joined = "yes" if row.joined else "no"
    note = f'<span class="fallback">no cut in 3D</span> {escape(row.fallback)}' if row.fallback else ""
    figures = (f"{100 * row.area:.1f} %", f"{row.score:.2f}", f"{row.confidence:.2f}", f"{row.cut_value:.2f}")
    cells = "".join(f"<td>{text}</td>" for text in figures)
    state = ' class="chosen" aria-current="true"' if chosen else ""
    head = f'<tr{state} data-instance="{row.index}"><th scope="row">{button}</th>'
    last = f'<td class="note">{note}</td>' if notes else ""
    return f'{head}{cells}<td class="words">{joined}</td>{last}</tr>'


def _dropped(dropped: Iterable[Dropped]) -> str:
    lines = [f"<li>NCut {d.ncut + 1} gave no instance: {escape(d.reason)}.</li>" for d in dropped]
    listed = f'<ul class="mask-dropped">{"".join(lines)}</ul>' if lines else ""
    if len(lines) <= SHOWN_DROPPED:
        return listed
    return f'<details class="mask-folded"><summary>{len(lines)} cuts gave no instance</summary>{listed}</details>'


def _colour(index: int) -> Colour:
    red, green, blue = (int(c) for c in instance_colour(index))
    return red, green, blue


def _css(colour: Colour) -> str:
    return "rgb({} {} {})".format(*colour)


def _label(instance: Instance) -> str:
    area = 100 * instance.area / max(instance.mask.size, 1)
    return f"Instance {instance.number}, {area:.1f} % of the photo, confidence {instance.mean_confidence:.2f}"
