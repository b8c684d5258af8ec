"""File names of two documents, matched by their longest unique end: `x/img.jpg` is `val/x/img.jpg`."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

Parts = tuple[str, ...]  # folders and file name, the outermost first
LONGEST_END = 32  # parts that are compared
PHOTO_SUFFIX = re.compile(
    r"\.(jpe?g|jpe|jfif|png|bmp|gif|webp|tiff?|p[gpn]m|heic|heif|avif|jp2)\Z", re.IGNORECASE | re.ASCII
)


def name_parts(name: str) -> Parts:
    """Folders and file name, whatever the separator is; the same letters are the same in all forms of Unicode."""
    whole = unicodedata.normalize("NFC", name).replace("\\", "/")
    return tuple(part for part in whole.split("/") if part not in ("", "."))


def _without_case(parts: Parts) -> Parts:
    return tuple(part.casefold() for part in parts)


def _without_suffix(parts: Parts) -> Parts:
    return (*(part.casefold() for part in parts[:-1]), PHOTO_SUFFIX.sub("", parts[-1]).casefold()) if parts else ()


SPELLINGS: tuple[Callable[[Parts], Parts], ...] = (lambda parts: parts, _without_case, _without_suffix)
"""How names are compared, the strictest first."""


@dataclass(frozen=True, slots=True)
class NameMatch:
    """The image that a name means.

    Attributes:
        image: What the index calls it.
        name: Its own name.
        spelling: Index into `SPELLINGS`; above 0 the names differ in case or suffix.
        length: Number of parts, from the end, that are the same; 0 if the whole names are the same.
        other_folder: Whether the folders in front of them differ.
    """

    image: Hashable
    name: Parts
    spelling: int
    length: int
    other_folder: bool

    @property
    def rank(self) -> tuple[int, int]:
        """The smaller, the more of the names is the same."""
        return self.spelling, -(self.length or LONGEST_END + 1)


class NameIndex:
    """Images by all ends of their names, so that a name is found without a comparison with each of them.

    Args:
        names: Names by image.
        asked: All names that `find` will be asked for: a folder that one side has elsewhere is not taken for another.
    """

    def __init__(self, names: Mapping[Any, Parts], asked: Mapping[Any, Parts]) -> None:
        self._names = names
        times = Counter(names.values())
        self._whole = {parts: image for image, parts in names.items() if times[parts] == 1}
        self._ends: list[dict[Parts, list[Hashable]] | None] = [None] * len(SPELLINGS)
        self._asked = asked

    def find(self, parts: Parts) -> NameMatch | None:
        """The image with this name, else the only one with its longest end; then without case, then without suffix."""
        if parts in self._whole:
            return NameMatch(self._whole[parts], parts, 0, 0, other_folder=False)
        for number, spelling in enumerate(SPELLINGS):
            found = self._by_end(number, spelling(parts))
            if found is not None:
                return found
        return None

    def _by_end(self, number: int, parts: Parts) -> NameMatch | None:
        ends, length = self._ends_of(number), 0
        while length < min(len(parts), LONGEST_END) and parts[-length - 1 :] in ends:
            length += 1
        candidates = ends[parts[-length:]] if length else []
        if len(candidates) != 1:
            return None
        name = self._names[candidates[0]]
        own, true = (folder_before(one, length) for one in (parts, _without_case(name) if number else name))
        differs = own is not None and true is not None and own != true
        if differs and self._elsewhere(length, own or "", true or ""):
            return None
        return NameMatch(candidates[0], name, number, length, other_folder=differs)

    def _elsewhere(self, length: int, own: str, true: str) -> bool:
        """Whether one of two folders at the same place is known to the other side: then it is not another name."""
        known, asked = self._folders
        return (length, own.casefold()) in known or (length, true.casefold()) in asked

    def _ends_of(self, number: int) -> dict[Parts, list[Hashable]]:
        found = self._ends[number]
        if found is None:
            found = defaultdict(list)
            for image, name in self._names.items():
                parts = SPELLINGS[number](name)
                for length in range(1, min(len(parts), LONGEST_END) + 1):
                    found[parts[-length:]].append(image)
            self._ends[number] = found = dict(found)
        return found

    @cached_property
    def _folders(self) -> tuple[set[tuple[int, str]], set[tuple[int, str]]]:
        """All folders on both sides, each with the number of parts behind it."""
        return _folders(self._names), _folders(self._asked)


def folder_before(parts: Parts, length: int) -> str | None:
    """The folder in front of the last parts; None if there is none."""
    return parts[-length - 1] if len(parts) > length else None


def _folders(names: Mapping[Any, Parts]) -> set[tuple[int, str]]:
    return {
        (length, parts[-length - 1].casefold())
        for parts in names.values()
        for length in range(1, min(len(parts), LONGEST_END + 1))
    }


def match_names(true: Mapping[Any, Parts], own: Mapping[Any, Parts]) -> dict[Hashable, NameMatch]:
    """The image of the ground truth for each image of the predictions that has one.

    If several predicted images could be the same one, it is the one with the most similar name; of equals, none.
    """
    index = NameIndex(true, own)
    claims: dict[Hashable, list[tuple[tuple[int, int], Hashable, NameMatch]]] = defaultdict(list)
    for image, parts in own.items():
        found = index.find(parts)
        if found is not None:
            claims[found.image].append((found.rank, image, found))
    matched: dict[Hashable, NameMatch] = {}
    for claimed in claims.values():
        best = min(rank for rank, _, _ in claimed)
        first, *others = [(image, found) for rank, image, found in claimed if rank == best]
        if not others:
            matched[first[0]] = first[1]
    return {image: matched[image] for image in own if image in matched}
