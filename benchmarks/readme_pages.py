"""Pages whose numbers are checked, and what the records say for each measured number of theirs."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.readme_words import DEPLOY, DEPTH, EVALUATION, INDEX, LABELS, README, TRAINING
from benchmarks.records import median, row, sentence

ROOT = Path(__file__).parents[1]
ABLATION, DETECTOR, EXTRACT = "ablation.md", "detector.md", "extract.md"
LOAD, RESULTS = "load.md", "results.md"
QUOTED = "Second half: to quote"
METHODS = {  # the README's rows of masks without training: their first cell, and the start of the record's row
    "MaskCut": "MaskCut on our features: last tokens, τ_ncut 0.05",
    "MaskCut with our score": "MaskCut on our features, with our score",
    "TokenCut": "TokenCut",
    "VoteCut": "VoteCut",
    "ProMerge": "ProMerge",
    "ours, ranked by confidence": "+ every region until it is used up",
    "ours without sharpening": "ours without importance",
    "**ours**, N = 3": "+ distinctness as score: ours, the default",
    "**ours**, adaptive N": "ours, adaptive N",
}
EXTRACTED = {  # the rows of costs, and the record's name
    "ours, N = 3": "cuts3d",
    "ours, adaptive N": "cuts3d, adaptive N",
    "`maskcut`": "maskcut",
    "`votecut`": "votecut",
}
LEARNT, SHIPPED = "pseudo-labels", "shipped"  # how the detector's rows begin in its record
COLUMNS = ("AP", "AP50", "AR10", "AR100")


@dataclass(frozen=True, slots=True)
class Claim:
    """Words of a page with `{}` for each figure, and the figures that the record has for them."""

    words: str
    figures: tuple[str, ...]
    record: str

    @property
    def pattern(self) -> re.Pattern[str]:
        """The words, on however many lines, whose figures may be bold."""
        words = re.escape(self.words).replace(r"\ ", r"\s+")
        return re.compile(words.replace(r"\{\}", r"\**(\d[\d.,]*(?<![.,]))\**"))

    def __str__(self) -> str:
        return self.words.format(*self.figures)


@dataclass(frozen=True, slots=True)
class Page:
    """A page whose numbers are checked.

    Attributes:
        path: Where it is, from the project's root.
        claims: Reads its measured numbers from the records.
        descriptions: Words of the page, and why their numbers are no measurements.
    """

    path: str
    claims: Callable[[], list[Claim]]
    descriptions: Mapping[str, str]

    def read(self) -> str:
        """Its text."""
        return (ROOT / self.path).read_text(encoding="utf-8")


def _readme() -> list[Claim]:
    pairs, photos = sentence(ABLATION, r"touching pair of (\d+)"), sentence(ABLATION, r"not tuned on \((\d+) images\)")
    gigabytes = float(median(RESULTS, "Python packages of requirements.txt", "shipped"))
    shipped, learnt = (row(DETECTOR, name)["AP"] for name in (SHIPPED, LEARNT))
    found = [
        Claim("{} GB of Python packages", (f"{gigabytes:.0f}",), RESULTS),
        Claim("the {} images not used for tuning", (photos,), ABLATION),
        Claim("mask AP {} on all {} images of COCO dev", (shipped, _dev_images()), DETECTOR),
        Claim("where its pseudo-labels have {}", (learnt,), DETECTOR),
    ]
    for title, name in METHODS.items():
        cells = row(ABLATION, name, QUOTED)
        separated = _count(cells["pairs, %"], pairs)
        of = " of {}" if title == "MaskCut" else ""  # the first row says of how many
        figures = (*(cells[column] for column in COLUMNS), separated, *([pairs] if of else []))
        found.append(Claim(f"| {title} |" + " {} |" * len(COLUMNS) + " {}" + of + " |", figures, ABLATION))
    return found


def _labels() -> list[Claim]:
    found = []
    for title, name in EXTRACTED.items():
        figures = [median(EXTRACT, f"{name}: images a second", part=n) for n in (0, 1)]
        figures += [median(EXTRACT, f"ImageNet-1k by {name}: core-hours", part=n) for n in (0, 1, 3)]
        found.append(Claim(f"| {title} |" + " {} |" * len(figures), tuple(figures), EXTRACT))
    return found


def _training() -> list[Claim]:
    all_pairs = sentence(DETECTOR, r"of (\d+)\s+touching pairs")
    right = row(DETECTOR, "of which some object")
    found = [
        Claim("EfficientNet-Lite0, {} MB", (median(RESULTS, "the detector's file", "shipped"),), RESULTS),
        Claim("on {} photos; its backbone", (sentence(DETECTOR, r"learnt from ([\d,]+) photos"),), DETECTOR),
        Claim("COCO dev, {} images: |", (_dev_images(),), DETECTOR),
        Claim("{} % are right", (right["0.32–0.4"],), DETECTOR),
        Claim("{} % at 0.4 to 0.5", (right["0.4–0.5"],), DETECTOR),
        Claim("and {} % at 0.5 to 0.6", (right["0.5–0.6"],), DETECTOR),
    ]
    rate = float(median(EXTRACT, "cuts3d, adaptive N: images a second"))
    for title, name, seconds in (
        ("the pseudo-labels it was trained on", LEARNT, f"{1 / rate:.1f}"),
        ("**the detector**", SHIPPED, sentence(DETECTOR, r"([\d.]+) s on two cores")),
    ):
        cells = row(DETECTOR, name)
        of = " of {}" if name == LEARNT else ""
        found_figures = [cells[column] for column in COLUMNS]
        figures = (*found_figures, _count(cells["pairs"], all_pairs), *([all_pairs] if of else []), seconds)
        found.append(Claim(f"| {title} |" + " {} |" * len(COLUMNS) + " {}" + of + " | {} |", figures, DETECTOR))
    return found


def _deploy() -> list[Claim]:
    return [Claim("peaks at {} MB with sixteen", (sentence(LOAD, r"peak \| .*, ([\d,]+) MB \|"),), LOAD)]


def _nothing() -> list[Claim]:
    return []


def _dev_images() -> str:
    return sentence(DETECTOR, r"COCO dev, (\d+) images")


def _count(percent: str, of: str) -> str:
    """How many of so many a percentage is, e.g. of 168 pairs."""
    return str(round(float(percent) * int(of) / 100))


PAGES = (
    Page("README.md", _readme, README),
    Page("docs/index.md", _nothing, INDEX),
    Page("docs/labels.md", _labels, LABELS),
    Page("docs/training.md", _training, TRAINING),
    Page("docs/deploy.md", _deploy, DEPLOY),
    Page("docs/evaluation.md", _nothing, EVALUATION),
    Page("docs/depth.md", _nothing, DEPTH),
)
