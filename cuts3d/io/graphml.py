"""Graphs as GraphML files, which NetworkX, Gephi, igraph, yEd and Cytoscape read."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from cuts3d.io.files import write_atomically

if TYPE_CHECKING:
    import networkx as nx


def write_graphml(path: Path | str, graph: nx.Graph) -> None:
    """Write a graph with all attributes of its nodes and links, atomically.

    `networkx.read_graphml(path, node_type=str)` reads it again; GraphML has text as names of nodes.

    Args:
        path: The file.
        graph: As from `KnnGraph.to_networkx` or `Explorer.affinity_network`; attributes are numbers, switches or text.

    Raises:
        InputError: The file cannot be written.
    """
    import networkx as nx

    write_atomically(Path(path), lambda temporary: nx.write_graphml_xml(graph, str(temporary)))
