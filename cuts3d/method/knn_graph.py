"""k-NN graph of a point cloud (paper; method 1.5, step 4)."""

from __future__ import annotations

import numpy as np
from scipy.spatial import KDTree

from cuts3d.arrays import BoolArray
from cuts3d.types import KnnGraph, PointCloud


def knn_graph(cloud: PointCloud, *, k_neighbors: int, among: BoolArray | None = None) -> KnnGraph:
    """Link every point with its k nearest neighbours; each pair is listed once.

    Args:
        cloud: The points.
        k_neighbors: k; at most the number of other points.
        among: Points that are linked, bool [h, w]; None: all. If the other points are farther away than any τ_knn,
            leaving them out changes no cut.

    Returns:
        Edges sorted by length, so that the edges up to any τ_knn are the first ones.
    """
    linked = np.arange(len(cloud.points)) if among is None else np.flatnonzero(among)
    points = cloud.points[linked]
    n = len(points)
    k = min(k_neighbors, n - 1)
    if k < 1:
        none = np.zeros((0, 2), np.int32)
        return KnnGraph(edges=none, lengths=np.zeros(0), num_nodes=len(cloud.points), points=cloud.points)
    lengths, neighbours = KDTree(points).query(points, k=k + 1)
    nodes = np.repeat(np.arange(n), k + 1)
    others = neighbours.ravel()
    keys = np.minimum(nodes, others) * n + np.maximum(nodes, others)
    keys, first = np.unique(keys[nodes != others], return_index=True)
    distances = lengths.ravel()[nodes != others][first]
    order = np.argsort(distances, kind="stable")
    edges = linked[np.stack(np.divmod(keys[order], n), axis=1)].astype(np.int32)
    return KnnGraph(edges=edges, lengths=distances[order], num_nodes=len(cloud.points), points=cloud.points)
