"""The table of the instances, and the list of cuts that gave none."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape

from cuts3d.config import SCORE_RULES
from cuts3d.figures.colours import RGB, css_colour, instance_rgb
from cuts3d.types import Dropped, Segmentation

SHOWN_DROPPED = 4  # dropped cuts that are listed; more are folded
COLUMNS = (
    ("#", "Number of the instance, the same everywhere on the page and in the files"),
    ("Area", "Percentage of the photo"),
    ("Score", ""),  # the rule in use says it
    ("Confidence", "Mean spatial confidence inside the mask"),
    ("Cut value", "Flow of the min-cut in 3D: a small flow means a weak connection to the rest"),
    ("Joined", "Whether source and sink were connected before the min-cut; if not, τ_knn had already separated them"),
    ("Note", "Fallbacks"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class InstanceRow:
    """One row of the table.

    Attributes:
        index: Instance, from 0.
        colour: sRGB, 0 to 255.
        area: Fraction of the photo, in [0, 1].
        score: Rank among the masks of all photos, in [0, 1].
        confidence: Mean spatial confidence, in [0, 1].
        cut_value: Flow of the min-cut, capacity units.
        joined: Whether source and sink were connected before the cut.
        fallback: Empty, or why the component of MaskCut was used instead.
    """

    index: int
    colour: RGB
    area: float
    score: float
    confidence: float
    cut_value: float
    joined: bool
    fallback: str = ""


def instance_rows(result: Segmentation) -> list[InstanceRow]:
    """The instances as rows of the table."""
    return [
        InstanceRow(
            index=index,
            colour=instance_rgb(index),
            area=x.area / max(x.mask.size, 1),
            score=x.score,
            confidence=x.mean_confidence,
            cut_value=x.cut.flow,
            joined=x.cut.connected,
            fallback=x.cut.fallback,
        )
        for index, x in enumerate(result.instances)
    ]


def instance_table(
    rows: Sequence[InstanceRow], dropped: Sequence[Dropped] = (), *, score: str, chosen: int | None = None
) -> str:
    """Table of the instances, and below it the cuts that gave no instance.

    Args:
        rows: One per instance; without rows, a sentence replaces the table.
        dropped: Cuts that were rejected, and why.
        score: Rule of the scores, one of `cuts3d.config.SCORE_RULES`.
        chosen: Index of the chosen instance.

    Returns:
        HTML; a table that is too wide scrolls sideways.
    """
    notes = any(row.fallback for row in rows)
    columns = COLUMNS if notes else COLUMNS[:-1]
    rule = f"Rank among the masks of all photos: {SCORE_RULES[score]}"
    heads = "".join(f'<th scope="col" title="{escape(why or rule)}">{name}</th>' for name, why in columns)
    body = "".join(_row(row, chosen=row.index == chosen, notes=notes) for row in rows)
    table = (
        '<div class="mask-scroll" role="region" aria-label="Instances" tabindex="0">'
        f"<table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>"
    )
    none = '<p class="mask-none">No instances.</p>'
    return f'<div class="mask-table">{table if rows else none}{_dropped(dropped)}</div>'


def _row(row: InstanceRow, *, chosen: bool, notes: bool) -> str:
    number = row.index + 1
    swatch = f'<i class="swatch" style="--tint: {css_colour(row.colour)}"></i>'
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
