"""Images of a folder, a text file of paths, or WebDataset tar files, in one order, without opening any."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cuts3d.errors import InputError

SUFFIXES = frozenset((".avif", ".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"))
TAR = ".tar"


@dataclass(frozen=True, slots=True)
class Entry:
    """Where one image lies.

    Attributes:
        name: What the result calls it: its path inside the source, with `/`.
        path: Its file, or the tar file that holds it.
        offset: Where its bytes begin in the tar file; None for a file of its own.
        size: Its bytes in the tar file.
    """

    name: str
    path: str
    offset: int | None = None
    size: int = 0

    def open(self) -> Path | io.BytesIO:
        """What the image can be read from.

        Raises:
            InputError: The tar file is not what it was when it was listed.
        """
        if self.offset is None:
            return Path(self.path)
        try:
            with open(self.path, "rb") as file:
                file.seek(self.offset)
                content = file.read(self.size)
        except OSError as error:
            raise InputError(f"'{self.name}' could not be read from its tar file ({error.strerror}).") from error
        if len(content) != self.size:
            raise InputError(f"'{self.name}' is cut off: its tar file ends before it does.")
        return io.BytesIO(content)

    def to_dict(self) -> dict[str, Any]:
        """Without what is empty, for JSON."""
        place = {} if self.offset is None else {"offset": self.offset, "size": self.size}
        return {"name": self.name, "path": self.path, **place}


def entries(source: Path) -> Iterator[Entry]:
    """All images of a source, in an order that depends on their names only.

    Args:
        source: A folder (searched to its end, tar files in it included), a tar file, or a text file with one path a
            line, relative to itself; empty lines and lines that begin with `#` count for nothing.

    Raises:
        InputError: There is no such source, or it cannot be listed.
    """
    if source.is_dir():
        yield from _of_folder(source, "", set())
    elif not source.exists():
        raise InputError(f"There is no folder or file '{source}'.")
    elif source.suffix.lower() == TAR:
        yield from _of_tar(source, "")
    else:
        yield from _of_list(source)


def _of_folder(folder: Path, prefix: str, above: set[tuple[int, int]]) -> Iterator[Entry]:
    status = folder.stat()
    place = (status.st_dev, status.st_ino)
    if place in above:  # a link that leads back up
        return
    try:
        found = sorted(os.scandir(folder), key=lambda one: one.name)
    except OSError as error:
        raise InputError(f"The folder '{folder}' cannot be listed: {error.strerror}.") from error
    for one in found:
        name, suffix = prefix + one.name, os.path.splitext(one.name)[1].lower()
        if one.is_dir():
            yield from _of_folder(Path(one.path), f"{name}/", above | {place})
        elif suffix == TAR:
            yield from _of_tar(Path(one.path), f"{name}/")
        elif suffix in SUFFIXES and not one.name.startswith("."):
            yield Entry(name=name, path=one.path)


def _of_tar(path: Path, prefix: str) -> Iterator[Entry]:
    try:
        with tarfile.open(path, mode="r:") as archive:
            for member in archive:
                if member.isreg() and os.path.splitext(member.name)[1].lower() in SUFFIXES:
                    yield Entry(prefix + member.name, str(path), member.offset_data, member.size)
                archive.members.clear()  # pyright: ignore[reportAttributeAccessIssue] - it would remember them all
    except tarfile.TarError as error:
        raise InputError(f"'{path}' is no plain tar file ({error}); unpack a compressed one first.") from error


def _of_list(path: Path) -> Iterator[Entry]:
    try:
        with path.open(encoding="utf-8") as lines:
            for line in lines:
                name = line.strip()
                if name and not name.startswith("#"):
                    yield Entry(name=name, path=str(path.parent / name))
    except UnicodeDecodeError:
        raise InputError(f"'{path}' is no text file of paths; give a folder, a list of paths or a tar file.") from None
