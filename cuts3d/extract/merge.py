"""All shards in one COCO document, with one shard in memory at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from cuts3d.errors import InputError
from cuts3d.extract.manifest import Manifest
from cuts3d.extract.shard import read_shard
from cuts3d.io.coco import write_document

MOST_NAMED = 5  # missing shards that an error lists


def shard_path(folder: Path, number: int) -> Path:
    """The file of a shard."""
    return folder / f"shard-{number:06d}.json.gz"


def missing(folder: Path, manifest: Manifest) -> list[int]:
    """The numbers of the shards that do not exist yet."""
    return [n for n in range(manifest.num_shards) if not shard_path(folder, n).exists()]


def merge(folder: Path, manifest: Manifest, out: Path) -> dict[str, int]:
    """Write the result.

    Args:
        folder: Folder of the shards.
        manifest: The images that the shards must cover.
        out: The COCO file.

    Returns:
        The numbers of `images`, `annotations` and `failures`.

    Raises:
        InputError: A shard is missing or damaged, or the result cannot be written.
    """
    absent = missing(folder, manifest)
    if absent:
        named = ", ".join(str(n) for n in absent[:MOST_NAMED]) + (", …" if len(absent) > MOST_NAMED else "")
        raise InputError(
            f"{len(absent)} of {manifest.num_shards} shards are missing ({named}); run the same command again, "
            "or finish the other parts, and merge then."
        )
    fields = {"images": _images, "annotations": _annotations, "failures": _failures}
    lists = {name: _records(folder, manifest, pick) for name, pick in fields.items()}
    return write_document(out, manifest.info, lists)


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
