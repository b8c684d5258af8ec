"""Sentences about what an evaluation could not compare, or what looks like a mistake of a file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

from cuts3d.errors import shown

MOST_NAMED = 3  # examples in a sentence


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that was left out, or that looks like a mistake.

    Attributes:
        kind: What it is about, for programs, such as `unmatched_images`; `docs/evaluation.md` lists all.
        count: Of how many images, objects, predictions or pairs it speaks.
        text: One or two sentences for people, without the names of the files.
    """

    kind: str
    count: int
    text: str


def counted(count: int, noun: str) -> str:
    """A number and its noun, such as "2 images"."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"


def examples(values: Iterable[object]) -> str:
    """The first few values, such as "'a.jpg', 'b.jpg', 'c.jpg', …"."""
    first = [shown(value) for value in islice(values, MOST_NAMED + 1)]
    return ", ".join(first[:MOST_NAMED]) + (", …" if len(first) > MOST_NAMED else "")


def unusable(noun: str, whose: str, faults: Sequence[str]) -> list[Notice]:
    """Says which annotations were left out because of their masks or boxes.

    Args:
        noun: "object" or "prediction".
        whose: "of the ground truth", or empty.
        faults: For each of them, such as "annotation 3 has the box …".
    """
    if not faults:
        return []
    more = f"; and {len(faults) - MOST_NAMED} more" if len(faults) > MOST_NAMED else ""
    what = " ".join(filter(None, (counted(len(faults), noun), whose)))
    text = f"Left out: {what} without a usable mask or box: {'; '.join(faults[:MOST_NAMED])}{more}."
    return [Notice(f"unusable_{noun}s", len(faults), text)]
