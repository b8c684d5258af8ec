"""Progress bars on stderr."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tqdm import tqdm


@contextmanager
def photo_bar(*, quiet: bool) -> Iterator[Callable[[int, int], None]]:
    """A bar of photos; the function that it gives is called with the photos done and their number."""
    with tqdm(unit=" photos", disable=quiet, file=sys.stderr) as bar:

        def show(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield show
