"""What a format cannot hold, counted and said."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

TEXTS = {  # kind -> the sentence; {} is the count
    "unusable": "left out: {} without a usable mask or box",
    "low_scores": "left out: {} with a lower score than asked for, or with none",
    "crowds": "left out: {} marked as a crowd (iscrowd), which the format does not know",
    "scores": "{} lost their score, for which the format has no place",
    "joined": "{} with several parts are one polygon each: the parts are joined by lines, drawn one pixel wide",
    "bridged": "{} with holes are polygons that go around the hole along a seam",
    "filled": "{} lost their holes: no seam was found",
    "dropped": "{} lost small parts, too thin for a polygon",
    "boxed": "{} too thin for any polygon are the polygon of their box",
    "box_polygons": "{} that have a box only are the polygon of their box, because the others have masks",
    "covered": "{} are partly covered by another in the picture of masks, which holds one object per pixel",
    "beyond": "{} beyond the 254th of a photo are not in its picture of masks",
    "rounded": "{} have a box that was rounded to whole pixels",
    "missing": "{} are not in the folder of the photos and were not copied",
    "turned": "{} have an EXIF orientation: tools that ignore it show the photo turned, without its labels",
    "suffixes": "{} are no .jpg files; some readers of the format expect this suffix",
}
PHOTOS = ("missing", "turned", "suffixes")


@dataclass(slots=True)
class Losses:
    """Counts of what a conversion leaves out or changes.

    Attributes:
        counts: By the kinds of `TEXTS`.
    """

    counts: Counter[str] = field(default_factory=Counter)

    def add(self, kind: str, number: int = 1) -> None:
        """Count objects, or photos, of a kind of `TEXTS`."""
        if number:
            self.counts[kind] += number

    def sentences(self) -> list[str]:
        """One sentence for each kind that occurred."""
        return [_sentence(kind, self.counts[kind]) for kind in TEXTS if self.counts[kind]]


def _sentence(kind: str, count: int) -> str:
    noun = "photo" if kind in PHOTOS else "object"
    text = TEXTS[kind].format(f"{count:,} {noun}" + ("" if count == 1 else "s"))
    return f"{text[0].upper()}{text[1:]}."
