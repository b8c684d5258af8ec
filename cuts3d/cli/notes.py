"""Notes on inputs, on stderr: what was done to a photo or a depth map, or what is strange about it."""

from __future__ import annotations

import sys
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from cuts3d.errors import InputNote


def print_notes(notes: Sequence[str]) -> None:
    """One line each, on stderr, also with `--quiet`: a result may be wrong because of what they say."""
    for note in dict.fromkeys(notes):
        print(f"note: {note}", file=sys.stderr)


@contextmanager
def printed_notes() -> Iterator[None]:
    """Print what the library warns of as notes; other warnings are shown as usual."""
    caught: list[warnings.WarningMessage] = []
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", InputNote)
            yield
    finally:
        print_notes([str(one.message) for one in caught if issubclass(one.category, InputNote)])
        for one in caught:
            if not issubclass(one.category, InputNote):
                warnings.showwarning(one.message, one.category, one.filename, one.lineno)


@contextmanager
def without_notes() -> Iterator[None]:
    """Where the notes on a photo were printed already."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InputNote)
        yield
