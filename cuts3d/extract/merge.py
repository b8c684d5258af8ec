"""All shards in one COCO document, one shard in memory at a time."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TextIO

from cuts3d.errors import InputError
from cuts3d.extract.manifest import Manifest
from cuts3d.extract.shard import read_shard
from cuts3d.io.files import write_atomically

NAMED = 5  # missing shards that an error names


def shard_path(folder: Path, number: int) -> Path:
    """File of a shard."""
    return folder / f"shard-{number:06d}.json.gz"


def missing(folder: Path, manifest: Manifest) -> list[int]:
    """Shards that are not there yet."""
    return [n for n in range(manifest.num_shards) if not shard_path(folder, n).exists()]


def merge(folder: Path, manifest: Manifest, out: Path) -> dict[str, int]:
    """Write the result.

    Args:
        folder: Where the shards lie.
        manifest: What must be there.
        out: The COCO file.

    Returns:
        How many images, annotations and failures there are.

    Raises:
        InputError: A shard is missing or damaged, or the result cannot be written.
    """
    absent = missing(folder, manifest)
    if absent:
        named = ", ".join(str(n) for n in absent[:NAMED]) + (", …" if len(absent) > NAMED else "")
        raise InputError(
            f"{len(absent)} of {manifest.num_shards} shards are missing ({named}); run the same command again, "
            "or the parts that have not ended, before the merge."
        )
    counts: dict[str, int] = {}

    def write(temporary: Path) -> None:
        with temporary.open("w", encoding="utf-8") as file:
            file.write('{"info": ' + json.dumps(manifest.job.info))
            file.write(', "licenses": [], "categories": [{"id": 1, "name": "object"}]')
            for name, pick in (("images", _images), ("annotations", _annotations), ("failures", _failures)):
                counts[name] = _write_list(file, name, _records(folder, manifest, pick))
            file.write("}\n")

    write_atomically(out, write)
    return counts


def _records(folder: Path, manifest: Manifest, pick: Callable[[Any], list[Any]]) -> Iterator[dict[str, Any]]:
    for number in range(manifest.num_shards):
        path = shard_path(folder, number)
        try:
            found = read_shard(path)
        except InputError as error:
            raise InputError(f"{error} Delete '{path}' and run the same command again.") from error
        for record in found:
            yield from pick(record)


def _images(record: dict[str, Any]) -> list[Any]:
    return [record["image"]] if "image" in record else []


def _failures(record: dict[str, Any]) -> list[Any]:
    return [record["failure"]] if "failure" in record else []


def _annotations(record: dict[str, Any]) -> list[Any]:
    return [{"image_id": record["image"]["id"], **one} for one in record.get("annotations", ())]


def _write_list(file: TextIO, name: str, records: Iterator[dict[str, Any]]) -> int:
    """One record a line, numbered from 1 where they have no id of their own."""
    count = 0
    file.write(f',\n"{name}": [')
    for count, record in enumerate(records, start=1):
        file.write((",\n" if count > 1 else "\n") + json.dumps({"id": count, **record}))
    file.write("]")
    return count
