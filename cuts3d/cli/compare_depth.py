"""`python -m cuts3d compare-depth photo.jpg --estimators embedded,file:depth.png,none --out out/`."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from cuts3d.errors import ConfigError, InputError

FILE = "file:"


def parse_estimators(text: str) -> tuple[list[str], Path | None]:
    """Names of estimators from one word, and the depth map behind `file:PATH`.

    Raises:
        ConfigError: No name, or more than one file.
    """
    words = [word.strip() for word in text.split(",") if word.strip()]
    files = [Path(word.removeprefix(FILE)) for word in words if word.startswith(FILE)]
    if not words:
        raise ConfigError("Name at least one depth estimator, such as --estimators embedded,none.")
    if len(files) > 1:
        raise ConfigError("Only one depth map of your own can be compared at a time.")
    return ["file" if word.startswith(FILE) else word for word in words], files[0] if files else None


def run_compare(options: argparse.Namespace, config: Any) -> int:
    """Compare, write, print; see `cuts3d.run.compare`. Returns the exit code."""
    names, depth = parse_estimators(options.estimators)
    if not options.photo.exists():
        raise InputError(f"There is no file '{options.photo}'.")
    from cuts3d.run.compare import compare_depth
    from cuts3d.run.compare_report import text_table, write_comparison

    found = compare_depth(options.photo, names, config=config, depth=depth, depth_kind=options.depth_kind)
    paths = write_comparison(found, options.out, file_name=options.photo.name, config=config)
    if not options.quiet:
        print(text_table(found))
        print(f"wrote {len(paths)} files to {options.out}")
    return 0 if found.names else 1
