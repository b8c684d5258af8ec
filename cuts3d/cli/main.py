"""The command line `cuts3d COMMAND`: the parser, and exit codes from errors. Heavy imports wait for the command."""

from __future__ import annotations

import argparse
from collections.abc import Sequence

from cuts3d import __version__
from cuts3d.cli.compare_depth import add_compare_depth
from cuts3d.cli.convert import add_convert
from cuts3d.cli.detect import add_detect
from cuts3d.cli.evaluate import add_evaluate
from cuts3d.cli.extract import add_extract
from cuts3d.cli.output import FAILED, WRONG_USE, command
from cuts3d.cli.segment import add_segment

__all__ = ["FAILED", "WRONG_USE", "build_parser", "main"]


@command
def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command.

    Args:
        arguments: Words after the program's name; None: those of this process.

    Returns:
        0 done, 1 an error with one clear line, 2 wrong use, 141 the reader of the output has closed it.
    """
    options = build_parser().parse_args(arguments)
    return options.run(options)


def build_parser() -> argparse.ArgumentParser:
    """The parser of all commands."""
    parser = argparse.ArgumentParser(prog="cuts3d", description="Unsupervised instance segmentation by cuts in 3D.")
    parser.add_argument("--version", action="version", version=f"cuts3d {__version__}")
    commands = parser.add_subparsers(title="commands", required=True, metavar="COMMAND")
    for add_command in (add_segment, add_extract, add_detect, add_evaluate, add_convert, add_compare_depth):
        add_command(commands)
    return parser
