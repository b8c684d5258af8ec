"""Every measured number of the README and of `docs/`, from the record that holds it: printed, checked, and written.

`make bench` prints them last. `python -m benchmarks.readme` alone checks the pages, and with `--write` it puts in what
the records say. A number is digits that stand apart, or a number word; those in code, names ("AP50", "3D", "v2.1") and
addresses do not count. Each is either in the page's claims, which say where it was measured, or in its descriptions,
which say why it is no measurement. There is no third way: `tests/project/test_readme_figures.py` checks it.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.readme_words import DEPLOY, DEPTH, EVALUATION, INDEX, LABELS, README, TRAINING
from benchmarks.records import made_by, median, row, sentence

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
SHARES = ("AP", "AP50", "AR10", "AR100")

NUMBER = re.compile(
    r"(?<![A-Za-z\d.,])(?<![A-Za-z]-)\d+(?:[.,]\d+)*(?!D\b)"
    r"|\b(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|sixteen|twenty|thirty|forty|fifty|hundreds?|"
    r"thousands?|thousandths?|millions?|billions?|half|thirds?|quarters?|twice|thrice|doubles?|dozens?|\w+fold|hours?|"
    r"minutes)\b",
    re.IGNORECASE,
)
NO_PROSE = re.compile(r"\A---\n.*?\n---\n|```.*?```|`[^`\n]*`|\]\([^)\s]*\)|\bmethod \d+(?:\.\d+)?", re.DOTALL)


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


def run() -> Iterator[str]:
    """All claims with record, command and day; then what they are relative to their reference in the same run."""
    for page in PAGES:
        for claim in page.claims():
            command, day = made_by(claim.record)
            words = str(claim).replace("**", "").strip("| ").replace(" | ", ", ")
            yield f"| {page.path}: {words} | {claim.record}, `{command}`, {day} |"
    yield from _ratios()
    for page in PAGES:
        for problem in problems(page.read(), page):
            yield f"| **differs** | {problem} |"


def problems(text: str, page: Page) -> list[str]:
    """What the text of a page says that no record does, sentence by sentence."""
    found, rest = [], text
    for claim in page.claims():
        places = list(claim.pattern.finditer(text))
        if len(places) != 1:
            found.append(f"'{claim.words}' stands {len(places)} times in {page.path}, not once ({claim.record})")
        for place in places:
            if place.groups() != claim.figures:
                said = " ".join(place[0].split())
                found.append(f"{page.path} says '{said}', {claim.record} says '{claim}'")
            rest = rest.replace(place[0], _blank(place))
    rest = NO_PROSE.sub(_blank, rest)
    for words in page.descriptions:
        pattern = re.compile(re.escape(words).replace(r"\ ", r"\s+"))
        if len(pattern.findall(rest)) != 1:
            found.append(f"'{words}', described as no measurement, does not stand in {page.path} once")
        rest = pattern.sub(_blank, rest)
    for number in NUMBER.finditer(rest):
        line = text[: number.start()].count("\n")
        found.append(
            f"'{number[0]}' in '{text.splitlines()[line].strip()}' ({page.path}) was measured by no benchmark that "
            "benchmarks/readme.py knows; if it is no measurement, say why in benchmarks/readme_words.py"
        )
    return found


def corrected(text: str, page: Page) -> str:
    """The text of a page with the records' figures in place of its own."""
    for claim in page.claims():
        for place in claim.pattern.finditer(text):
            spans = [place.span(n) for n in range(1, len(claim.figures) + 1)]
            for (begin, end), figure in reversed(list(zip(spans, claim.figures, strict=True))):
                text = text[:begin] + figure + text[end:]
            break  # a second place is a problem of its own
    return text


def main() -> None:
    """Check the pages, or write the records' figures into them."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.readme")
    parser.add_argument("--write", action="store_true", help="put the records' figures into the pages first")
    write = parser.parse_args().write
    found = []
    for page in PAGES:
        if write:
            (ROOT / page.path).write_text(corrected(page.read(), page), encoding="utf-8")
        found += problems(page.read(), page)
    print("\n".join(found) or "Every number of the pages is a record's, or no measurement.")
    sys.exit(1 if found else 0)


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
        figures = (*(cells[share] for share in SHARES), separated, *([pairs] if of else []))
        found.append(Claim(f"| {title} |" + " {} |" * len(SHARES) + " {}" + of + " |", figures, ABLATION))
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
        shares = [cells[share] for share in SHARES]
        figures = (*shares, _count(cells["pairs"], all_pairs), *([all_pairs] if of else []), seconds)
        found.append(Claim(f"| {title} |" + " {} |" * len(SHARES) + " {}" + of + " | {} |", figures, DETECTOR))
    return found


def _deploy() -> list[Claim]:
    return [Claim("peaks at {} MB with sixteen", (sentence(LOAD, r"peak \| .*, ([\d,]+) MB \|"),), LOAD)]


def _nothing() -> list[Claim]:
    return []


PAGES = (
    Page("README.md", _readme, README),
    Page("docs/index.md", _nothing, INDEX),
    Page("docs/labels.md", _labels, LABELS),
    Page("docs/training.md", _training, TRAINING),
    Page("docs/deploy.md", _deploy, DEPLOY),
    Page("docs/evaluation.md", _nothing, EVALUATION),
    Page("docs/depth.md", _nothing, DEPTH),
)


def _ratios() -> Iterator[str]:
    halves = (QUOTED, "First half: tuned on")
    for title, name in METHODS.items():
        if title == "MaskCut":
            continue
        texts = []
        for share in SHARES:
            ours, theirs = (
                [float(row(ABLATION, n, half)[share]) for half in halves] for n in (name, METHODS["MaskCut"])
            )
            quoted, tuned = (a / b for a, b in zip(ours, theirs, strict=True))
            texts.append(f"{share} {quoted:.2f}× ({tuned:.2f}×)")
        what = f"{title.replace('**', '')}, over MaskCut in the same run (and on the first half)"
        yield f"| {what} | {', '.join(texts)} |"
    for name in EXTRACTED.values():
        cell = row(EXTRACT, f"{name}: images a second")["figure"].split("; ")[1]
        yield f"| {name}: time over that of the networks alone in the same run | {cell} |"
    learnt, shipped = row(DETECTOR, LEARNT), row(DETECTOR, SHIPPED)
    texts = [f"{key} {float(shipped[key]) / float(learnt[key]):.2f}×" for key in (*SHARES, "pairs")]
    yield f"| the detector, over the pseudo-labels it learnt from | {', '.join(texts)} |"


def _dev_images() -> str:
    return sentence(DETECTOR, r"COCO dev, (\d+) images")


def _count(percent: str, of: str) -> str:
    """How many of so many a percentage is, e.g. of 168 pairs."""
    return str(round(float(percent) * int(of) / 100))


def _blank(place: re.Match[str]) -> str:
    return re.sub(r"[^\n]", " ", place[0])


if __name__ == "__main__":
    main()
