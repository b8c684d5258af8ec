"""The photo with its masks as shapes to hover and click, for one `gr.HTML`.

Put `MASK_CSS` into the page's style sheet and `MASK_JS` into `js_on_load`. Everything that belongs to one instance
has the same `data-instance`. The script highlights these elements together, and sends the event `select` with
`{instance}`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from cuts3d.arrays import BoolArray
from cuts3d.figures.colours import RGB, css_colour, instance_rgb
from cuts3d.types import Instance
from ui.draw.outlines import Outline, outlined

MASK_CSS = Path(__file__).with_suffix(".css").read_text(encoding="utf-8")
MASK_JS = Path(__file__).with_suffix(".js").read_text(encoding="utf-8")


@dataclass(frozen=True, slots=True, eq=False)
class MaskItem:
    """One mask to show.

    Attributes:
        index: Instance, from 0; the number shown is one more.
        mask: bool [H, W], or its outline.
        colour: sRGB, 0 to 255.
        label: Tooltip and text for screen readers.
    """

    index: int
    mask: BoolArray | Outline
    colour: RGB
    label: str


def mask_items(instances: Sequence[Instance]) -> list[MaskItem]:
    """The instances as masks to show, in the palette's colours."""
    return [MaskItem(n, one.mask, instance_rgb(n), _label(n + 1, one)) for n, one in enumerate(instances)]


def object_items(numbers: Sequence[int], masks: Sequence[tuple[BoolArray | Outline, str]]) -> list[MaskItem]:
    """Masks with given numbers, in the palette's colours.

    Args:
        numbers: Number of each mask, from 0; it gives the colour.
        masks: The masks, each with the text that follows its number in the tooltip.
    """
    return [
        MaskItem(number, mask, instance_rgb(number), f"Object {number + 1}, {words}")
        for number, (mask, words) in zip(numbers, masks, strict=True)
    ]


def mask_panel(view: str, table: str) -> str:
    """Masks and table, side by side where there is room; their elements are highlighted together."""
    return f'<section class="mask-panel">{view}{table}</section>'


def mask_view(
    photo_src: str, masks: Sequence[MaskItem], shape: tuple[int, int], *, chosen: int | None = None, caption: str = ""
) -> str:
    """The photo with one shape per mask.

    Args:
        photo_src: Address or data URI of the photo, at any size of the same proportions; empty: the open photo.
        masks: What to draw; empty masks are left out. Smaller masks are drawn last, so that each can be hovered.
        shape: (H, W) of the photo and the masks, pixels.
        chosen: Index of the chosen instance.
        caption: Plain text below the photo; empty: none.

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


def _photo(src: str, shape: tuple[int, int]) -> str:
    height, width = shape
    if not src:
        return (
            f'<div class="mask-photo" role="img" aria-label="The photo" style="aspect-ratio: {width} / {height}"></div>'
        )
    return f'<img src="{escape(src)}" width="{width}" height="{height}" alt="The photo" draggable="false">'


def _path(item: MaskItem, outline: Outline, *, chosen: bool) -> str:
    label, state = escape(item.label), ' class="chosen"' if chosen else ""
    tint = css_colour(item.colour)
    return (
        f'<path{state} d="{outline.path}" fill-rule="evenodd" data-instance="{item.index}" tabindex="0" '
        f'role="button" aria-pressed="{str(chosen).lower()}" aria-label="{label}" style="--tint: {tint}">'
        f"<title>{label}</title></path>"
    )


def _number(item: MaskItem, outline: Outline, *, chosen: bool) -> str:
    x, y = outline.spot
    state = " chosen" if chosen else ""
    where = f"left: {100 * x:.2f}%; top: {100 * y:.2f}%; --tint: {css_colour(item.colour)}"
    return (
        f'<span class="mask-number{state}" data-instance="{item.index}" aria-hidden="true" style="{where}">'
        f"{item.index + 1}</span>"
    )


def _label(number: int, instance: Instance) -> str:
    area = 100 * instance.area / max(instance.mask.size, 1)
    return f"Instance {number}, {area:.1f} % of the photo, confidence {instance.mean_confidence:.2f}"
