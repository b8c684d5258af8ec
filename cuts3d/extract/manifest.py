"""The list of images of one extraction, written once, so that files which are added later change nothing."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from cuts3d.errors import InputError
from cuts3d.extract.job import Job
from cuts3d.extract.sources import Entry, entries
from cuts3d.io.files import write_atomically

MANIFEST = "manifest.jsonl"


@dataclass(frozen=True, slots=True)
class Shard:
    """A unit of work.

    Attributes:
        number: Its index among the shards, from 0.
        first: Index of its first image among all images, from 0.
        entries: Its images.
    """

    number: int
    first: int
    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Manifest:
    """The images of an extraction in their order, on disk.

    Attributes:
        path: JSON lines: first the settings and the count, then one image on each line.
        job: The settings.
        count: The number of images.
    """

    path: Path
    job: Job
    count: int

    @property
    def num_shards(self) -> int:
        """Number of shards."""
        return -(-self.count // self.job.images_per_shard)

    def shards(self, wanted: frozenset[int] | set[int]) -> Iterator[Shard]:
        """The wanted shards in order, read from disk one at a time.

        Raises:
            InputError: The manifest is damaged.
        """
        size = self.job.images_per_shard
        with self.path.open("rb") as lines:
            next(lines)
            for number in range(self.num_shards):
                count = min(size, self.count - number * size)
                listed = list(islice(lines, count))
                if number in wanted:
                    with _name_damage(self.path):
                        images = tuple(Entry(**json.loads(line)) for line in listed)
                        if len(images) < count:
                            raise ValueError("it was cut off")
                    yield Shard(number, number * size, images)


def open_manifest(folder: Path, source: Path, job: Job, *, limit: int | None = None) -> Manifest:
    """The manifest of an earlier run that is resumed, or a new one.

    Args:
        folder: Folder of the shards.
        source: See `sources.entries`.
        job: The settings.
        limit: Use only the first `limit` images.

    Raises:
        InputError: The source holds no image, the folder belongs to an extraction with other settings, or its
            manifest is damaged.
    """
    path = folder / MANIFEST
    head = {"source": str(source), "limit": limit, "job": job.settings()}
    if not path.exists():
        _write(path, head, islice(entries(source), limit))
    with path.open("rb") as lines, _name_damage(path):
        found: dict[str, Any] = json.loads(lines.readline())
        count = int(found.pop("count"))
    if found != head:
        differs = ", ".join(sorted(_differences(found, head)))
        raise InputError(
            f"'{folder}' holds an unfinished extraction with other settings ({differs}): use those, give "
            "--overwrite to start again, or choose another --out."
        )
    if not count:
        path.unlink()
        raise InputError(f"There is no image in '{source}'.")
    return Manifest(path, job, count)


def _write(path: Path, head: dict[str, Any], images: Iterable[Entry]) -> None:
    def write(temporary: Path) -> None:
        listed = temporary.with_suffix(".list")
        try:
            with listed.open("w", encoding="utf-8") as lines:
                count = sum(lines.write(json.dumps(entry.to_dict()) + "\n") > 0 for entry in images)
            with temporary.open("w", encoding="utf-8") as file, listed.open(encoding="utf-8") as lines:
                file.write(json.dumps({**head, "count": count}) + "\n")
                file.writelines(lines)
        finally:
            listed.unlink(missing_ok=True)

    write_atomically(path, write)


@contextmanager
def _name_damage(path: Path) -> Iterator[None]:
    try:
        yield
    except (ValueError, TypeError, KeyError, AttributeError) as error:
        raise InputError(f"'{path}' is damaged ({error}); give --overwrite to start again.") from error


def _differences(a: dict[str, Any], b: dict[str, Any]) -> Iterator[str]:
    for key in a.keys() | b.keys():
        one, other = a.get(key), b.get(key)
        if isinstance(one, dict) and isinstance(other, dict):
            yield from _differences(one, other)
        elif one != other and key != "hash":
            yield key
