"""Progress bars on stderr."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tqdm import tqdm

from cuts3d.types import Progress


@contextmanager
def photo_bar(*, quiet: bool) -> Iterator[Progress]:
    """A progress bar of photos, and the function that moves it.

    Photos that are done at its first call belong to an earlier run and do not count for the speed.
    """
    with tqdm(unit=" photos", disable=quiet, smoothing=0.1, file=sys.stderr) as bar:

        def show(done: int, total: int) -> None:
            if bar.total is None:
                bar.initial = done if done < total else 0
            bar.total = total
            bar.update(done - bar.n)

        yield show
