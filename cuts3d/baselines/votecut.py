"""VoteCut (CuVLER, Arica et al., CVPR 2024): many eigenvectors cut alike where there is an object, so they vote.

The paper takes one eigenvector from each of six backbones. Here the members are one backbone's last keys and the tokens
of its last blocks, unless others are declared: five members for one pass of the one network that is at hand.
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
BLOCK = 64  # rows at a time: what fits a CPU's cache


def members(options: BaselineOptions, *, backbones: tuple[str, ...] = (), layers: tuple[int, ...] = LAYERS) -> Needs:
    """The ensemble: of each backbone the last block's keys and the raw tokens of some blocks, all from one pass.

    Args:
        options: The input size and the centring hold for every backbone, the feature kind and the layer for none.
        backbones: Registry names; none: the configured one.
        layers: Blocks whose tokens are members, negative from the end.

    Returns:
        One entry per backbone; its vectors are one member, each of its token layers another.
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
    """Masks on which several eigenvectors agree (method 3).

    Args:
        eigenvectors: One per member, float [h', w'] each on its own grid; sign and scale do not matter.
        grid_shape: Grid (h, w) on which they vote.
        num_clusters: K of the 1-D k-means; more cuts finer parts.
        max_corners: A label that holds more of the four corners is background.
        min_overlap: Candidates above this IoU with a cluster's centre join it; higher makes more, purer clusters.
        min_votes: A patch stays with more than this share of its cluster's votes; higher shrinks the masks.
        max_masks: Most masks, the largest clusters first.
        min_area: Least share of the patches that a candidate and a mask cover; ours.

    Returns:
        Masks bool [m, h, w], which may overlap, and scores float64 [m], descending: votes over the most in the photo.
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
    candidates = np.stack(sorted(parts, key=np.count_nonzero, reverse=True))  # of equal clusters the largest mask wins
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
    """The optimal 1-D k-means by dynamic programming over the sorted values: no start, no local optimum.

    Args:
        values: float [n].
        k: Clusters; fewer where there are fewer distinct values.

    Returns:
        int64 [n], labels in ascending order of the values.
    """
    points = np.sort(values.astype(np.float64))
    centred = points - points.mean()
    sums = np.concatenate([[0.0], np.cumsum(centred)])
    squares = np.concatenate([[0.0], np.cumsum(centred**2)])
    cost = squares - sums**2 / np.maximum(np.arange(len(sums)), 1)  # cost[e]: spread of points[:e] in one cluster
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
    """Least spread of every points[:e] with one cluster more, and where that last cluster starts."""
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
    """4-connected parts of the labels that do not look like background."""
    for label in np.unique(labels):
        mask = labels == label
        if np.count_nonzero(mask[[0, 0, -1, -1], [0, -1, 0, -1]]) <= max_corners:
            numbers, count = ndimage.label(mask)
            yield from (numbers == number for number in range(1, count + 1))


def _clusters(candidates: BoolArray, min_overlap: float, most: int) -> Iterator[IntArray]:
    """Groups of candidates around the one with most neighbours, then around the next of those left; ties: the first."""
    flat = candidates.reshape(len(candidates), -1).astype(np.float32)
    shared = (flat @ flat.T).astype(np.float64)
    areas = shared.diagonal()
    alike = shared > min_overlap * (areas[:, None] + areas[None, :] - shared)
    left = np.ones(len(candidates), dtype=bool)
    for _ in range(most):
        if not left.any():
            return
        neighbours = np.where(left, (alike & left).sum(axis=1), 0)
        group = np.flatnonzero(alike[neighbours.argmax()] & left)
        left[group] = False
        yield group


def votecut_masks(
    image: Keyed[ImageArray],
    options: BaselineOptions,
    memo: Memo,
    *,
    ensemble: Callable[[BaselineOptions], Needs] = members,
) -> list[CoarseMask]:
    """VoteCut's masks of a photo, best first; they may overlap.

    Args:
        image: uint8 [H, W, 3].
        options: Input size, τ_ncut (None: TokenCut's), ε and the smallest area; the number of masks is VoteCut's own.
        memo: Remembers features.
        ensemble: What its members read, see `members`.
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
