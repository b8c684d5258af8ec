"""A lock on a folder against a second run in it; it ends with its process, however that ends."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from cuts3d.errors import InputError


@contextmanager
def held(path: Path, *, refused: str, shared: bool = False) -> Iterator[None]:
    """Hold the lock of a file, which is made where it is missing.

    Args:
        path: The file; whoever holds it alone may remove it.
        refused: The sentence where somebody else holds it.
        shared: Hold it beside others that share it, and against all that do not.

    Raises:
        InputError: Somebody else holds it, or its folder cannot be written or locked.
    """
    kind = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    try:
        file = _opened(path)
        try:
            fcntl.flock(file, kind | fcntl.LOCK_NB)
            while not _is(file, path):  # its last holder has removed it meanwhile
                file.close()
                file = _opened(path)
                fcntl.flock(file, kind | fcntl.LOCK_NB)
        except BaseException:
            file.close()
            raise
    except BlockingIOError:
        raise InputError(refused) from None
    except FileExistsError:
        raise InputError(f"'{path.parent}' is a file; it must be a folder, or not there yet.") from None
    except OSError as error:
        raise InputError(f"'{path}' could not be locked: {error.strerror or error}.") from error
    with file:
        yield


def _opened(path: Path) -> IO[str]:
    """Open for reading and writing, as locks on network disks need, without a change to the file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    return path.open("a+")


def _is(file: IO[str], path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False
