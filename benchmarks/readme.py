"""Every measured number of the README, from the record that holds it: printed, checked, and written.

`make bench` prints them last; `python -m benchmarks.readme` alone checks the README, and with `--write` it puts in what
the records say. A number is digits that stand alone, or a number word; those in code, names ("AP50", "3D", "v2.1") and
addresses are none. Each is either in `claims`, which say where it was measured, or in `DESCRIPTIVE`, which says why it
need not be: there is no third way, `tests/test_readme_figures.py` holds the README to it.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.records import made_by, median, row, sentence

README = Path(__file__).parents[1] / "README.md"
ABLATION, DETECTOR, EXTRACT = "ablation.md", "detector.md", "extract.md"
LOAD, RESULTS = "load.md", "results.md"
QUOTED = "Second half: to quote"
METHODS = {  # the README's rows of masks without training: their first cell, and the record's row
    "MaskCut": "MaskCut on our features: last tokens, τ_ncut 0.05",
    "TokenCut": "TokenCut",
    "VoteCut": "VoteCut",
    "ProMerge": "ProMerge",
    "**ours**, N = 3": "+ distinctness as score: ours, the default",
    "**ours**, adaptive N": "ours, adaptive N",
}
EXTRACTED = {  # the README's rows of costs, and the record's name
    "`cuts3d`": "cuts3d",
    "`cuts3d --preset adaptive`": "cuts3d, adaptive N",
    "`maskcut`": "maskcut",
    "`votecut`": "votecut",
}
LEARNT, SHIPPED = "pseudo-labels", "shipped"  # how the detector's rows begin in its record
SHARES = ("AP", "AP50", "AR10", "AR100")

DESCRIPTIVE = {  # words of the README, and why their numbers are no measurements
    "ICCV 2025": "a year",
    "the ten stages of a photo": "what a picture shows",
    "all ten stages": "the method's stages",
    "Debian with Python 3.11": "a version",
    "Exit codes: 0 done, 1 a clear error, 2 wrong use": "exit codes",
    "The same four are MCP tools": "the endpoints listed above it",
    "the last 16 photos stay open": "a setting of `ui/session/sessions.py`",
    "to [β, 1]": "a range",
    "DINOv2 ViT-S/14": "a network's name",
    "DPT (MiDaS 3.0)": "a version",
    "255 steps on the patch grid": "a format",
    "runs in half precision": "a number format",
    "Measured on two cores without a GPU": "the machine",
    "at 0.04 dollars a core and hour": "an assumption, a constant of `benchmarks/extract.py`",
    "ImageNet-1k, 1.28 M images | images a second, 2 cores": "the data set's size, the machine",
    "core-hours | days on 16 cores": "what is computed",
    "at most 100 predictions an image": "COCO's rule",
    "meets some object at IoU ≥ 0.5": "a definition",
    "whose two members are found (mask IoU ≥ 0.5) by two different masks": "a definition",
    "a list of its 19,817 images": "the data set's size",
    "trained on two cores in an hour and a half": "the machine, and about how long; `benchmarks/detector.md` has it",
    "the paper's threefold AP: its training is some thousandths": "the paper's claim, and the ratio of two schedules",
    "eight visitors at once": "what is measured",
}
NUMBER = re.compile(
    r"(?<![A-Za-z\d.,])(?<![A-Za-z]-)\d+(?:[.,]\d+)*(?!D\b)"
    r"|\b(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|thirty|forty|fifty|hundreds?|thousands?|"
    r"thousandths?|millions?|billions?|half|thirds?|quarters?|twice|thrice|dozens?|\w+fold|hours?|minutes)\b",
    re.IGNORECASE,
)
NO_PROSE = re.compile(r"\A---\n.*?\n---\n|```.*?```|`[^`\n]*`|\]\([^)\s]*\)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Claim:
    """Words of the README with `{}` for each figure, and what the record says in their places."""

    words: str
    figures: tuple[str, ...]
    record: str

    @property
    def pattern(self) -> re.Pattern[str]:
        """The words, on however many lines, whose figures may be bold."""
        words = re.escape(self.words).replace(r"\ ", r"\s+")
        return re.compile(words.replace(r"\{\}", r"\**(\d[\d.,]*(?<![.,]))\**"))

    def __str__(self) -> str:
        return self.words.replace("{}", "%s") % self.figures


def run() -> Iterator[str]:
    """All claims with record, command and day; then what they are against their reference in the same run."""
    for claim in claims():
        command, day = made_by(claim.record)
        words = str(claim).replace("**", "").strip("| ").replace(" | ", ", ")
        yield f"| README: {words} | {claim.record}, `{command}`, {day} |"
    yield from _ratios()
    for problem in problems(README.read_text(encoding="utf-8")):
        yield f"| **differs** | {problem} |"


def claims() -> list[Claim]:
    """What the README may say, as the records say it."""
    pairs, photos = sentence(ABLATION, r"touching pair of (\d+)"), sentence(ABLATION, r"not tuned on \((\d+) images\)")
    all_pairs = sentence(DETECTOR, r"of (\d+)\s+touching pairs")
    gigabytes = float(median(RESULTS, "Python packages of requirements.txt", "shipped"))
    found = [
        Claim("{} GB of Python packages", (f"{gigabytes:.0f}",), RESULTS),
        Claim("the {} images not tuned on", (photos,), ABLATION),
        Claim("EfficientNet-Lite0, {} MB", (median(RESULTS, "the detector's file", "shipped"),), RESULTS),
        Claim("peaks at {} MB with sixteen", (sentence(LOAD, r"peak \| .*, ([\d,]+) MB \|"),), LOAD),
        Claim("COCO dev, {} images: |", (sentence(DETECTOR, r"COCO dev, (\d+) images"),), DETECTOR),
        Claim("on {} photos; its backbone", (sentence(DETECTOR, r"learnt from ([\d,]+) photos"),), DETECTOR),
    ]
    for title, name in EXTRACTED.items():
        figures = [median(EXTRACT, f"{name}: images a second", part=n) for n in (0, 1)]
        figures += [median(EXTRACT, f"ImageNet-1k by {name}: core-hours", part=n) for n in (0, 1, 3)]
        found.append(Claim(f"| {title} |" + " {} |" * len(figures), tuple(figures), EXTRACT))
    for title, name in METHODS.items():
        cells = row(ABLATION, name, QUOTED)
        separated = _count(cells["pairs, %"], pairs)
        of = " of {}" if title == "MaskCut" else ""  # the first row says of how many
        figures = (*(cells[share] for share in SHARES), separated, *([pairs] if of else []))
        found.append(Claim(f"| {title} |" + " {} |" * len(SHARES) + " {}" + of + " |", figures, ABLATION))
    rate = float(median(EXTRACT, "cuts3d, adaptive N: images a second"))
    for title, name, seconds in (
        ("the pseudo-labels it learnt from", LEARNT, f"{1 / rate:.1f}"),
        ("**the detector**", SHIPPED, sentence(DETECTOR, r"([\d.]+) s on two cores")),
    ):
        cells = row(DETECTOR, name)
        of = " of {}" if name == LEARNT else ""
        shares = [cells[share] for share in SHARES]
        figures = (*shares, _count(cells["pairs"], all_pairs), *([all_pairs] if of else []), seconds)
        found.append(Claim(f"| {title} |" + " {} |" * len(SHARES) + " {}" + of + " | {} |", figures, DETECTOR))
    return found


def problems(readme: str) -> list[str]:
    """What a README says that no record does, sentence by sentence.

    Args:
        readme: Its text.
    """
    found, rest = [], readme
    for claim in claims():
        places = list(claim.pattern.finditer(readme))
        if len(places) != 1:
            found.append(f"'{claim.words}' stands {len(places)} times in the README, not once ({claim.record})")
        for place in places:
            if place.groups() != claim.figures:
                said = " ".join(place[0].split())
                found.append(f"the README says '{said}', {claim.record} says '{claim}'")
            rest = rest.replace(place[0], _blank(place))
    rest = NO_PROSE.sub(_blank, rest)
    for words in DESCRIPTIVE:
        pattern = re.compile(re.escape(words).replace(r"\ ", r"\s+"))
        if len(pattern.findall(rest)) != 1:
            found.append(f"'{words}' of `DESCRIPTIVE` does not stand in the README once: take it out or correct it")
        rest = pattern.sub(_blank, rest)
    for number in NUMBER.finditer(rest):
        line = readme[: number.start()].count("\n")
        found.append(
            f"'{number[0]}' in '{readme.splitlines()[line].strip()}' was measured by no benchmark that `claims` of "
            "benchmarks/readme.py knows; if it is no measurement, say why in `DESCRIPTIVE`"
        )
    return found


def corrected(readme: str) -> str:
    """A README with the records' figures in the places of its own."""
    for claim in claims():
        for place in claim.pattern.finditer(readme):
            spans = [place.span(n) for n in range(1, len(claim.figures) + 1)]
            for (begin, end), figure in reversed(list(zip(spans, claim.figures, strict=True))):
                readme = readme[:begin] + figure + readme[end:]
            break  # a second place is a problem of its own
    return readme


def main() -> None:
    """Check the README, or write the records' figures into it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.readme")
    parser.add_argument("--write", action="store_true", help="put the records' figures into README.md first")
    if parser.parse_args().write:
        README.write_text(corrected(README.read_text(encoding="utf-8")), encoding="utf-8")
    found = problems(README.read_text(encoding="utf-8"))
    print("\n".join(found) or "Every number of the README is a record's, or no measurement.")
    sys.exit(1 if found else 0)


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


def _count(percent: str, of: str) -> str:
    """How many a share is, e.g. of 168 pairs."""
    return str(round(float(percent) * int(of) / 100))


def _blank(place: re.Match[str]) -> str:
    return re.sub(r"[^\n]", " ", place[0])


if __name__ == "__main__":
    main()
