"""The images of a folder and of all folders and tar files inside it, each once, whatever links lead to it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field

from cuts3d.errors import InputError
from cuts3d.extract.entry import Entry
from cuts3d.extract.omitted import Omitted
from cuts3d.extract.tars import DamagedTar, is_tar_name, of_tar
from cuts3d.io.photo_names import is_photo_name

Listed = Iterator[tuple[os.DirEntry[str], str]]  # each file or folder, and its name in the result


def of_folder(folder: str, omitted: Omitted) -> Iterator[Entry]:
    """All images of a folder in the order of their names, one folder in memory at a time.

    A link to something inside the folder is left out, because it is listed at its own place. Of several links to one
    thing elsewhere the first is followed.

    Args:
        folder: Absolute path.
        omitted: Counts what is left out.

    Raises:
        InputError: The folder cannot be listed.
    """
    walk = _Walk(os.path.realpath(folder), omitted)
    try:
        open_folders = [walk.enter(folder, "")]
    except OSError as error:
        raise InputError(f"The folder '{folder}' cannot be listed: {error.strerror or error}.") from error
    while open_folders:
        found = next(open_folders[-1], None)
        if found is None:
            open_folders.pop()
            continue
        one, name = found
        if _is_folder(one):
            if walk.is_new_folder(one, name):
                try:
                    open_folders.append(walk.enter(one.path, f"{name}/"))
                except OSError:
                    omitted.unreadable.add(name)
        else:
            yield from walk.file(one, name)


@dataclass(slots=True)
class _Walk:
    """What was visited: folders by their identity, and what links outside the folder lead to."""

    root: str
    omitted: Omitted
    folders: set[tuple[int, int] | str] = field(default_factory=set)
    targets: set[str] = field(default_factory=set)

    def enter(self, path: str, prefix: str) -> Listed:
        self.folders.add(_identity(path))
        with os.scandir(path) as found:
            ordered = sorted(found, key=lambda one: one.name)
        return ((one, prefix + one.name) for one in ordered)

    def is_new_folder(self, one: os.DirEntry[str], name: str) -> bool:
        known = (one.is_symlink() and self._inside(os.path.realpath(one.path))) or _identity(one.path) in self.folders
        if known:
            self.omitted.duplicates.add(name)
        return not known

    def file(self, one: os.DirEntry[str], name: str) -> Iterator[Entry]:
        if one.name.startswith("."):
            return
        is_tar = is_tar_name(one.name)
        if not is_tar and not is_photo_name(one.name):
            self.omitted.file(one.name)
        elif one.is_symlink() and self._is_known(os.path.realpath(one.path), is_tar=is_tar):
            self.omitted.duplicates.add(name)
        elif is_tar:
            try:
                yield from of_tar(one.path, f"{name}/", self.omitted)
            except DamagedTar as error:
                yield Entry(name=name, path=one.path, fault=str(error))
        else:
            yield Entry(name=name, path=one.path)

    def _is_known(self, target: str, *, is_tar: bool) -> bool:
        own = os.path.basename(target)
        if self._inside(target) and not own.startswith(".") and (is_tar_name(own) if is_tar else is_photo_name(own)):
            return os.path.exists(target)
        known = target in self.targets
        self.targets.add(target)
        return known

    def _inside(self, target: str) -> bool:
        return os.path.commonpath((self.root, target)) == self.root


def _identity(path: str) -> tuple[int, int] | str:
    status = os.stat(path)
    return (status.st_dev, status.st_ino) if status.st_ino else os.path.realpath(path)


def _is_folder(one: os.DirEntry[str]) -> bool:
    try:
        return one.is_dir()
    except OSError:  # a link to itself
        return False
