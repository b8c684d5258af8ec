"""The content of a photo in a few bytes: whether a photo is still the one that was labelled."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

from cuts3d.errors import InputError
from cuts3d.extract.entry import Entry

Stamp = list[Any]  # bytes, time of the last change in ns, digest of the content


def stamp_of(entry: Entry) -> Stamp | None:
    """The stamp of a photo; None if it cannot be read."""
    with suppress(OSError, InputError):
        size, changed = _size_and_time(entry)
        return [size, changed, _digest(entry)]
    return None


def is_changed(entry: Entry, stamp: Stamp | None) -> bool:
    """Whether another photo is at the place now. The content is read only if size and time do not decide it.

    A photo without a stamp, or one that is not there any more, counts as unchanged.
    """
    try:
        if stamp is None or _size_and_time(entry) == (stamp[0], stamp[1]):
            return False
        return _size_and_time(entry)[0] != stamp[0] or _digest(entry) != stamp[2]
    except InputError:
        return True
    except OSError:
        return False


def _size_and_time(entry: Entry) -> tuple[int, int]:
    status = os.stat(entry.path)
    return status.st_size if entry.offset is None else entry.size, status.st_mtime_ns


def _digest(entry: Entry) -> str:
    source = entry.open()
    if not isinstance(source, Path):
        return hashlib.blake2b(source.getbuffer(), digest_size=16).hexdigest()
    with source.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=16)).hexdigest()
