"""The list of images of one extraction, written once, so that files which are added later change nothing."""

from __future__ import annotations

import json
from collections.abc import Callable, Container, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

from cuts3d.errors import InputError
from cuts3d.extract.entry import Entry
from cuts3d.extract.job import Job
from cuts3d.io.files import write_atomically

MANIFEST = "manifest.jsonl"
Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Shard:
    """A unit of work.

    Attributes:
        number: Its index among the shards, from 0.
        first: Index of its first image among all images, from 0.
        entries: Its images.
        prior: Their records of an earlier run, None for those that must be made again; empty if there was none.
    """

    number: int
    first: int
    entries: tuple[Entry, ...]
    prior: tuple[Record | None, ...] = ()


@dataclass(frozen=True, slots=True)
class Manifest:
    """The images of an extraction in their order, on disk.

    Attributes:
        path: JSON lines: first the settings, the place of the source and the count, then one image on each line.
        job: The settings.
        count: The number of images.
        place: Where the images are; see `Place.to_dict`.
        omitted: What else the source holds; see `Omitted.to_dict`.
    """

    path: Path
    job: Job
    count: int
    place: Record = field(default_factory=dict)
    omitted: Record = field(default_factory=dict)

    @property
    def num_shards(self) -> int:
        """Number of shards."""
        return -(-self.count // self.job.images_per_shard)

    @property
    def info(self) -> Record:
        """The `info` of the result. It says what was left out, if anything was."""
        return {**self.job.info, **({"skipped": self.omitted} if self.omitted else {})}

    def shards(self, wanted: Container[int]) -> Iterator[Shard]:
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

    def entries(self) -> Iterator[Entry]:
        """All images in order, read from disk.

        Raises:
            InputError: The manifest is damaged.
        """
        for shard in self.shards(range(self.num_shards)):
            yield from shard.entries


def write_manifest(
    path: Path, images: Iterable[Entry], head: Callable[[], Record], check: Callable[[Path, int], None]
) -> None:
    """Write the list of images, atomically.

    Args:
        path: The file.
        images: The images.
        head: The first line without the count; called after the last image.
        check: Called with the finished file, which has another name yet, and the count; what it raises ends it.

    Raises:
        InputError: It cannot be written.
    """

    def write(temporary: Path) -> None:
        listed = temporary.with_suffix(".list")
        try:
            with listed.open("w", encoding="utf-8") as lines:
                count = sum(lines.write(json.dumps(entry.to_dict()) + "\n") > 0 for entry in images)
            with temporary.open("w", encoding="utf-8") as file, listed.open(encoding="utf-8") as lines:
                file.write(json.dumps({**head(), "count": count}) + "\n")
                file.writelines(lines)
        finally:
            listed.unlink(missing_ok=True)
        check(temporary, count)

    write_atomically(path, write)


def read_manifest(path: Path, job: Job, *, limit: int | None) -> Manifest:
    """The list of images of an earlier run.

    Raises:
        InputError: It is damaged, or was made with other settings.
    """
    wanted = manifest_settings(job, limit)
    with path.open("rb") as lines, _name_damage(path):
        head: Record = json.loads(lines.readline())
        found = {name: head.get(name) for name in wanted}
        place = {name: str(head["place"][name]) for name in ("path", "resolved", "content")}
        manifest = Manifest(path, job, int(head["count"]), place, head.get("omitted", {}))
    if found != wanted:
        differs = ", ".join(sorted(_differences(found, wanted)))
        raise InputError(
            f"'{path.parent}' holds an unfinished extraction with other settings ({differs}): use those, give "
            "--overwrite to start again, or choose another --out."
        )
    return manifest


def manifest_settings(job: Job, limit: int | None) -> Record:
    """What must be equal for a run to be resumed, besides the images."""
    return {"limit": limit, "job": job.settings()}


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
