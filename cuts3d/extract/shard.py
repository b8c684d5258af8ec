"""One unit of work: from the images of a shard to one block of bytes, which is the same on every worker."""

from __future__ import annotations

import gzip
import json
import os
import zlib
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from pathlib import Path
from typing import Any

import torch

from cuts3d.arrays import ImageArray
from cuts3d.backbones.features import batch_vectors, photo_vectors
from cuts3d.errors import ConfigError, InputError, WeightsUnavailableError, out_of_memory
from cuts3d.extract.entry import Entry, read_entry
from cuts3d.extract.first_cuts import provide_first_cuts
from cuts3d.extract.job import Job
from cuts3d.extract.manifest import Shard
from cuts3d.extract.records import annotation
from cuts3d.extract.stamps import Stamp, stamp_of
from cuts3d.io.coco import ImageRecord
from cuts3d.memo import Memo
from cuts3d.run.methods import OURS, find_masks

Record = dict[str, Any]
OUT_OF_MEMORY = 137  # exit status, the same as of a process that the kernel has killed


def run_shard(job: Job, shard: Shard) -> bytes:
    """Find the masks of the images of a shard. Batches whose images all have an earlier record are not repeated.

    Args:
        job: The settings.
        shard: The images.

    Returns:
        The content of the shard file; `read_shard` reads it.

    Raises:
        ConfigError: A parameter cannot be used with any image.
        WeightsUnavailableError: A network's weights cannot be had.
        MemoryError: Or another error of `out_of_memory`. Every other error is recorded with its image.
    """
    images: list[Record] = []
    for begin in range(0, len(shard.entries), job.batch):
        part, prior = shard.entries[begin : begin + job.batch], shard.prior[begin : begin + job.batch]
        kept = [record for record in prior if record is not None]
        if len(kept) == len(part):
            images.extend(kept)
            continue
        ids = range(shard.first + begin + 1, shard.first + begin + 1 + len(part))
        made = _run_batch(job, dict(zip(ids, part, strict=True)))
        images.extend(_better(*both) for both in zip_longest(prior, made))
    return packed(job, shard.number, images)


def packed(job: Job, number: int, images: Sequence[Record]) -> bytes:
    """The content of a shard file."""
    content = {"shard": number, "hash": job.info["hash"], "count": len(images), "images": images}
    return gzip.compress(json.dumps(content).encode(), compresslevel=6, mtime=0)


def run_in_worker(job: Job, shard: Shard) -> bytes:
    """`run_shard` in a worker. If memory runs out, the worker ends, and a new one tries the shard again."""
    try:
        return run_shard(job, shard)
    except Exception as error:
        if out_of_memory(error):
            os._exit(OUT_OF_MEMORY)
        raise


def read_shard(path: Path) -> list[Record]:
    """The records of a finished shard, one for each image.

    Raises:
        InputError: The file is missing, damaged, or not a shard.
    """
    try:
        content = json.loads(gzip.decompress(path.read_bytes()))
        images = content["images"]
        if len(images) != content["count"]:
            raise ValueError(f"{len(images)} of {content['count']} images")
        return images
    except FileNotFoundError:
        raise InputError(f"The shard '{path.name}' is missing.") from None
    except (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError) as error:
        raise InputError(f"The shard '{path.name}' is damaged ({error}).") from error


def _better(prior: Record | None, made: Record) -> Record:
    """The new record, unless it is a failure of an image that succeeded before."""
    return prior if prior is not None and "image" in prior and "failure" in made else made


def _run_batch(job: Job, part: dict[int, Entry]) -> Iterator[Record]:
    """The records of the images of one forward pass, in their order."""
    photos: dict[int, ImageArray] = {}
    records: dict[int, Record] = {}
    stamps: dict[int, Stamp | None] = {}
    for image_id, entry in part.items():
        try:
            stamps[image_id] = stamp_of(entry)
            photos[image_id] = read_entry(entry)
        except Exception as error:
            records[image_id] = _failure(image_id, entry, error)
    for (image_id, image), memo in zip(photos.items(), _memos(job, list(photos.values())), strict=True):
        records[image_id] = {**_record(job, image_id, part[image_id], image, memo), "stamp": stamps[image_id]}
    for image_id in part:
        yield records[image_id]


def _memos(job: Job, images: list[ImageArray]) -> list[Memo]:
    """Memos with the features of one pass of the networks, and on a GPU with the first NCuts of one batch."""
    if not images:
        return []
    memos = [Memo() for _ in images]
    for request in job.needs:
        for image, memo, features in zip(images, memos, batch_vectors(images, *request), strict=True):
            memo.provide(features, "features", photo_vectors, memo.given(image), *request)
    if job.method == OURS and torch.cuda.is_available():
        provide_first_cuts(images, memos, job.config, "cuda")
    return memos


def _record(job: Job, image_id: int, entry: Entry, image: ImageArray, memo: Memo) -> Record:
    try:
        found = find_masks(image, job.config, method=job.method, memo=memo)
        annotations = [annotation(one) for one in found]
    except Exception as error:
        return _failure(image_id, entry, error)
    image_record = ImageRecord(image_id, entry.name, image.shape[:2])
    return {"image": image_record.to_coco(), "annotations": annotations}


def _failure(image_id: int, entry: Entry, error: Exception) -> Record:
    """The record of an error. An error that is not caused by the image is raised again."""
    if isinstance(error, ConfigError | WeightsUnavailableError) or out_of_memory(error):
        raise error
    return {"failure": {"id": image_id, "file_name": entry.name, "reason": reason_of(error)}}


def reason_of(error: Exception) -> str:
    """An error as the result lists it."""
    return str(error) if isinstance(error, InputError) else f"{type(error).__name__}: {error}"
