"""A segmentation as HTML, as notebooks show it: the masks over the photo, and a table. Plotly is not needed."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING

from cuts3d.figures.colours import css_colour, instance_rgb
from cuts3d.figures.masks import picture_uri, reduced_overlay

if TYPE_CHECKING:
    from cuts3d.types import Instance, Segmentation

SIDE = 640  # longer side of the picture, pixels
COLUMNS = ("#", "area, %", "score", "confidence", "box x, y, w, h, px", "note")
CELL = "padding:3px 12px 3px 0;text-align:left;font-variant-numeric:tabular-nums"


def segmentation_html(result: Segmentation) -> str:
    """The masks over the photo and a table of the instances, in the colours of the surrounding page.

    Args:
        result: What was found.
    """
    count = len(result.instances)
    words = f"{count} instance{'' if count == 1 else 's'}"
    source = f"backbone {escape(result.features.backbone)}, depth: {escape(result.depth.estimator)}"
    picture = (
        f'<img src="{picture_uri(reduced_overlay(result, SIDE))}" alt="The photo with {words}" '
        'style="display:block;width:100%;height:auto;border-radius:6px">'
    )
    heads = "".join(f'<th scope="col" style="{CELL};font-weight:600">{name}</th>' for name in COLUMNS)
    rows = "".join(_row(number, one) for number, one in enumerate(result.instances, start=1))
    table = (
        '<div style="overflow-x:auto"><table style="border-collapse:collapse;margin:8px 0;font-size:13px">'
        f"<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>"
    )
    dropped = "".join(f"<li>NCut {d.ncut + 1} gave no instance: {escape(d.reason)}</li>" for d in result.dropped)
    listed = f'<ul style="font-size:13px;opacity:.8;margin:4px 0;padding-left:18px">{dropped}</ul>' if dropped else ""
    return (
        f'<div class="cuts3d-result" style="max-width:{SIDE}px">{picture}'
        f'<p style="margin:8px 0 0"><b>{words}</b> <span style="opacity:.75">({source})</span></p>'
        f"{table if count else ''}{listed}</div>"
    )


def _row(number: int, instance: Instance) -> str:
    swatch = f'<span style="color:{css_colour(instance_rgb(number - 1))}" aria-hidden="true">■</span>'
    area = 100 * instance.area / max(instance.mask.size, 1)
    box = ", ".join(str(value) for value in instance.bbox)
    note = f"no cut in 3D: {escape(instance.cut.fallback)}" if instance.cut.fallback else ""
    cells = (f"{area:.1f}", f"{instance.score:.2f}", f"{instance.mean_confidence:.2f}", box, note)
    body = "".join(f'<td style="{CELL}">{cell}</td>' for cell in cells)
    line = "border-top:1px solid rgba(128,128,128,.35)"
    return f'<tr style="{line}"><th scope="row" style="{CELL};font-weight:500">{swatch} {number}</th>{body}</tr>'
