"""A lock file against a second run in the same folder. The lock ends with its process, even when that is killed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from filelock import FileLock, Timeout

from cuts3d.errors import InputError

LEAST_WAIT = 0.2  # seconds, enough to try again where the former owner has just removed the file


@contextmanager
def exclusive_lock(path: Path, *, refused: str, wait: float = LEAST_WAIT) -> Iterator[None]:
    """Lock a file for as long as the context lasts. The file is made for it and removed at the end.

    Args:
        path: The lock file. Missing folders are made.
        refused: The message of the error if another process or thread has the lock.
        wait: How long to wait for the lock, in seconds.

    Raises:
        InputError: Another process or thread has the lock, or the file cannot be made or locked.
    """
    lock = FileLock(path, timeout=wait)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except Timeout:
        raise InputError(refused) from None
    except FileExistsError:
        raise InputError(f"'{path.parent}' is a file, but a folder is needed here.") from None
    except OSError as error:
        raise InputError(f"'{path}' could not be locked: {error.strerror or error}.") from error
    try:
        yield
    finally:
        with suppress(OSError):  # Windows removes no open file; there, filelock removes it on release
            path.unlink()
        lock.release()
