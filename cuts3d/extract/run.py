"""From a source of images to one COCO file: list, work on what is missing, merge."""

from __future__ import annotations

import glob
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from cuts3d.errors import ConfigError, InputError
from cuts3d.extract.engine_local import available_processors, run_local
from cuts3d.extract.engine_ray import run_ray
from cuts3d.extract.job import Job
from cuts3d.extract.manifest import MANIFEST, Manifest, Shard, open_manifest
from cuts3d.extract.merge import merge, missing, shard_path
from cuts3d.io.files import remove_unfinished, write_atomically
from cuts3d.io.locks import exclusive_lock

START_SECONDS = 30.0  # that a run waits for others which start at the same time
Progress = Callable[[int, int, int], None]  # images done now, done before, in all


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecutionOptions:
    """What an extraction runs on; no byte of the result depends on it.

    Attributes:
        workers: Processes of this machine; None: one per processor.
        engine: `local`, or `ray` for a cluster.
        address: Of the Ray cluster.
        gpus_per_worker: Share of a GPU for each Ray task.
        part: (i, n): only the i-th of n parts of the work, from 1, without the merge.
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
    progress: Progress = lambda now, before, total: None,
) -> dict[str, int]:
    """Make pseudo-labels; go on where an interrupted run stopped.

    Args:
        source: Folder, list of paths or tar file; see `sources.entries`.
        out: COCO file of the result; unfinished work lies beside it in `<out>.parts`.
        job: The settings.
        options: What it runs on.
        limit: Only the first so many images.
        overwrite: Throw away what is there.
        progress: Told after every shard.

    Returns:
        Counts of images, annotations and failures; empty where only a part was done.

    Raises:
        InputError: No image, a result that is there already, unfinished work of other settings, another run in the
            same place, a full disk.
        ConfigError: The execution options do not exist or do not fit each other.
        WeightsUnavailableError: A network's weights cannot be had.
    """
    options = options or ExecutionOptions()
    part, parts = options.part
    if not 1 <= part <= parts:
        raise ConfigError(f"--part must be I/N with 1 ≤ I ≤ N; it is {part}/{parts}.")
    if overwrite and parts > 1:
        raise ConfigError("--overwrite would throw away what other parts have made; delete their folder yourself.")
    folder = parts_folder(out)
    with _exclusive(out, part, parts):
        if parts == 1:
            _tidy(folder, out, everything=overwrite)
        if out.exists() and not (folder / MANIFEST).exists():
            raise InputError(f"'{out}' is there already; give --overwrite to make it anew.")
        manifest = open_manifest(folder, source, job, limit=limit)
        own = {n for n in missing(folder, manifest) if n % parts == part - 1}
        if own:
            _load_networks(job)
            _work(folder, manifest, own, options, progress)
        if parts > 1:
            return {}
        return _finish(folder, manifest, out)


def merge_parts(source: Path, out: Path, job: Job, *, limit: int | None = None) -> dict[str, int]:
    """Merge what parts on several machines have made; see `extract`."""
    folder = parts_folder(out)
    if not folder.exists():
        raise InputError(f"There is nothing to merge: '{folder}' does not exist.")
    with _exclusive(out, 1, 1):
        _tidy(folder, out, everything=False)
        return _finish(folder, open_manifest(folder, source, job, limit=limit), out)


def parts_folder(out: Path) -> Path:
    """Where unfinished work lies."""
    return out.with_name(out.name + ".parts")


def _work(folder: Path, manifest: Manifest, own: set[int], options: ExecutionOptions, progress: Progress) -> None:
    size = manifest.job.images_per_shard
    total = sum(min(size, manifest.count - n * size) for n in range(manifest.num_shards) if n in own)
    before = manifest.count - total if options.part == (1, 1) else 0
    progress(0, before, before + total)
    done = 0
    for shard, content in _engine(manifest.job, manifest.shards(own), options):
        write_atomically(shard_path(folder, shard.number), lambda p, c=content: p.write_bytes(c))
        done += len(shard.entries)
        progress(done, before, before + total)


def _engine(job: Job, shards: Iterator[Shard], options: ExecutionOptions) -> Iterator[tuple[Shard, bytes]]:
    if options.engine == "ray":
        return run_ray(job, shards, address=options.address, gpus=options.gpus_per_worker)
    if options.engine != "local":
        raise ConfigError(f"Unknown engine '{options.engine}'; choose local or ray.")
    workers = available_processors() if options.workers is None else options.workers
    if workers < 1:
        raise ConfigError(f"--workers must be at least 1; it is {workers}.")
    return run_local(job, shards, workers=workers)


def _load_networks(job: Job) -> None:
    """Fail here, with one clear sentence, rather than in every worker; embedded weights are unpacked once."""
    from cuts3d.backbones.loaded import loaded_backbone
    from cuts3d.depth.loaded import loaded_estimator
    from cuts3d.run.methods import OURS

    for options, _ in job.needs:
        loaded_backbone(options.backbone)
    if job.method == OURS:
        loaded_estimator(job.config.depth.depth)


def _finish(folder: Path, manifest: Manifest, out: Path) -> dict[str, int]:
    counts = merge(folder, manifest, out)
    folder.rename(_done(folder))  # at once, so that a kill now leaves no half of the shards
    shutil.rmtree(_done(folder), ignore_errors=True)
    return counts


def _done(folder: Path) -> Path:
    return folder.with_name(folder.name + ".done")


def _tidy(folder: Path, out: Path, *, everything: bool) -> None:
    """Remove what an earlier run that was killed while it wrote or tidied has left, or all that is there."""
    shutil.rmtree(_done(folder), ignore_errors=True)
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

    def lock_file(what: str) -> Path:
        return out.with_name(f"{out.name}.{what}.lock")

    with ExitStack() as locks:
        with exclusive_lock(lock_file("start"), refused=refused, wait=START_SECONDS):
            if parts == 1:
                own, others = lock_file("run"), sorted(out.parent.glob(f"{glob.escape(out.name)}.part-*.lock"))
            else:
                own, others = lock_file(f"part-{part}-of-{parts}"), [lock_file("run")]
            locks.enter_context(exclusive_lock(own, refused=refused))
            for other in others:
                with exclusive_lock(other, refused=refused):
                    pass  # nobody has it
        try:
            yield
        finally:
            if parts == 1:
                with suppress(OSError):
                    parts_folder(out).rmdir()  # it is empty where nothing was begun
