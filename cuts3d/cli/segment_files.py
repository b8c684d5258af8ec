"""Files that `cuts3d segment` writes only when they are asked for: graphs, point cloud, surface, report."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from cuts3d.cli.output import note

if TYPE_CHECKING:
    from cuts3d.run.explorer import Explorer
    from cuts3d.types import Segmentation


def add_files(parser: argparse.ArgumentParser) -> None:
    """Add an option for each of these files."""
    parser.add_argument(
        "--graphml",
        action="store_true",
        help="also write the k-NN graph of each instance, with capacities, source and sink: graph_1.graphml, …",
    )
    parser.add_argument(
        "--pcd", action="store_true", help="also write cloud.pcd: points with colour, normal, label and confidence"
    )
    parser.add_argument(
        "--mesh", action="store_true", help="also write surface.glb: the visible surface, for 3D viewers and phones"
    )
    parser.add_argument(
        "--figures", type=Path, metavar="FILE.html", help="also write all stages as one HTML page that opens offline"
    )


def check_packages(options: argparse.Namespace) -> None:
    """Load the packages that the files need, before the networks run.

    Raises:
        MissingPackageError: One of them is not installed.
    """
    if options.pcd or options.mesh:
        from cuts3d.io.open3d_loaded import load_open3d

        load_open3d("--pcd" if options.pcd else "--mesh")
    if options.figures is not None:
        from cuts3d.figures.templates import graph_objects

        graph_objects()


def write_files(options: argparse.Namespace, explorer: Explorer, result: Segmentation) -> list[Path]:
    """Write the files that were asked for; their paths."""
    paths = _write_graphs(explorer, result, options.out) if options.graphml else []
    if options.pcd or options.mesh:
        from cuts3d.io.results import save_geometry

        paths += save_geometry(result, options.out, pcd=options.pcd, mesh=options.mesh)
    if options.figures is not None:
        from cuts3d.figures.report import report_html
        from cuts3d.io.files import write_text

        write_text(options.figures, report_html(explorer, title=options.photo.name))
        paths.append(options.figures)
    return paths


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
