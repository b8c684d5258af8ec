"""`cuts3d extract FOLDER --out labels.json --method cuts3d --workers N`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cuts3d.cli.options import add_config, read_config
from cuts3d.cli.summary import Notes, exit_code
from cuts3d.errors import ConfigError

if TYPE_CHECKING:
    from cuts3d.extract import ExecutionOptions, Job


def add_extract(commands: Any) -> None:
    """Add the command to the subparsers of `build_parser`."""
    parser = commands.add_parser(
        "extract",
        help="pseudo-labels of a folder",
        description="Find the masks of all images of a folder, and write them as one COCO file. If the command is "
        "interrupted, run it again: it resumes. Photos that could not be read are tried again in the same way.",
    )
    parser.add_argument("source", type=Path, help="a folder, a text file of paths, or a WebDataset tar file")
    parser.add_argument("--out", type=Path, required=True, metavar="JSON", help="the COCO file to write")
    parser.add_argument(
        "--method", default="cuts3d", metavar="NAME", help="cuts3d, or the name of a baseline (default: cuts3d)"
    )
    parser.add_argument("--limit", type=int, metavar="N", help="use only the first N images")
    parser.add_argument("--overwrite", action="store_true", help="delete an earlier result and start again")
    _add_execution(parser)
    _add_units(parser)
    add_config(parser)
    parser.set_defaults(run=run_extract)


def _add_units(parser: argparse.ArgumentParser) -> None:
    units = parser.add_argument_group("units of work (must be equal in all runs that share the work)")
    units.add_argument(
        "--images-per-shard",
        type=int,
        default=64,
        metavar="N",
        help="images of one shard of work (default: 64)",
    )
    units.add_argument(
        "--batch", type=int, default=4, metavar="N", help="images of one forward pass of a network (default: 4)"
    )


def _add_execution(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("execution (the result stays the same)")
    group.add_argument("--workers", type=int, metavar="N", help="number of processes (default: one per processor)")
    group.add_argument("--engine", choices=("local", "ray"), default="local", help="this machine, or a Ray cluster")
    group.add_argument("--address", default="auto", help="address of the Ray cluster (default: auto)")
    group.add_argument(
        "--gpus-per-worker",
        type=float,
        default=0.0,
        metavar="X",
        help="GPUs of a Ray task, such as 0.5 (default: 0)",
    )
    group.add_argument("--part", default="1/1", metavar="I/N", help="run only the I-th of N parts, and do not merge")
    group.add_argument("--merge", action="store_true", help="only merge the finished parts")


def run_extract(options: argparse.Namespace) -> int:
    """Extract, with a progress bar, and print a summary; see `cuts3d.extract`. Returns the exit code."""
    config, part = read_config(options), _parse_part(options.part)
    if options.limit is not None and options.limit < 1:
        raise ConfigError(f"--limit must be at least 1; it is {options.limit}.")
    from cuts3d.extract import ExecutionOptions, Job, merge_parts

    job = Job(method=options.method, config=config, images_per_shard=options.images_per_shard, batch=options.batch)
    notes = Notes()
    if options.merge:
        counts = merge_parts(options.source, options.out, job, limit=options.limit, note=notes)
    else:
        execution = ExecutionOptions(
            workers=options.workers,
            engine=options.engine,
            address=options.address,
            gpus_per_worker=options.gpus_per_worker,
            part=part,
        )
        counts = _extract_with_bar(options, job, execution, notes)
    if not options.quiet:
        print("\n".join([_summary(counts, options.out, options.part), *notes.sentences]))
    return exit_code(counts, options.out, "The same command tries them again.")


def _extract_with_bar(
    options: argparse.Namespace, job: Job, execution: ExecutionOptions, notes: Notes
) -> dict[str, int]:
    from cuts3d.cli.progress import photo_bar
    from cuts3d.extract import extract

    with photo_bar(quiet=options.quiet) as progress:
        return extract(
            options.source,
            options.out,
            job,
            execution,
            limit=options.limit,
            overwrite=options.overwrite,
            progress=progress,
            note=notes,
        )


def _parse_part(text: str) -> tuple[int, int]:
    try:
        part, parts = (int(number) for number in text.split("/"))
    except ValueError:
        raise ConfigError(f"--part must be I/N, such as 1/4; it is '{text}'.") from None
    return part, parts


def _summary(counts: dict[str, int], out: Path, part: str) -> str:
    if not counts:
        return f"part {part} is finished; when all parts are finished, run the command with --merge"
    failed = f"; {counts['failures']} could not be read, see 'failures' in it" if counts["failures"] else ""
    return f"{counts['annotations']} masks of {counts['images']} images in {out}{failed}"
