"""A finished result as unfinished work again, so that its failures can be tried once more."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cuts3d.errors import InputError, shown
from cuts3d.extract.entry import Entry
from cuts3d.extract.job import Job
from cuts3d.extract.manifest import MANIFEST, read_manifest
from cuts3d.extract.merge import shard_path
from cuts3d.extract.resume import list_images
from cuts3d.extract.shard import packed
from cuts3d.io.files import write_atomically

Record = dict[str, Any]
LIST = re.compile(r'"(\w+)": \[')
END = b'"failures": []}\n'  # of a result without failures

NO_SETTINGS = ("skipped", "frame")  # fields of `info` that say something else


def reopen(out: Path, folder: Path, source: Path, job: Job, *, limit: int | None) -> None:
    """Make the folder of unfinished work from a result that lists failures. The result stays as it is.

    The folder appears at once, when it is complete: after a kill nothing is half done.

    Args:
        out: The result.
        folder: Folder of the shards.
        source: See `sources.entries`; it must hold the photos of the result.
        job: The settings.
        limit: Use only the first `limit` images.

    Raises:
        InputError: The result has no failures, or was made with other settings or from other photos.
    """
    if not _has_failures(out):
        raise InputError(f"'{out}' exists already; give --overwrite to replace it.")
    if _info(out) != job.info:
        raise InputError(f"'{out}' exists already, made with other settings; give --overwrite to replace it.")
    temporary = reopened_folder(folder)
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        list_images(temporary / MANIFEST, source, job, limit)
        manifest = read_manifest(temporary / MANIFEST, job, limit=limit)
        records = _records(out)
        for shard in manifest.shards(range(manifest.num_shards)):
            images = [_of_entry(out, entry, records) for entry in shard.entries]
            content = packed(job, shard.number, images)
            write_atomically(shard_path(temporary, shard.number), lambda path, c=content: path.write_bytes(c))
        if (more := next(records, None)) is not None:
            raise _other_photos(out, _name(more))
        temporary.rename(folder)
    except OSError as error:
        raise InputError(f"'{temporary}' could not be written: {error.strerror or error}.") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def reopened_folder(folder: Path) -> Path:
    """Where the folder of unfinished work is made, before it gets its name."""
    return folder.with_name(folder.name + ".reopened")


def _of_entry(out: Path, entry: Entry, records: Iterator[Record]) -> Record:
    record = next(records, None)
    if record is None or _name(record) != entry.name:
        raise _other_photos(out, entry.name if record is None else _name(record))
    return record


def _name(record: Record) -> str:
    return (record.get("image") or record["failure"])["file_name"]


def _other_photos(out: Path, name: str) -> InputError:
    return InputError(
        f"'{out}' exists already, and the source does not hold exactly the photos that it was made from "
        f"({shown(name)} differs): its failures cannot be tried again; give --overwrite to make it anew."
    )


def _has_failures(out: Path) -> bool:
    try:
        with out.open("rb") as file:
            begins = file.read(8)
            file.seek(max(0, out.stat().st_size - len(END)))
            return begins == b'{"info":' and file.read() not in (END, b"")
    except OSError as error:
        raise InputError(f"'{out}' could not be read: {error.strerror or error}.") from error


def _info(out: Path) -> Record:
    """The settings in the `info` of the result; empty if it is no result of this package."""
    with out.open(encoding="utf-8", errors="replace") as lines:
        head = lines.readline().rstrip().removesuffix(",")
    try:
        info: Record = json.loads(head + "}")["info"]
        return {name: value for name, value in info.items() if name not in NO_SETTINGS}
    except (ValueError, TypeError, KeyError, AttributeError):
        return {}


def _records(out: Path) -> Iterator[Record]:
    """What the shards held: the images and failures by their ids, with their annotations; one in memory at a time."""
    images, failures, annotations = (_listed(out, name) for name in ("images", "failures", "annotations"))
    image, failure, mask = (next(one, None) for one in (images, failures, annotations))
    while image is not None or failure is not None:
        if failure is not None and (image is None or failure["id"] < image["id"]):
            yield {"failure": failure}
            failure = next(failures, None)
            continue
        assert image is not None
        masks = []
        while mask is not None and mask["image_id"] == image["id"]:
            masks.append({name: value for name, value in mask.items() if name not in ("id", "image_id")})
            mask = next(annotations, None)
        yield {"image": image, "annotations": masks}
        image = next(images, None)


def _listed(out: Path, name: str) -> Iterator[Record]:
    """The records of one list of a document that `write_document` wrote, one on each line."""
    decoder, inside = json.JSONDecoder(), False
    with out.open(encoding="utf-8") as lines:
        for line in lines:
            if head := LIST.match(line):
                if inside:
                    return
                inside = head[1] == name
            elif inside:
                try:
                    yield decoder.raw_decode(line)[0]
                except ValueError as error:
                    raise InputError(
                        f"'{out}' exists already and is damaged; give --overwrite to replace it."
                    ) from error
