"""`cuts3d evaluate --gt instances_val2017.json --pred labels.json`."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any


def add_evaluate(commands: Any) -> None:
    """Add the command to the subparsers of `build_parser`."""
    parser = commands.add_parser(
        "evaluate",
        help="class-agnostic AP and AR against a COCO ground truth",
        description="Compute class-agnostic COCO figures of masks and boxes, CorLoc, and separated touching pairs.",
    )
    parser.add_argument("--gt", type=Path, required=True, metavar="FILE", help="the ground truth, a COCO document")
    parser.add_argument(
        "--pred",
        type=Path,
        required=True,
        metavar="FILE",
        help="COCO document with scores, or COCO's list of results",
    )
    parser.add_argument("--pairs", type=Path, metavar="FILE", help="JSON with touching pairs of the ground truth")
    parser.add_argument(
        "--image-ids", type=Path, metavar="FILE", help="text file with one image id or file name per line"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures to this JSON file")
    parser.add_argument("--quiet", action="store_true", help="print no table, only what was left out")
    parser.set_defaults(run=run_evaluate)


def run_evaluate(options: argparse.Namespace) -> int:
    """Evaluate, write, print; see `cuts3d.evaluate`. Returns the exit code."""
    from cuts3d.evaluate import evaluate
    from cuts3d.evaluate.chosen import read_ids
    from cuts3d.evaluate.report import markdown, notice_lines, to_json
    from cuts3d.io.files import write_text

    chosen = read_ids(options.image_ids) if options.image_ids else None
    found = evaluate(options.gt, options.pred, pairs=options.pairs, image_ids=chosen)
    if options.json:
        write_text(options.json, json.dumps(to_json(found), indent=1) + "\n")
    if not options.quiet:
        print(markdown(found))
    elif found.notices:
        print("\n".join(notice_lines(found)), file=sys.stderr)
    return 0
