"""What the listing of a source leaves out, so that no file is lost without a word."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cuts3d.errors import shown
from cuts3d.io.photo_names import WITHOUT, kind_of_name

MOST_NAMED = 20  # names of each kind that are kept
Note = Callable[[str], None]  # called with one sentence for people


@dataclass(slots=True)
class Named:
    """A count, with the first names that were counted."""

    count: int = 0
    first: list[str] = field(default_factory=list)

    def add(self, name: str) -> None:
        """Count one."""
        self.count += 1
        if len(self.first) < MOST_NAMED:
            self.first.append(name)


@dataclass(slots=True)
class Omitted:
    """Filled while a source is listed.

    Attributes:
        files: Files that are no photos, by suffix.
        duplicates: Further names of photos, folders and tar files that were listed under another name.
        unreadable: Folders that cannot be listed.
        texts: What followed a path on the lines of a list, such as a label.
        notes: Other sentences about the source.
    """

    files: Counter[str] = field(default_factory=Counter)
    duplicates: Named = field(default_factory=Named)
    unreadable: Named = field(default_factory=Named)
    texts: Named = field(default_factory=Named)
    notes: Named = field(default_factory=Named)

    def file(self, name: str) -> None:
        """Count a file that is no photo."""
        self.files[kind_of_name(name)] += 1

    def to_dict(self) -> dict[str, Any]:
        """The counts for JSON; empty if nothing was left out."""
        found: dict[str, Any] = {"files": dict(sorted(self.files.items()))} if self.files else {}
        for name in ("duplicates", "unreadable", "texts", "notes"):
            one: Named = getattr(self, name)
            if one.count:
                found[name] = {"count": one.count, "first": one.first}
        return found


def sentences(record: Mapping[str, Any]) -> list[str]:
    """`Omitted.to_dict()` for people, one sentence for each kind."""
    found = []
    if files := record.get("files"):
        kinds = ", ".join(f"{n} {kind}" for kind, n in sorted(files.items(), key=lambda one: (-one[1], one[0])))
        found.append(f"{_counted(sum(files.values()), 'file is no photo', 'files are no photos')} by name: {kinds}.")
    if "duplicates" in record:
        words = ("name leads to something that is", "names lead to something that is")
        found.append(_with_names(record["duplicates"], *words, "listed already, and is taken once"))
    if "unreadable" in record:
        found.append(_with_names(record["unreadable"], "folder", "folders", "cannot be listed"))
    if "texts" in record:
        found.append(_with_names(record["texts"], "line has", "lines have", "text behind the path, which is not used"))
    return [*found, *record.get("notes", {}).get("first", [])]


def no_photo(source: object, record: Mapping[str, Any]) -> str:
    """The error of a source without a photo."""
    found = " ".join(sentences(record))
    advice = " A text file of paths takes files of any name." if WITHOUT in record.get("files", {}) else ""
    return f"There is no image in '{source}'.{' ' if found else ''}{found}{advice}"


def _with_names(record: Mapping[str, Any], one: str, many: str, what: str) -> str:
    first = ", ".join(shown(name) for name in record["first"][:3]) + (", …" if record["count"] > 3 else "")
    return f"{_counted(record['count'], one, many)} {what}: {first}."


def _counted(count: int, one: str, many: str) -> str:
    return f"{count:,} {one if count == 1 else many}"
