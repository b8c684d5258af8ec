"""The images of a plain tar file such as WebDataset's. It is never unpacked."""

from __future__ import annotations

import posixpath
import tarfile
import zlib
from collections.abc import Iterator
from typing import BinaryIO

from cuts3d.extract.entry import BLOCK, Entry
from cuts3d.extract.omitted import Omitted
from cuts3d.io.photo_names import is_photo_name

AFTER_THE_END = 2**20  # bytes behind the end of an archive that are searched for a second one


class DamagedTar(Exception):
    """A tar file that cannot be read to its end; the message is a sentence."""


def is_tar_name(name: str) -> bool:
    """Whether a file of this name is a tar file."""
    return name.lower().endswith(".tar")


def of_tar(path: str, prefix: str, omitted: Omitted) -> Iterator[Entry]:
    """All images of a tar file in the order in which they are stored.

    A name that is stored twice is its last content, as when the file is unpacked. Hard links are photos. Symbolic links
    to a photo of the file are left out.

    Args:
        path: Absolute path of the tar file.
        prefix: In front of the names.
        omitted: Counts what is left out.

    Raises:
        DamagedTar: It cannot be read, or not to its end. Then no image was listed.
    """
    last: dict[str, int] = {}  # name -> place of the header of the member that is there when all is unpacked
    data: dict[str, tuple[int, int]] = {}
    for member in _members(path):
        last[_plain(member.name)] = member.offset
        if member.isreg():
            data[_plain(member.name)] = member.offset_data, member.size
    try:
        with open(path, "rb") as file:
            for member in _members(path):
                name = prefix + member.name
                if member.isdir() or posixpath.basename(member.name).startswith("."):
                    continue
                if not is_photo_name(member.name):
                    omitted.file(member.name)
                elif last[_plain(member.name)] != member.offset or (member.issym() and _target(member) in data):
                    omitted.duplicates.add(name)
                elif member.isreg():
                    yield _entry(name, file, path, member.offset_data, member.size)
                elif member.islnk() and _target(member) in data:
                    yield _entry(name, file, path, *data[_target(member)])
                else:
                    yield Entry(name, path, fault=f"'{name}' is no file in its tar file, or a link to none.")
    except OSError as error:
        raise DamagedTar(f"'{path}' could not be read: {error.strerror or error}.") from error


def _entry(name: str, file: BinaryIO, path: str, offset: int, size: int) -> Entry:
    file.seek(offset - BLOCK)
    return Entry(name, path, offset, size, zlib.crc32(file.read(BLOCK)))


def _plain(name: str) -> str:
    return posixpath.normpath(name).lstrip("/")


def _target(member: tarfile.TarInfo) -> str:
    """What a link leads to, as a name of the archive."""
    return _plain(posixpath.join(posixpath.dirname(member.name) if member.issym() else "", member.linkname))


def _members(path: str) -> Iterator[tarfile.TarInfo]:
    """All members. A header that is damaged would end the iteration of `tarfile` without an error."""
    name = ""
    try:
        with tarfile.open(path, mode="r:") as archive, open(path, "rb") as file:
            for member in archive:
                name = member.name
                yield member
                archive.members.clear()  # pyright: ignore[reportAttributeAccessIssue] - it would keep all of them
            file.seek(archive.offset)
            rest = file.read(AFTER_THE_END)
    except FileNotFoundError:
        raise DamagedTar(f"There is no file '{path}'.") from None
    except OSError as error:
        raise DamagedTar(f"'{path}' could not be read: {error.strerror or error}.") from error
    except tarfile.TarError as error:
        where = f" after '{name}'" if name else ""
        raise DamagedTar(f"'{path}' is no plain tar file{where} ({error}): decompress or repair it.") from error
    if rest[:BLOCK].strip(b"\0"):
        raise DamagedTar(f"'{path}' is no plain tar file after '{name}': it is damaged there.")
    if rest.strip(b"\0"):
        raise DamagedTar(
            f"'{path}' holds a second archive behind its end, after '{name}': unpack both, and give the folder."
        )
