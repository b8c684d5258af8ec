"""`cuts3d convert labels.json --to yolo OUT`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

FORMATS = ("yolo", "voc", "labelme", "label-studio", "fiftyone", "parquet")


def add_convert(commands: Any) -> None:
    """Add the command to the subparsers of `build_parser`."""
    parser = commands.add_parser(
        "convert",
        help="labels in the format of another tool",
        description="Write the labels of a COCO document in the format of another tool. What the format cannot hold is "
        "counted and said.",
    )
    parser.add_argument("labels", type=Path, help="a COCO document, such as extract, segment and detect write it")
    parser.add_argument("out", type=Path, help="the folder to write; it must be empty or not there")
    parser.add_argument("--to", choices=FORMATS, required=True, help="the format")
    parser.add_argument(
        "--photos",
        type=Path,
        metavar="FOLDER",
        help="the folder of the photos: sizes are checked, and photos copied where the format wants them",
    )
    parser.add_argument("--score", type=float, metavar="S", help="leave out objects with a lower score, or with none")
    parser.add_argument("--quiet", action="store_true", help="print no summary, only what is left out")
    parser.set_defaults(run=run_convert)


def run_convert(options: argparse.Namespace) -> int:
    """Convert, print; see `cuts3d.formats`. Returns the exit code."""
    from cuts3d.cli.output import note
    from cuts3d.formats import convert

    done = convert(options.labels, options.to, options.out, photos=options.photos, least_score=options.score)
    for sentence in done.notes:
        note(sentence)
    if not options.quiet:
        print(f"{done.objects} objects of {done.images} images in {options.out}, as {options.to}")
    return 0
