"""From a folder of images to one COCO file: list the images, run the missing shards, merge."""

from __future__ import annotations

import glob
import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from cuts3d.errors import ConfigError, CutS3DError, InputError
from cuts3d.extract.engine_local import available_processors, run_local
from cuts3d.extract.engine_ray import run_ray
from cuts3d.extract.job import Job
from cuts3d.extract.manifest import MANIFEST, Manifest, Shard
from cuts3d.extract.merge import merge, shard_path
from cuts3d.extract.omitted import Note
from cuts3d.extract.reopen import reopen, reopened_folder
from cuts3d.extract.resume import open_manifest, refuse_changed, unfinished, with_prior
from cuts3d.extract.sources import check_source
from cuts3d.io.files import remove_unfinished, write_atomically
from cuts3d.io.locks import exclusive_lock
from cuts3d.types import Progress

ENGINES = ("local", "ray")
START_SECONDS = 30.0  # how long a run waits for others that start at the same time


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionOptions:
    """How an extraction is executed; the result does not depend on it.

    Attributes:
        workers: Number of processes on this machine; None: one per processor.
        engine: `local`, or `ray` for a cluster.
        address: Address of the Ray cluster.
        gpus_per_worker: GPUs of each Ray task; a fraction is possible.
        part: (i, n): run only the i-th of n parts, from 1, and do not merge.
    """

    workers: int | None = None
    engine: str = "local"
    address: str = "auto"
    gpus_per_worker: float = 0.0
    part: tuple[int, int] = (1, 1)


def extract(
    source: Path,
    out: Path,
    job: Job,
    options: ExecutionOptions | None = None,
    *,
    limit: int | None = None,
    overwrite: bool = False,
    progress: Progress = lambda done, total: None,
    note: Note = lambda sentence: None,
) -> dict[str, int]:
    """Make pseudo-labels of all images of a source. An interrupted run is resumed, and failures are tried again.

    Args:
        source: Folder, list of paths or tar file; see `sources.entries`.
        out: COCO file of the result; unfinished work is kept next to it in `<out>.parts`.
        job: The settings.
        options: How it is executed; None: on all processors of this machine.
        limit: Use only the first `limit` images.
        overwrite: Delete an earlier result and unfinished work first.
        progress: Called at the start and after every shard with the images done, those of an earlier run included.
        note: Called with each sentence about the source that people should know.

    Returns:
        The numbers of `images`, `annotations` and `failures`; empty if only a part was run.

    Raises:
        InputError: There is no image, the result exists without failures, there is unfinished work with other settings
            or of another source, another run works on the same result, or the disk is full.
        ConfigError: The execution options cannot be used.
        WeightsUnavailableError: The weights of a network are not available.
    """
    options = options or ExecutionOptions()
    part, parts = options.part
    _check(source, out, options, overwrite=overwrite)
    folder = parts_folder(out)
    with _exclusive(out, part, parts):
        if parts == 1:
            _remove_leftovers(folder, out, everything=overwrite)
        if out.exists() and not (folder / MANIFEST).exists():
            if parts > 1:
                raise InputError(f"'{out}' exists already; delete it to make it anew in parts.")
            reopen(out, folder, source, job, limit=limit)
        with _nothing_left(folder, parts):
            manifest = open_manifest(folder, source, job, limit=limit, note=note)
            numbers = unfinished(folder, manifest, range(part - 1, manifest.num_shards, parts), note=note)
            if numbers:
                _load_networks(job)
                _run_shards(folder, manifest, numbers, options, progress)
        return {} if parts > 1 else _merge_and_remove(folder, manifest, out)


def _check(source: Path, out: Path, options: ExecutionOptions, *, overwrite: bool) -> None:
    """Refuse what can be refused before anything is written."""
    part, parts = options.part
    if not 1 <= part <= parts:
        raise ConfigError(f"--part must be I/N with 1 ≤ I ≤ N; it is {part}/{parts}.")
    if overwrite and parts > 1:
        raise ConfigError("--overwrite would delete the work of other parts; delete the folder yourself.")
    if options.engine not in ENGINES:
        raise ConfigError(f"Unknown engine '{options.engine}'; choose local or ray.")
    if options.workers is not None and options.workers < 1:
        raise ConfigError(f"--workers must be at least 1; it is {options.workers}.")
    if not 0 <= options.gpus_per_worker < float("inf"):
        raise ConfigError(f"--gpus-per-worker must be 0 or more; it is {options.gpus_per_worker}.")
    check_out(out)
    check_source(source)


def check_out(out: Path) -> None:
    """Refuse a folder where a file is to be written.

    Raises:
        ConfigError: It is a folder.
    """
    if out.is_dir() or not out.name:
        raise ConfigError(f"For many photos --out is the COCO file to write; '{out}' is a folder.")


@contextmanager
def _nothing_left(folder: Path, parts: int) -> Iterator[None]:
    """If a run fails before its first shard, its list of images goes too; other parts may use it, so theirs stays."""
    begun = (folder / MANIFEST).exists()
    try:
        yield
    except CutS3DError:
        if parts == 1 and not begun and not any(folder.glob("shard-*")):
            (folder / MANIFEST).unlink(missing_ok=True)
        raise


def merge_parts(
    source: Path, out: Path, job: Job, *, limit: int | None = None, note: Note = lambda sentence: None
) -> dict[str, int]:
    """Merge the parts that several machines have made; see `extract`."""
    folder = parts_folder(out)
    check_out(out)
    if not folder.exists():
        raise InputError(f"There is nothing to merge: '{folder}' does not exist.")
    with _exclusive(out, 1, 1):
        _remove_leftovers(folder, out, everything=False)
        manifest = open_manifest(folder, source, job, limit=limit, note=note)
        refuse_changed(folder, manifest, advice="run the command without --merge to label them again.")
        return _merge_and_remove(folder, manifest, out)


def parts_folder(out: Path) -> Path:
    """The folder of unfinished work."""
    return out.with_name(out.name + ".parts")


def _run_shards(
    folder: Path, manifest: Manifest, numbers: set[int], options: ExecutionOptions, progress: Progress
) -> None:
    size = manifest.job.images_per_shard
    missing_images = sum(min(size, manifest.count - n * size) for n in numbers)
    total = manifest.count if options.part == (1, 1) else missing_images
    done = total - missing_images
    progress(done, total)
    for shard, content in _engine(manifest.job, with_prior(folder, manifest.shards(numbers)), options):
        write_atomically(shard_path(folder, shard.number), lambda p, c=content: p.write_bytes(c))
        done += len(shard.entries)
        progress(done, total)


def _engine(job: Job, shards: Iterator[Shard], options: ExecutionOptions) -> Iterator[tuple[Shard, bytes]]:
    if options.engine == "ray":
        return run_ray(job, shards, address=options.address, gpus=options.gpus_per_worker)
    return run_local(job, shards, workers=options.workers or available_processors())


def _load_networks(job: Job) -> None:
    """Load the networks once here, so that an error is raised once and embedded weights are unpacked once."""
    from cuts3d.backbones.loaded import loaded_backbone
    from cuts3d.depth.loaded import loaded_estimator
    from cuts3d.run.methods import OURS

    for options, _ in job.needs:
        loaded_backbone(options.backbone)
    if job.method == OURS:
        loaded_estimator(job.config.depth.depth)


def _merge_and_remove(folder: Path, manifest: Manifest, out: Path) -> dict[str, int]:
    counts = merge(folder, manifest, out)
    folder.rename(_merged_folder(folder))  # in one step, so that a kill while deleting leaves no incomplete folder
    shutil.rmtree(_merged_folder(folder), ignore_errors=True)
    return counts


def _merged_folder(folder: Path) -> Path:
    return folder.with_name(folder.name + ".done")


def _remove_leftovers(folder: Path, out: Path, *, everything: bool) -> None:
    """Remove what a run left that was killed while it wrote or deleted files, or everything that exists."""
    shutil.rmtree(_merged_folder(folder), ignore_errors=True)
    shutil.rmtree(reopened_folder(folder), ignore_errors=True)
    remove_unfinished(out)
    if everything:
        out.unlink(missing_ok=True)
        if folder.exists():
            shutil.rmtree(folder)


@contextmanager
def _exclusive(out: Path, part: int, parts: int) -> Iterator[None]:
    """Refuse a second run of the same work. Different parts may run together; the whole and the merge run alone.

    The lock files lie next to the result, since Windows renames no folder in which a file is open.
    """
    refused = f"Another run works on '{out}'. Wait for it, or choose another --out."

    def lock_file(name: str) -> Path:
        return out.with_name(f"{out.name}.{name}.lock")

    with ExitStack() as locks:
        with exclusive_lock(lock_file("start"), refused=refused, wait=START_SECONDS):
            if parts == 1:
                own, others = lock_file("run"), sorted(out.parent.glob(f"{glob.escape(out.name)}.part-*.lock"))
            else:
                own, others = lock_file(f"part-{part}-of-{parts}"), [lock_file("run")]
            locks.enter_context(exclusive_lock(own, refused=refused))
            for other in others:
                with exclusive_lock(other, refused=refused):
                    pass  # it is free
        try:
            yield
        finally:
            if parts == 1:
                with suppress(OSError):
                    parts_folder(out).rmdir()  # it is empty if no work was started
