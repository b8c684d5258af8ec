"""What an earlier run left to do: its list of images, and the shards that are missing or must be repeated."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import Any

from cuts3d.errors import InputError, shown
from cuts3d.extract.entry import Entry, read_entry
from cuts3d.extract.job import Job
from cuts3d.extract.manifest import MANIFEST, Manifest, Shard, manifest_settings, read_manifest, write_manifest
from cuts3d.extract.merge import shard_path
from cuts3d.extract.omitted import Note, Omitted, no_photo, sentences
from cuts3d.extract.place import Place, found_again, is_moved, is_same, place_of
from cuts3d.extract.shard import read_shard, reason_of
from cuts3d.extract.sources import entries
from cuts3d.extract.stamps import is_changed

Record = dict[str, Any]


def open_manifest(
    folder: Path, source: Path, job: Job, *, limit: int | None = None, note: Note = lambda sentence: None
) -> Manifest:
    """The list of images of an earlier run that is resumed, or a new one.

    A resumed run reads the photos that the earlier one listed. The source may have moved: then it must have all of
    their names, and the same photos under the names of those that are labelled.

    Args:
        folder: Folder of the shards.
        source: See `sources.entries`.
        job: The settings.
        limit: Use only the first `limit` images.
        note: Called with what people should know about the source.

    Raises:
        InputError: The source holds no image, the folder belongs to an extraction with other settings or of other
            photos, or its list is damaged.
    """
    path = folder / MANIFEST
    if not path.exists():
        list_images(path, source, job, limit)
    manifest = read_manifest(path, job, limit=limit)
    now = place_of(source)
    if not is_same(manifest.place, now):
        manifest = _follow(folder, manifest, source, now, limit)
    for sentence in sentences(manifest.omitted):
        note(sentence)
    return manifest


def list_images(path: Path, source: Path, job: Job, limit: int | None) -> None:
    """Write the list of images of a source.

    Raises:
        InputError: There is none, or the list cannot be written.
    """
    omitted, place = Omitted(), place_of(source).to_dict()

    def head() -> Record:
        left_out = omitted.to_dict()
        return {**manifest_settings(job, limit), "place": place, **({"omitted": left_out} if left_out else {})}

    def check(_: Path, count: int) -> None:
        if not count:
            raise InputError(no_photo(source, omitted.to_dict()))

    write_manifest(path, islice(entries(source, omitted), limit), head, check)


def unfinished(folder: Path, manifest: Manifest, mine: Iterable[int], *, note: Note) -> set[int]:
    """The shards that are missing, those with a photo that may be readable now, and those with another photo now.

    Args:
        folder: Folder of the shards.
        manifest: The images.
        mine: The shards of this run.
        note: Called if there are other photos.
    """
    wanted = set(mine)
    finished = {number for number in wanted if shard_path(folder, number).exists()}
    changed = _Changed()
    repeated = {shard.number for shard in with_prior(folder, manifest.shards(finished), changed) if None in shard.prior}
    if changed.names:
        note(f"{changed.text} since they were labelled, and are labelled again.")
    return repeated | (wanted - finished)


def refuse_changed(folder: Path, manifest: Manifest, *, advice: str) -> None:
    """Refuse to use labels of photos that are no longer the same.

    Raises:
        InputError: There are some; the advice says what to do.
    """
    changed = _Changed()
    finished = {number for number in range(manifest.num_shards) if shard_path(folder, number).exists()}
    for _ in with_prior(folder, manifest.shards(finished), changed, retry=False):
        pass
    if changed.names:
        raise InputError(f"{changed.text} since they were labelled: {advice}")


@dataclass(slots=True)
class _Changed:
    """Photos that are no longer the ones that were labelled."""

    names: list[str] = field(default_factory=list)

    @property
    def text(self) -> str:
        count = len(self.names)
        first = ", ".join(map(shown, self.names[:3])) + (", …" if count > 3 else "")
        return f"{count:,} photo{' has' if count == 1 else 's have'} changed ({first})"


def with_prior(
    folder: Path, shards: Iterable[Shard], changed: _Changed | None = None, *, retry: bool = True
) -> Iterator[Shard]:
    """Shards with their earlier records: None for a photo that has changed, or that failed and may be readable now.

    Args:
        folder: Folder of the finished shards.
        shards: The shards; one that was never finished, or is damaged, has no earlier records.
        changed: Filled with the photos that have changed.
        retry: Whether failures are tried.
    """
    changed = _Changed() if changed is None else changed

    def kept(entry: Entry, record: Record) -> Record | None:
        if "failure" in record:
            return None if retry and _may_succeed(entry, record["failure"]["reason"]) else record
        if not is_changed(entry, record.get("stamp")):
            return record
        changed.names.append(entry.name)
        return None

    for shard in shards:
        try:
            records = read_shard(shard_path(folder, shard.number))
        except InputError:  # it is missing; or it is damaged, which the merge will say
            yield shard
        else:
            prior = tuple(kept(entry, record) for entry, record in zip(shard.entries, records, strict=False))
            yield replace(shard, prior=prior)


def _may_succeed(entry: Entry, reason: str) -> bool:
    """Whether a photo does not fail as it did."""
    try:
        read_entry(entry)
    except Exception as error:
        return reason_of(error) != reason
    return True


def _follow(folder: Path, manifest: Manifest, source: Path, now: Place, limit: int | None) -> Manifest:
    """The list of images for a source that has moved or changed: the same photos, where they are now."""
    moved = is_moved(Place(**manifest.place), now)
    head = {**manifest_settings(manifest.job, limit), "place": now.to_dict()}
    if manifest.omitted:
        head["omitted"] = manifest.omitted

    def check(path: Path, count: int) -> None:
        if moved:
            advice = "the source is another one; give the one that was labelled, or --overwrite to start again."
            found = replace(manifest, path=path, count=count)
            refuse_changed(folder, found, advice=advice)

    write_manifest(manifest.path, found_again(manifest.entries(), source), lambda: head, check)
    return replace(manifest, place=now.to_dict())
