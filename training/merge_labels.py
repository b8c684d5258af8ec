"""Make the pseudo-labels of the next round of self-training.

python -m training.merge_labels --recipe light_gpu --predictions predictions.json --labels labels.json --score 0.7 \
    --out merged.json
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from cuts3d.cli.output import command
from training.recipes import get_recipe
from training.self_training.merge_labels import check_ranked, merge_labels, write_labels


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    found = argparse.ArgumentParser(
        prog="python -m training.merge_labels", description="Make the labels of the next round of self-training."
    )
    found.add_argument("--recipe", metavar="NAME", help="the recipe whose score ranges apply; none: scores are kept")
    found.add_argument(
        "--predictions", type=Path, required=True, metavar="JSON", help="what 'cuts3d detect' or training.rank wrote"
    )
    found.add_argument(
        "--labels", type=Path, required=True, metavar="JSON", help="the labels that the detector was trained on"
    )
    found.add_argument("--score", type=float, required=True, metavar="S", help="least score of a kept detection")
    found.add_argument("--out", type=Path, required=True, metavar="JSON", help="the COCO file to write")
    return found


@command
def main() -> int:
    """Merge two files."""
    options = parser().parse_args()
    recipe = get_recipe(options.recipe) if options.recipe is not None else None
    ranges = recipe.score_ranges if recipe is not None else {}
    document = merge_labels(options.predictions, options.labels, score=options.score, **ranges)
    if recipe is not None and recipe.rank_detections:
        check_ranked(document, f"Predictions '{options.predictions}'")
    write_labels(document, options.out)
    info = document["info"]
    print(f"{options.out}: {info['detections']} detections and {info['earlier_labels']} earlier labels.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
