"""Where a source is and which one it is, so that a resumed run never mixes the photos of two."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from cuts3d.errors import InputError, shown
from cuts3d.extract.entry import Entry
from cuts3d.extract.sources import entries
from cuts3d.extract.tars import is_tar_name
from cuts3d.weights.files import sha256_of


@dataclass(frozen=True, slots=True)
class Place:
    """A source as it is on disk, whatever it was called.

    Attributes:
        path: Absolute path.
        resolved: The same without links.
        content: What is there: the identity of a folder, size and time of a tar file, the digest of a list.
    """

    path: str
    resolved: str
    content: str

    def to_dict(self) -> dict[str, Any]:
        """The place for JSON."""
        return asdict(self)


def place_of(source: Path) -> Place:
    """The place of a source.

    Raises:
        InputError: It cannot be read.
    """
    try:
        status = source.stat()
        if source.is_dir():
            content = f"folder {status.st_ino}"
        elif is_tar_name(source.name):
            content = f"tar {status.st_size} {status.st_mtime_ns}"
        else:
            content = f"list {sha256_of(source)}"
    except OSError as error:
        raise InputError(f"'{source}' could not be read: {error.strerror or error}.") from error
    return Place(os.path.abspath(source), os.path.realpath(source), content)


def is_same(before: dict[str, Any], now: Place) -> bool:
    """Whether the place that a run has recorded is that of the source now, and nothing else has been put there."""
    return (before["resolved"], before["content"]) == (now.resolved, now.content)


def is_moved(before: Place, now: Place) -> bool:
    """Whether the source has another place now.

    Raises:
        InputError: It is another one, because the earlier one is still there.
    """
    if before.resolved == now.resolved:
        return False
    if os.path.exists(before.resolved):
        raise InputError(
            f"There is an unfinished extraction of '{before.path}' for this --out; this is '{now.path}'. Give that "
            "source to resume it, or --overwrite to start again."
        )
    return True


def found_again(listed: Iterator[Entry], source: Path) -> Iterator[Entry]:
    """The images of an earlier listing as the source has them now; images that were added are left out.

    Raises:
        InputError: One of them is not there any more, or the order is another.
    """
    there = entries(source)
    for before in listed:
        now = next((entry for entry in there if entry.name == before.name), None)
        if now is None:
            raise InputError(
                f"There is an unfinished extraction for this --out, and '{source}' no longer holds the photos that it "
                f"lists, such as {shown(before.name)}: bring them back, or give --overwrite to start again."
            )
        yield now


def names_digest(source: Path) -> str:
    """Digest of the names and sizes in bytes of all images of a source, wherever it is.

    Raises:
        InputError: It cannot be listed.
    """
    found = hashlib.sha256()
    for entry in entries(source):
        try:
            size = entry.size if entry.offset is not None else os.stat(entry.path).st_size
        except OSError:  # it is missing
            size = -1
        found.update(f"{entry.name}\0{size}\n".encode(errors="surrogateescape"))
    return found.hexdigest()
