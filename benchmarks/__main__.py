"""`python -m benchmarks [NAME ...]`: run the benchmarks, print them, and write them to `benchmarks/results.md`."""

from __future__ import annotations

import argparse
import importlib
import os
from pathlib import Path

NAMES = ("stages", "ncut", "local_cut", "sliders", "page", "memory", "copy_paste")
RESULTS = Path(__file__).with_name("results.md")


def main() -> None:
    """Run the named benchmarks, or all."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of: {', '.join(NAMES)}; none: all")
    chosen = parser.parse_args().names or list(NAMES)
    parts = [f"# Benchmarks\n\nMade by `make bench` on {os.cpu_count()} cores. Median, and smallest to largest.\n"]
    for name in chosen:
        module = importlib.import_module(f"benchmarks.{name}")
        part = "\n".join(
            [f"## {name}\n\n{(module.__doc__ or '').strip()}\n\n| what | figure |\n|:--|--:|", *module.run(), ""]
        )
        print(part, flush=True)
        parts.append(part)
    if chosen == list(NAMES):
        RESULTS.write_text("\n".join(parts), encoding="utf-8")


if __name__ == "__main__":
    main()
