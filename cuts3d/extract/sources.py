"""The images of a folder, a text file of paths, or WebDataset tar files, in a fixed order; none is opened."""

from __future__ import annotations

import io
import os
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cuts3d.arrays import ImageArray
from cuts3d.errors import InputError
from cuts3d.io.photos import read_image

SUFFIXES = frozenset((".avif", ".bmp", ".gif", ".jpeg", ".jpg", ".png", ".ppm", ".tif", ".tiff", ".webp"))
TAR = ".tar"


@dataclass(frozen=True, slots=True)
class Entry:
    """Where one image is stored.

    Attributes:
        name: Its name in the result: its path inside the source, with `/`.
        path: Its file, or the tar file that contains it.
        offset: First byte of the image in the tar file; None if `path` is the image itself.
        size: Number of bytes in the tar file.
    """

    name: str
    path: str
    offset: int | None = None
    size: int = 0

    def open(self) -> Path | io.BytesIO:
        """The path of the image, or its bytes.

        Raises:
            InputError: The tar file has changed since it was listed.
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
            raise InputError(f"'{self.name}' is cut off: its tar file ends too early.")
        return io.BytesIO(content)

    def to_dict(self) -> dict[str, Any]:
        """The entry for JSON, without empty fields."""
        inside = {} if self.offset is None else {"offset": self.offset, "size": self.size}
        return {"name": self.name, "path": self.path, **inside}


def read_entry(entry: Entry) -> ImageArray:
    """Read an image of a source at its full size, uint8 [H, W, 3].

    Raises:
        InputError: It cannot be read.
    """
    try:
        return read_image(entry.open(), max_side=None)
    except InputError as error:
        if entry.offset is None or entry.name in str(error):
            raise
        raise InputError(f"'{entry.name}' in its tar file: {error}") from error


def entries(source: Path) -> Iterator[Entry]:
    """All images of a source, in an order that depends only on their names.

    Args:
        source: A folder (with all folders and tar files inside it), a tar file, or a text file with one path on each
            line, relative to the text file; empty lines and lines that begin with `#` are skipped.

    Raises:
        InputError: The source does not exist or cannot be listed.
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
    identity = (status.st_dev, status.st_ino)
    if identity in above:  # a link to a folder above
        return
    try:
        found = sorted(os.scandir(folder), key=lambda one: one.name)
    except OSError as error:
        raise InputError(f"The folder '{folder}' cannot be listed: {error.strerror}.") from error
    for one in found:
        name, suffix = prefix + one.name, os.path.splitext(one.name)[1].lower()
        if one.is_dir():
            yield from _of_folder(Path(one.path), f"{name}/", above | {identity})
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
                archive.members.clear()  # pyright: ignore[reportAttributeAccessIssue] - it would keep all of them in memory
    except tarfile.TarError as error:
        raise InputError(f"'{path}' is no plain tar file ({error}); decompress it first.") from error


def _of_list(path: Path) -> Iterator[Entry]:
    try:
        with path.open(encoding="utf-8") as lines:
            for line in lines:
                name = line.strip()
                if name and not name.startswith("#"):
                    yield Entry(name=name, path=str(path.parent / name))
    except UnicodeDecodeError:
        raise InputError(
            f"'{path}' is no text file of paths; choose a folder, a list of paths or a tar file."
        ) from None
