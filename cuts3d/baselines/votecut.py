"""VoteCut (CuVLER, Arica et al., CVPR 2024; method 3.3): many eigenvectors give candidate masks and vote on them.

The paper takes one eigenvector from each of six backbones. Here the members of the ensemble are the last keys and the
tokens of the last four blocks of one backbone (ours): five members from one pass. More backbones can be given.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from scipy import ndimage

from cuts3d.arrays import BoolArray, FloatArray, ImageArray, IntArray
from cuts3d.backbones.features import photo_features
from cuts3d.baselines.options import BaselineOptions
from cuts3d.baselines.patches import Needs, coarse_masks, least_patches, no_masks
from cuts3d.baselines.tokencut import TAU, patch_eigenvector
from cuts3d.grids import resize_map
from cuts3d.memo import Keyed, Memo
from cuts3d.method.affinity import normalise_features
from cuts3d.types import CoarseMask

LAYERS = (-1, -2, -3, -4)
BLOCK = 64  # rows per step; they fit into the cache of a CPU


def members(options: BaselineOptions, *, backbones: tuple[str, ...] = (), layers: tuple[int, ...] = LAYERS) -> Needs:
    """Members of the ensemble: the keys of the last block and the tokens of some blocks of each backbone.

    Args:
        options: Input size and centring apply to all backbones; feature and layer do not apply.
        backbones: Names in the registry; empty: the configured backbone.
        layers: Blocks whose tokens are members; negative numbers count from the end.

    Returns:
        One request per backbone. Its vectors are one member, and each of its token layers is another.
    """
    names = backbones or (options.features.backbone,)
    shared = dataclasses.replace(options.features, feature="key", layer=-1)
    return tuple((dataclasses.replace(shared, backbone=name), layers) for name in names)


def votecut(
    eigenvectors: Sequence[FloatArray],
    *,
    grid_shape: tuple[int, int],
    num_clusters: tuple[int, ...] = (2, 3),
    max_corners: int = 1,
    min_overlap: float = 0.6,
    min_votes: float = 0.2,
    max_masks: int = 10,
    min_area: float = 0.01,
) -> tuple[BoolArray, FloatArray]:
    """Masks on which several eigenvectors agree (method 3.3).

    Args:
        eigenvectors: One per member, float [h', w'], each on its own grid; sign and scale do not matter.
        grid_shape: Grid (h, w) of the vote.
        num_clusters: Values of K for the 1-D k-means; larger K gives smaller parts.
        max_corners: A label that contains more image corners than this is background.
        min_overlap: A candidate joins a cluster if its IoU with the centre is above this.
        min_votes: A patch stays if it has more than this fraction of the votes of its cluster.
        max_masks: Largest number of masks; the largest clusters come first.
        min_area: Smallest fraction of the patches that a candidate and a mask cover (ours).

    Returns:
        Masks bool [m, h, w], which may overlap, and scores float64 [m], descending: size of the cluster, divided by the
        largest size in the photo.
    """
    least = least_patches(min_area, grid_shape[0] * grid_shape[1])
    parts = [
        part
        for x in eigenvectors
        for k in num_clusters
        for part in _parts(kmeans_1d(resize_map(x, grid_shape).ravel(), k).reshape(grid_shape), max_corners)
        if np.count_nonzero(part) >= least
    ]
    if not parts:
        return no_masks(grid_shape)
    candidates = np.stack(
        sorted(parts, key=np.count_nonzero, reverse=True)
    )  # among clusters of equal size, the largest mask is first
    found = [
        (candidates[group].mean(axis=0) > min_votes, len(group))
        for group in _clusters(candidates, min_overlap, max_masks)
    ]
    kept = [(mask, votes) for mask, votes in found if np.count_nonzero(mask) >= least]
    if not kept:
        return no_masks(grid_shape)
    votes = np.array([v for _, v in kept], dtype=np.float64)
    return np.stack([mask for mask, _ in kept]), votes / votes.max()


def kmeans_1d(values: FloatArray, k: int) -> IntArray:
    """Optimal 1-D k-means by dynamic programming over the sorted values; it needs no start values.

    Args:
        values: float [n].
        k: Number of clusters; at most the number of distinct values.

    Returns:
        Labels int64 [n], from 0, in ascending order of the values.
    """
    points = np.sort(values.astype(np.float64))
    centred = points - points.mean()
    sums = np.concatenate([[0.0], np.cumsum(centred)])
    squares = np.concatenate([[0.0], np.cumsum(centred**2)])
    cost = squares - sums**2 / np.maximum(
        np.arange(len(sums)), 1
    )  # cost[e]: sum of squares of points[:e] in one cluster
    all_starts: list[IntArray] = []
    for _ in range(min(k, len(np.unique(points))) - 1):
        cost, starts = _one_cluster_more(cost, sums, squares)
        all_starts.append(starts)
    end, borders = len(points), np.empty(len(all_starts))
    for number in reversed(range(len(all_starts))):
        end = int(all_starts[number][end])
        borders[number] = points[end]
    return np.searchsorted(borders, values.astype(np.float64), side="right")


def _one_cluster_more(cost: FloatArray, sums: FloatArray, squares: FloatArray) -> tuple[FloatArray, IntArray]:
    """Smallest sum of squares of each points[:e] with one more cluster, and the start of that last cluster."""
    best, starts = np.full_like(cost, np.inf), np.zeros(len(cost), dtype=np.int64)
    for low in range(1, len(cost), BLOCK):
        end = np.arange(low, min(low + BLOCK, len(cost)))[:, None]
        start = np.arange(end[-1, 0])[None, :]
        count = end - start
        total = cost[start] - squares[start] + squares[end] - (sums[end] - sums[start]) ** 2 / np.maximum(count, 1)
        total[count < 1] = np.inf
        starts[end[:, 0]] = total.argmin(axis=1)
        best[end[:, 0]] = total.min(axis=1)
    return best, starts


def _parts(labels: IntArray, max_corners: int) -> Iterator[BoolArray]:
    """4-connected parts of the labels that are not background."""
    for label in np.unique(labels):
        mask = labels == label
        if np.count_nonzero(mask[[0, 0, -1, -1], [0, -1, 0, -1]]) <= max_corners:
            numbers, count = ndimage.label(mask)
            yield from (numbers == number for number in range(1, count + 1))


def _clusters(candidates: BoolArray, min_overlap: float, most: int) -> Iterator[IntArray]:
    """Indices of each cluster: a centre, and all remaining candidates whose IoU with it is above `min_overlap`.

    The centre is the first candidate whose cluster is largest.
    """
    flat = candidates.reshape(len(candidates), -1).astype(np.float32)
    shared = (flat @ flat.T).astype(np.float64)
    areas = shared.diagonal()
    alike = shared > min_overlap * (areas[:, None] + areas[None, :] - shared)
    left = np.ones(len(candidates), dtype=bool)
    for _ in range(most):
        if not left.any():
            return
        sizes = np.where(left, (alike & left).sum(axis=1), 0)
        group = np.flatnonzero(alike[sizes.argmax()] & left)
        left[group] = False
        yield group


def votecut_masks(
    image: Keyed[ImageArray],
    options: BaselineOptions,
    memo: Memo,
    *,
    ensemble: Callable[[BaselineOptions], Needs] = members,
) -> list[CoarseMask]:
    """Masks of a photo by VoteCut, best first; they may overlap.

    Args:
        image: uint8 [H, W, 3].
        options: Input size, τ_ncut (None: that of TokenCut), ε and smallest area; N does not apply.
        memo: Remembers features.
        ensemble: Gives the members, see `members`.
    """
    tau = TAU if options.tau_ncut is None else options.tau_ncut
    eigenvectors, grids = [], []
    for request in ensemble(options):
        features = photo_features(image, request, memo).value
        grids.append(features.grid_shape)
        for vectors in (features.vectors, *features.tokens):
            unit = normalise_features(vectors, center=features.center)
            x = patch_eigenvector(unit, features.grid_shape, tau=tau, epsilon=options.epsilon)
            eigenvectors += [] if x is None else [x]
    return coarse_masks(*votecut(eigenvectors, grid_shape=max(grids), min_area=options.min_area))
