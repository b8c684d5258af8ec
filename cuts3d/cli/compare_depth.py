"""`cuts3d compare-depth photo.jpg --estimators embedded,file:depth.png,none --out out/`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from cuts3d.cli.notes import printed_notes
from cuts3d.cli.options import add_photo, check_photo, read_config
from cuts3d.errors import ConfigError

FILE = "file:"


def add_compare_depth(commands: Any) -> None:
    """Add the command to the subparsers of `build_parser`."""
    parser = commands.add_parser(
        "compare-depth",
        help="masks of one photo with several depth estimators",
        description="Segment one photo with each of several depth estimators, and compare depth, point clouds and "
        "masks.",
    )
    parser.add_argument(
        "--estimators",
        default="embedded,none",
        metavar="A,B,…",
        help="names of depth estimators; file:PATH is your own depth map (default: embedded,none)",
    )
    add_photo(parser)
    parser.set_defaults(run=run_compare_depth)


def parse_estimators(text: str) -> tuple[list[str], Path | None]:
    """The names of the estimators, and the path of `file:PATH`.

    Raises:
        ConfigError: There is no name, or more than one file.
    """
    words = [word.strip() for word in text.split(",") if word.strip()]
    files = [Path(word.removeprefix(FILE)) for word in words if word.startswith(FILE)]
    if not words:
        raise ConfigError("Name at least one depth estimator, such as --estimators embedded,none.")
    if len(files) > 1:
        raise ConfigError("Only one depth map of your own can be compared at a time.")
    return ["file" if word.startswith(FILE) else word for word in words], files[0] if files else None


def run_compare_depth(options: argparse.Namespace) -> int:
    """Compare, write, print; see `cuts3d.run.compare`. Returns the exit code."""
    config = read_config(options)
    names, depth = parse_estimators(options.estimators)
    check_photo(options.photo)
    from cuts3d.run.compare import compare_depth
    from cuts3d.run.compare_report import text_table, write_comparison

    with printed_notes():
        found = compare_depth(options.photo, names, config=config, depth=depth, depth_kind=options.depth_kind)
    paths = write_comparison(found, options.out, file_name=options.photo.name, config=config)
    if not options.quiet:
        print(text_table(found))
        print(f"wrote {len(paths)} files to {options.out}")
    return 0 if found.names else 1
