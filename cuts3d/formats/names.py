"""Names of the files that a conversion writes."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import PurePosixPath

from cuts3d.errors import InputError

Names = dict[PurePosixPath, PurePosixPath]


def own_targets(names: Iterable[PurePosixPath], target: Callable[[PurePosixPath], PurePosixPath]) -> Names:
    """The file of each photo, checked to be its own.

    Raises:
        InputError: Two photos have one name, or would be written to one file.
    """
    found: Names = {}
    owners: Names = {}
    for name in names:
        if name in found:
            raise InputError(f"Two images have the file name '{name}'.")
        own = target(name)
        if own in owners:
            raise InputError(f"'{owners[own]}' and '{name}' would both be written to '{own}'; rename one of them.")
        found[name], owners[own] = own, name
    return found


def flat(name: PurePosixPath) -> PurePosixPath:
    """A path as one file name, for formats without folders: `a/b.jpg` becomes `a__b.jpg`."""
    return PurePosixPath("__".join(name.parts))
