"""Recorded figures of the benchmarks: the tables and sentences of `benchmarks/*.md`."""

from __future__ import annotations

import re
from pathlib import Path

FOLDER = Path(__file__).parent


def table(name: str, heading: str = "") -> dict[str, dict[str, str]]:
    """Rows of a record, by first cell and column title, without bold and backticks.

    Args:
        name: Name of a file in `benchmarks/`.
        heading: Only rows under this heading; empty: the whole file.

    Raises:
        KeyError: There is no such heading.
    """
    titles: list[str] = []
    rows: dict[str, dict[str, str]] = {}
    for line in _under(name, heading).splitlines():
        if not line.startswith("|"):
            titles = []
            continue
        first, *cells = [cell.strip() for cell in line.replace("**", "").replace("`", "").strip("|").split("|")]
        if not titles:
            titles = cells
        elif not set(line) <= set("|:- "):
            rows[first] = dict(zip(titles, cells, strict=True))
    return rows


def row(name: str, start: str, heading: str = "") -> dict[str, str]:
    """The only row whose first cell starts with `start`.

    Raises:
        KeyError: No row or several rows start so.
    """
    found = [cells for first, cells in table(name, heading).items() if first.startswith(start)]
    if len(found) != 1:
        raise KeyError(f"{name} has {len(found)} rows that start with '{start}', not one")
    return found[0]


def median(name: str, start: str, heading: str = "", part: int = 0) -> str:
    """A figure as its benchmark printed it, without unit and spread; `part` selects one of several in a cell."""
    cell = row(name, start, heading)["figure"]
    return re.split(r" / |; |, ", re.sub(r" \([^)]*\)", "", cell))[part].split()[0].rstrip("×")


def sentence(name: str, pattern: str) -> str:
    """The group of a regular expression that matches a record with one value.

    Raises:
        KeyError: It matches with no value or with several.
    """
    found = set(re.findall(pattern, (FOLDER / name).read_text(encoding="utf-8")))
    if len(found) != 1:
        raise KeyError(f"{name} says '{pattern}' in {len(found)} ways, not one")
    return found.pop()


def made_by(name: str) -> tuple[str, str]:
    """The command that made a record, and the day on which it ran.

    Raises:
        KeyError: The record does not say so, in a line `Measured on YYYY-MM-DD by `COMMAND``.
    """
    found = re.search(r"(?:Measured|Made) on (\d{4}-\d{2}-\d{2}) by `([^`]+)`", (FOLDER / name).read_text("utf-8"))
    if not found:
        raise KeyError(f"{name} does not say when it was measured, and by which command")
    return found[2], found[1]


def _under(name: str, heading: str) -> str:
    text = (FOLDER / name).read_text(encoding="utf-8")
    if not heading:
        return text
    parts = re.split(r"^## (.*)$", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))[heading]
