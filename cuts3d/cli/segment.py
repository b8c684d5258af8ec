"""`cuts3d segment photo.jpg --out out/`."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cuts3d.cli.notes import print_notes, printed_notes
from cuts3d.cli.options import add_photo, check_photo, read_config
from cuts3d.cli.output import note

if TYPE_CHECKING:
    from cuts3d.run.explorer import Explorer
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
    parser.add_argument(
        "--graphml",
        action="store_true",
        help="also write the k-NN graph of each instance, with capacities, source and sink: graph_1.graphml, …",
    )
    parser.add_argument(
        "--figures", type=Path, metavar="FILE.html", help="also write all stages as one HTML page that opens offline"
    )
    add_photo(parser)
    parser.set_defaults(run=run_segment)


def run_segment(options: argparse.Namespace) -> int:
    """Segment, write, print; see `cuts3d.run.explorer`. Returns the exit code."""
    config = read_config(options)
    check_photo(options.photo)
    if options.figures is not None:
        _check_plotly()
    from cuts3d.io.results import save_all
    from cuts3d.run.explorer import Explorer

    explorer = Explorer(options.photo, config, depth=options.depth_map, depth_kind=options.depth_kind)
    print_notes(explorer.inputs.notes)
    result = _run_with_bar(explorer.stages(), quiet=options.quiet)
    with printed_notes():
        paths = save_all(result, options.out, file_name=options.photo.name, config=explorer.config)
    if options.graphml:
        paths += _write_graphs(explorer, result, options.out)
    if options.figures is not None:
        paths.append(_write_report(explorer, options.figures, title=options.photo.name))
    if not options.quiet:
        _print_summary(result, paths)
    return 0


def _write_graphs(explorer: Explorer, result: Segmentation, folder: Path) -> list[Path]:
    """One GraphML file per instance that was cut in 3D, numbered as everywhere; says which have none."""
    from cuts3d.io.graphml import write_graphml

    paths = []
    for place, instance in enumerate(result.instances):
        if instance.cut.source_side is None:
            note(f"Instance {place + 1} has no graph: {instance.cut.fallback}.")
            continue
        paths.append(folder / f"graph_{place + 1}.graphml")
        write_graphml(paths[-1], explorer.knn_network(place))
    return paths


def _check_plotly() -> None:
    """Refuse a missing Plotly before the networks run."""
    from cuts3d.figures.templates import graph_objects

    graph_objects()


def _write_report(explorer: Explorer, path: Path, *, title: str) -> Path:
    from cuts3d.figures.report import report_html
    from cuts3d.io.files import write_text

    write_text(path, report_html(explorer, title=title))
    return path


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
