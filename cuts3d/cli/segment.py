"""`cuts3d segment photo.jpg --out out/`."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cuts3d.cli.notes import print_notes, printed_notes
from cuts3d.cli.options import add_photo, check_photo, read_config
from cuts3d.cli.segment_files import add_files, check_packages, write_files

if TYPE_CHECKING:
    from cuts3d.types import Segmentation

STAGES = 7  # that the progress bar counts


def add_segment(commands: Any) -> None:
    """Add the command to the subparsers of `build_parser`."""
    parser = commands.add_parser(
        "segment",
        help="instance masks of one photo",
        description="Find the instances of one photo, and write them as a picture, as COCO JSON, as a point cloud and "
        "as arrays.",
    )
    parser.add_argument(
        "--depth-map",
        type=Path,
        metavar="FILE",
        help="your own depth map instead of an estimate: PNG, TIFF, NPY, NPZ, PFM, EXR",
    )
    add_files(parser)
    add_photo(parser)
    parser.set_defaults(run=run_segment)


def run_segment(options: argparse.Namespace) -> int:
    """Segment, write, print; see `cuts3d.run.explorer`. Returns the exit code."""
    config = read_config(options)
    check_photo(options.photo)
    check_packages(options)
    from cuts3d.io.results import save_all
    from cuts3d.run.explorer import Explorer

    explorer = Explorer(options.photo, config, depth=options.depth_map, depth_kind=options.depth_kind)
    print_notes(explorer.inputs.notes)
    result = _run_with_bar(explorer.stages(), quiet=options.quiet)
    with printed_notes():
        paths = save_all(result, options.out, file_name=options.photo.name)
    paths += write_files(options, explorer, result)
    if not options.quiet:
        _print_summary(result, paths)
    return 0


def _run_with_bar(stages: Iterator[Any], *, quiet: bool) -> Segmentation:
    """The result of the last stage, with a progress bar that names the stages."""
    from tqdm import tqdm

    result: Any = None
    with tqdm(total=STAGES, disable=quiet, unit="stage", leave=False, bar_format="{desc:24} {bar} {elapsed}") as bar:
        bar.set_description("loading networks")
        for step in stages:
            bar.set_description(step.stage.replace("_", " "))
            bar.update(bar.n < bar.total)
            result = step.value
    return result


def _print_summary(result: Segmentation, paths: list[Path]) -> None:
    print(f"{len(result.instances)} instances (backbone {result.features.backbone}, depth: {result.depth.estimator})")
    for number, instance in enumerate(result.instances, start=1):
        percentage = 100 * instance.area / instance.mask.size
        note = f"  fallback: {instance.cut.fallback}" if instance.cut.fallback else ""
        print(f"  {number}: {percentage:5.1f} % of the photo, confidence {instance.mean_confidence:.2f}{note}")
    for dropped in result.dropped:
        print(f"  stopped or dropped at NCut {dropped.ncut + 1}: {dropped.reason}")
    print("wrote " + ", ".join(str(p) for p in paths))
