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
from collections.abc import Iterator

from benchmarks.readme_pages import (
    ABLATION,
    COLUMNS,
    DETECTOR,
    EXTRACT,
    EXTRACTED,
    LEARNT,
    METHODS,
    PAGES,
    QUOTED,
    ROOT,
    SHIPPED,
    Page,
)
from benchmarks.records import made_by, row

NUMBER = re.compile(
    r"(?<![A-Za-z\d.,])(?<![A-Za-z]-)\d+(?:[.,]\d+)*(?!D\b)"
    r"|\b(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|sixteen|twenty|thirty|forty|fifty|hundreds?|"
    r"thousands?|thousandths?|millions?|billions?|half|thirds?|quarters?|twice|thrice|doubles?|dozens?|\w+fold|hours?|"
    r"minutes)\b",
    re.IGNORECASE,
)
NO_PROSE = re.compile(r"\A---\n.*?\n---\n|```.*?```|`[^`\n]*`|\]\([^)\s]*\)|\bmethod \d+(?:\.\d+)?", re.DOTALL)


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


def _ratios() -> Iterator[str]:
    halves = (QUOTED, "First half: tuned on")
    for title, name in METHODS.items():
        if title == "MaskCut":
            continue
        texts = []
        for column in COLUMNS:
            ours, theirs = (
                [float(row(ABLATION, n, half)[column]) for half in halves] for n in (name, METHODS["MaskCut"])
            )
            quoted, tuned = (a / b for a, b in zip(ours, theirs, strict=True))
            texts.append(f"{column} {quoted:.2f}× ({tuned:.2f}×)")
        what = f"{title.replace('**', '')}, over MaskCut in the same run (and on the first half)"
        yield f"| {what} | {', '.join(texts)} |"
    for name in EXTRACTED.values():
        cell = row(EXTRACT, f"{name}: images a second")["figure"].split("; ")[1]
        yield f"| {name}: time over that of the networks alone in the same run | {cell} |"
    learnt, shipped = row(DETECTOR, LEARNT), row(DETECTOR, SHIPPED)
    texts = [f"{key} {float(shipped[key]) / float(learnt[key]):.2f}×" for key in (*COLUMNS, "pairs")]
    yield f"| the detector, over the pseudo-labels it learnt from | {', '.join(texts)} |"


def _blank(place: re.Match[str]) -> str:
    return re.sub(r"[^\n]", " ", place[0])


if __name__ == "__main__":
    main()
