"""`python -m benchmarks [NAME ...]`: run the benchmarks, print them, and write them to `benchmarks/results.md`.

`make bench` runs the quick ones, and then prints the README's numbers from their records. The others need data or hours
and run by their names.
"""

from __future__ import annotations

import argparse
import datetime
import importlib
import os
from pathlib import Path

NAMES = ("stages", "ncut", "local_cut", "sliders", "page", "memory", "copy_paste", "shipped")
RESULTS = Path(__file__).with_name("results.md")


def main() -> None:
    """Run the named benchmarks, or all quick ones."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"some of: {', '.join(NAMES)}; none: all")
    chosen = parser.parse_args().names or list(NAMES)
    made = f"Made on {datetime.date.today()} by `make bench` on {os.cpu_count()} cores"
    parts = [f"# Benchmarks\n\n{made}. Median, and smallest to largest.\n"]
    for name in chosen:
        parts.append(_part(name))
        print(parts[-1], flush=True)
    if chosen == list(NAMES):
        RESULTS.write_text("\n".join(parts), encoding="utf-8")
        print(_part("readme"))  # last: it reads the new results


def _part(name: str) -> str:
    module = importlib.import_module(f"benchmarks.{name}")
    head = f"## {name}\n\n{(module.__doc__ or '').strip()}\n\n| what | figure |\n|:--|--:|"
    return "\n".join([head, *module.run(), ""])


if __name__ == "__main__":
    main()
