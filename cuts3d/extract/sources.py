"""The images of a folder, a text file of paths, or WebDataset tar files, in a fixed order; none is opened."""

from __future__ import annotations

import os
import tarfile
from collections.abc import Iterator
from pathlib import Path

from cuts3d.errors import InputError
from cuts3d.extract.entry import Entry, read_entry
from cuts3d.extract.folders import of_folder
from cuts3d.extract.lists import of_list
from cuts3d.extract.omitted import Omitted
from cuts3d.extract.tars import DamagedTar, is_tar_name, of_tar
from cuts3d.io.photo_names import is_photo_name

__all__ = ["Entry", "check_source", "entries", "read_entry"]

PACKED = {  # first bytes -> what the file is, and what to do
    b"\x1f\x8b": ("compressed with gzip", "gunzip"),
    b"BZh91AY&SY": ("compressed with bzip2", "bunzip2"),
    b"\xfd7zXZ": ("compressed with xz", "unxz"),
    b"\x28\xb5\x2f\xfd": ("compressed with zstd", "unzstd"),
    b"PK\x03\x04": ("a zip file", "unzip"),
    b"7z\xbc\xaf": ("a 7z file", "7z x"),
    b"Rar!\x1a": ("a rar file", "unrar x"),
}


def entries(source: Path, omitted: Omitted | None = None) -> Iterator[Entry]:
    """All images of a source, each once, in an order that depends only on their names.

    Args:
        source: A folder (with all folders and tar files inside it), a tar file, or a text file with one path on each
            line, relative to the text file; see `folders.of_folder`, `tars.of_tar` and `lists.of_list`.
        omitted: Filled with what is left out.

    Raises:
        InputError: The source does not exist, cannot be listed, or is something else; see `check_source`.
    """
    omitted = Omitted() if omitted is None else omitted
    check_source(source)
    if source.is_dir():
        yield from of_folder(os.path.abspath(source), omitted)
    elif _is_tar(source):
        try:
            yield from of_tar(os.path.abspath(source), "", omitted)
        except DamagedTar as error:
            raise InputError(str(error)) from error
    else:
        yield from of_list(source, omitted)


def check_source(source: Path) -> None:
    """Refuse what is no source, and say what to do with it.

    Raises:
        InputError: It is missing, a photo, a packed file, or something that is no file.
    """
    if source.is_dir():
        return
    if not source.exists():
        raise InputError(f"There is no folder or file '{source}'.")
    if not source.is_file():
        raise InputError(f"'{source}' is neither a folder nor a file; write the list of paths into a text file.")
    try:
        with source.open("rb") as file:
            start = file.read(16)
    except OSError as error:
        raise InputError(f"'{source}' could not be read: {error.strerror or error}.") from error
    packed = next((words for mark, words in PACKED.items() if start.startswith(mark)), None)
    if packed:
        kind, command = packed
        raise InputError(
            f"'{source}' is {kind}: unpack it ('{command} {source.name}'), and give the folder or the plain .tar."
        )
    if source.suffix.lower() in (".json", ".jsonl"):
        raise InputError(
            f"'{source}' is no text file of paths; give the folder of its photos, or write one path a line."
        )
    is_binary = b"\0" in start or not start.isascii()
    if not is_tar_name(source.name) and (is_photo_name(source.name) or (is_binary and _is_photo(source))):
        raise InputError(
            f"'{source}' is one photo, no text file of paths: use 'cuts3d segment {source}' for its masks or "
            f"'cuts3d detect {source}' for a detector, or give the folder."
        )


def _is_tar(source: Path) -> bool:
    if is_tar_name(source.name):
        return True
    with source.open("rb") as file:
        try:
            tarfile.TarInfo.frombuf(file.read(tarfile.BLOCKSIZE), "utf-8", "surrogateescape")
        except tarfile.HeaderError:
            return False
    return True


def _is_photo(source: Path) -> bool:
    from PIL import Image

    try:
        with Image.open(source):
            return True
    except Exception:  # decoders raise their own kinds
        return False
