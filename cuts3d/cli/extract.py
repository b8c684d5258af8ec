"""`python -m cuts3d extract FOLDER --out labels.json --method cuts3d --workers N`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from cuts3d.config import CutS3DConfig
from cuts3d.errors import ConfigError


def add_extract(commands: Any) -> argparse.ArgumentParser:
    """Add the command to a parser; the method's parameters come from the caller."""
    parser = commands.add_parser(
        "extract",
        help="pseudo-labels of a folder",
        description="Masks of all images of a folder as one COCO file. Run it again after a kill, and it goes on.",
    )
    parser.add_argument("source", type=Path, help="a folder, a text file of paths, or a WebDataset tar file")
    parser.add_argument("--out", type=Path, required=True, metavar="JSON", help="the COCO file to write")
    parser.add_argument("--method", default="cuts3d", metavar="NAME", help="cuts3d (default), or a baseline's name")
    parser.add_argument("--limit", type=int, metavar="N", help="only the first N images")
    parser.add_argument("--overwrite", action="store_true", help="begin again, whatever is there")
    work = parser.add_argument_group("how the work is done (the result stays the same)")
    work.add_argument("--workers", type=int, metavar="N", help="processes (default: one per processor)")
    work.add_argument("--engine", choices=("local", "ray"), default="local", help="this machine, or a Ray cluster")
    work.add_argument("--address", default="auto", help="of the Ray cluster (default: auto)")
    work.add_argument("--gpus-per-worker", type=float, default=0.0, metavar="X", help="share of a GPU of a Ray task")
    work.add_argument("--part", default="1/1", metavar="I/N", help="only the I-th of N parts, without the merge")
    work.add_argument("--merge", action="store_true", help="only merge what the parts have made")
    units = parser.add_argument_group("units of work (equal for all runs that share them)")
    units.add_argument("--images-per-shard", type=int, default=64, metavar="N", help="what a kill can cost (64)")
    units.add_argument("--batch", type=int, default=4, metavar="N", help="images of one pass of a network (4)")
    return parser


def run_extract(options: argparse.Namespace, config: CutS3DConfig) -> int:
    """Extract, with a bar of progress, and say what came of it."""
    part = _part(options.part)
    from tqdm import tqdm

    from cuts3d.extract import ExecutionOptions, Job, extract, merge_parts

    job = Job(method=options.method, config=config, images_per_shard=options.images_per_shard, batch=options.batch)
    if options.limit is not None and options.limit < 1:
        raise ConfigError(f"--limit must be at least 1; it is {options.limit}.")
    if options.merge:
        counts = merge_parts(options.source, options.out, job, limit=options.limit)
    else:
        execution = ExecutionOptions(
            workers=options.workers,
            engine=options.engine,
            address=options.address,
            gpus_per_worker=options.gpus_per_worker,
            part=part,
        )
        with tqdm(unit=" images", disable=options.quiet, smoothing=0.1, file=sys.stderr) as bar:

            def progress(now: int, before: int, total: int) -> None:
                bar.total, bar.initial = total, before
                bar.update(before + now - bar.n)

            counts = extract(
                options.source,
                options.out,
                job,
                execution,
                limit=options.limit,
                overwrite=options.overwrite,
                progress=progress,
            )
    if not options.quiet:
        print(_summary(counts, options.out, options.part))
    return 0


def _part(text: str) -> tuple[int, int]:
    try:
        part, parts = (int(number) for number in text.split("/"))
    except ValueError:
        raise ConfigError(f"--part must be I/N, such as 1/4; it is '{text}'.") from None
    return part, parts


def _summary(counts: dict[str, int], out: Path, part: str) -> str:
    if not counts:
        return f"part {part} is done; when all are, run the command with --merge"
    failed = f"; {counts['failures']} could not be read, see 'failures' in it" if counts["failures"] else ""
    return f"{counts['annotations']} masks of {counts['images']} images in {out}{failed}"
