"""Rank detections by their scores and by the distinctness of their masks.

python -m training.rank photos/ --predictions found.json --out ranked.json

Distinctness: how clearly a mask differs from its surroundings in features, depth and completeness.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from cuts3d.cli.output import command
from cuts3d.cli.progress import photo_bar
from training.self_training.merge_labels import write_labels
from training.self_training.rank import rank_detections


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    found = argparse.ArgumentParser(
        prog="python -m training.rank",
        description="Rank detections by their scores and by the distinctness of their masks: how clearly a mask "
        "differs from its surroundings in features, depth and completeness.",
    )
    found.add_argument("folder", type=Path, help="the photos that 'cuts3d detect' read")
    found.add_argument("--predictions", type=Path, required=True, metavar="JSON", help="the COCO file that it wrote")
    found.add_argument("--out", type=Path, required=True, metavar="JSON", help="the COCO file to write")
    found.add_argument("--quiet", action="store_true", help="print only errors")
    return found


@command
def main() -> int:
    """Rank, with a progress bar."""
    options = parser().parse_args()
    with photo_bar(quiet=options.quiet) as show:
        ranked = rank_detections(options.folder, options.predictions, progress=show)
        write_labels(ranked, options.out)
    if not options.quiet:
        print(f"{options.out}: {len(ranked['annotations'])} objects, ranked.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
