"""The images that a text file lists, as any system writes it: encodings, line ends, slashes, quotes, labels."""

from __future__ import annotations

import codecs
import os
import re
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote

from cuts3d.errors import InputError, shown
from cuts3d.extract.entry import Entry
from cuts3d.extract.omitted import Omitted
from cuts3d.io.photo_names import is_photo_name

MARKS = {  # byte-order mark -> encoding; those of UTF-32 begin with that of UTF-16
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
    codecs.BOM_UTF8: "utf-8-sig",
}
SEPARATOR = re.compile(r"[\s,;|]+")  # between a path and a label
LONGEST_PATH = 8192  # characters; what is longer is no path on any system
QUOTES = "\"'"
FILE_URL = re.compile(r"file:(//(localhost)?)?(?=/)", re.IGNORECASE)
NAME_OF_COLUMN = re.compile(r"(file|image|img|photo)?[ _-]?(path|name|file|image|img|photo)s?", re.IGNORECASE)


def of_list(path: Path, omitted: Omitted) -> Iterator[Entry]:
    """All images of a list in its order, each once: those that are missing too.

    A line holds a path, relative to the list. The path is the longest beginning of the line that is a file; what
    follows is not used. Empty lines, lines that begin with `#`, and a first line of column names are left out.

    Args:
        path: The list, in UTF-8, or in UTF-16 with a byte-order mark; lines end as on any system.
        omitted: Counts what is left out.

    Raises:
        InputError: It cannot be read, or is no text.
    """
    folder = os.path.abspath(path.parent)
    listed: set[str] = set()
    begun = False
    for line in _lines(path):
        name, rest = _path_in(line, folder)
        where = os.path.join(folder, name)
        if not os.path.isfile(where) and (not line.strip() or line.lstrip().startswith("#")):
            continue
        first, begun = not begun, True
        if first and not os.path.isfile(where) and NAME_OF_COLUMN.fullmatch(SEPARATOR.split(line.strip())[0]):
            omitted.notes.add(f"The first line of the list names columns and is not used: {shown(line.strip())}.")
            continue
        identity = _identity(where)
        if identity in listed:
            omitted.duplicates.add(name)
            continue
        listed.add(identity)
        if rest:
            omitted.texts.add(rest)
        yield Entry(name=name, path=where)


def _lines(path: Path) -> Iterator[str]:
    """The lines without their ends. A line that is not in the encoding is accepted if a file has exactly that name."""
    try:
        with path.open("rb") as file:
            start = file.read(4096)
        encoding = next((name for mark, name in MARKS.items() if start.startswith(mark)), "utf-8")
        if encoding.startswith("utf-8") and b"\0" in start:
            raise InputError(f"'{path}' is no text file of paths; choose a folder, a list of paths or a tar file.")
        errors = "surrogateescape" if encoding.startswith("utf-8") else "strict"
        with path.open(encoding=encoding, errors=errors) as lines:
            for number, line in enumerate(lines, start=1):
                text = line.removesuffix("\n")
                if not _is_text(text) and not os.path.isfile(os.path.join(path.parent, text.strip())):
                    raise InputError(
                        f"Line {number} of '{path}' is not UTF-8, so it is no text file of paths, or one in another "
                        "encoding: save it as UTF-8."
                    )
                yield text
    except UnicodeError as error:
        raise InputError(f"'{path}' is no text file of paths: its encoding is damaged ({error}).") from None
    except OSError as error:
        raise InputError(f"'{path}' could not be read: {error.strerror or error}.") from error


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # it holds an escaped byte
        return False
    return "\0" not in text


def _path_in(line: str, folder: str) -> tuple[str, str]:
    """The path of a line, and the text behind it."""
    ends = [len(line), *reversed([match.start() for match in SEPARATOR.finditer(line.rstrip()[:LONGEST_PATH])])]
    missing: tuple[str, str] | None = None
    for end in ends:
        readings = _readings(line[:end])
        rest = line[end:].strip().strip(",;|").strip()
        found = next((text for text in readings if os.path.isfile(os.path.join(folder, text))), None)
        if found is not None:
            return found, rest
        if missing is None and is_photo_name(readings[-1]):
            missing = readings[-1], rest
    return missing or (_readings(line)[-1], "")


def _readings(text: str) -> list[str]:
    """A path as it may be meant: as it stands, without spaces and quotes, from a URL, with `/` for Windows' slashes."""
    found = [text, text.strip()]
    last = found[-1]
    if len(last) > 1 and last[0] == last[-1] and last[0] in QUOTES:
        found.append(last[1:-1].replace(last[0] * 2, last[0]))
    if match := FILE_URL.match(found[-1]):
        found.append(unquote(found[-1][match.end() :]))
    if found[-1].startswith("~"):
        found.append(os.path.expanduser(found[-1]))
    if "\\" in found[-1]:
        found.append(found[-1].replace("\\", "/"))
    composed = [unicodedata.normalize(form, found[-1]) for form in ("NFD", "NFC") if not found[-1].isascii()]
    return list(dict.fromkeys([*found, *composed]))


def _identity(path: str) -> str:
    """What a path leads to; that of a missing file is its text."""
    return os.path.realpath(os.path.join(_real_folder(os.path.dirname(path)), os.path.basename(path)))


@lru_cache(maxsize=4096)
def _real_folder(path: str) -> str:
    return os.path.realpath(path)
