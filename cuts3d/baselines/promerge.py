"""ProMerge (Li & Shin, ECCV 2024; method 3.4): a vote finds the background; masks of seeds elsewhere merge."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cuts3d.arrays import BoolArray, FloatArray, ImageArray
from cuts3d.backbones.features import feature_request, photo_features
from cuts3d.baselines.options import BaselineOptions
from cuts3d.baselines.patches import coarse_masks, least_patches, no_masks, unit_vectors
from cuts3d.grids import component_of
from cuts3d.memo import Keyed, Memo
from cuts3d.method.affinity import normalise_features
from cuts3d.types import CoarseMask


@dataclass(frozen=True, slots=True, kw_only=True)
class ProMergeThresholds:
    """The thresholds of ProMerge (method 3.4). Those marked "measured" are not in the paper, but chosen on COCO dev.

    Attributes:
        tau_background: A seed votes for the patches whose cosine with it is above this.
        min_votes: A patch with more than this fraction of the votes is background.
        min_side: A seed votes only if its patches cover more than this fraction of an image side (measured).
        stride: Distance between the seeds of the foreground, in patches; a smaller stride finds smaller objects.
        tau_foreground: Cosine above which a patch is in the mask of a seed; higher gives smaller masks (measured).
        min_overlap: Two masks merge if their IoA (intersection divided by the smaller area) is above this.
        min_close_overlap: The same for masks with close features.
        min_closeness: Features are close if the cosine of the mean features is above this (measured).
    """

    tau_background: float = 0.2
    min_votes: float = 0.5
    min_side: float = 0.9
    stride: int = 4
    tau_foreground: float = 0.7
    min_overlap: float = 0.5
    min_close_overlap: float = 0.1
    min_closeness: float = 0.7


def promerge(
    features: FloatArray,
    *,
    grid_shape: tuple[int, int],
    min_area: float = 0.01,
    thresholds: ProMergeThresholds | None = None,
) -> tuple[BoolArray, FloatArray]:
    """Masks of seeds that are merged if they overlap, without an eigenvector (method 3.4).

    Args:
        features: Key features, float [h*w, C]; normalised here.
        grid_shape: Patch grid (h, w).
        min_area: Smallest fraction of the patches that a mask covers (ours).
        thresholds: Thresholds of the method; None: the defaults.

    Returns:
        Masks bool [m, h, w], which may overlap, and scores float64 [m]: number of seeds of a mask, divided by the
        largest such number in the photo (ours; the paper does not rank masks).

    Raises:
        InputError: The features do not fit the grid.
    """
    t = thresholds or ProMergeThresholds()
    unit = unit_vectors(features, grid_shape)
    if unit is None:
        return no_masks(grid_shape)
    cosine = unit @ unit.T
    background = vote_background(
        cosine, grid_shape, tau_background=t.tau_background, min_votes=t.min_votes, min_side=t.min_side
    )
    prompted = prompt_masks(cosine, background, tau=t.tau_foreground, stride=t.stride)
    masks, seeds = merge_masks(
        prompted,
        unit,
        min_overlap=t.min_overlap,
        min_close_overlap=t.min_close_overlap,
        min_closeness=t.min_closeness,
    )
    kept = masks.sum(axis=(1, 2)) >= least_patches(min_area, len(unit))
    return (masks[kept], seeds[kept] / seeds[kept].max()) if kept.any() else no_masks(grid_shape)


def vote_background(
    cosine: FloatArray, grid_shape: tuple[int, int], *, tau_background: float, min_votes: float, min_side: float
) -> BoolArray:
    """Background by a vote of all patches (method 3.4): more than `min_votes` of the masks along an image side.

    Args:
        cosine: float [h*w, h*w].
        grid_shape: Patch grid (h, w).
        tau_background: See `ProMergeThresholds`.
        min_votes: See `ProMergeThresholds`.
        min_side: See `ProMergeThresholds`.

    Returns:
        bool [h, w]; empty if no mask covers enough of an image side.
    """
    masks = (cosine > tau_background).reshape(-1, *grid_shape)
    sides = (masks[:, 0], masks[:, -1], masks[:, :, 0], masks[:, :, -1])
    votes = masks[np.max([side.mean(axis=1) for side in sides], axis=0) > min_side]
    return votes.mean(axis=0) > min_votes if len(votes) else np.zeros(grid_shape, dtype=bool)


def prompt_masks(cosine: FloatArray, background: BoolArray, *, tau: float, stride: int) -> BoolArray:
    """Mask of each seed on a grid in the foreground: the similar foreground patches, 4-connected with the seed.

    Args:
        cosine: float [h*w, h*w].
        background: bool [h, w].
        tau: Cosine with the seed above which a patch is similar.
        stride: Distance between seeds in patches.

    Returns:
        bool [s, h, w], in row-major order of the seeds.
    """
    on_grid = np.zeros_like(background)
    on_grid[stride // 2 :: stride, stride // 2 :: stride] = True
    seeds = np.argwhere(on_grid & ~background)
    masks = (cosine[(on_grid & ~background).ravel()] > tau).reshape(-1, *background.shape) & ~background
    for mask, (row, column) in zip(masks, seeds, strict=True):
        mask[:] = component_of(mask, (int(row), int(column)))
    return masks


def merge_masks(
    masks: BoolArray, unit: FloatArray, *, min_overlap: float, min_close_overlap: float, min_closeness: float
) -> tuple[BoolArray, FloatArray]:
    """Merge each mask, largest first, with the merged mask that it overlaps most; else it starts a new one.

    Args:
        masks: bool [s, h, w]; masks of equal size keep their order.
        unit: Normalised features, float [h*w, C].
        min_overlap: See `ProMergeThresholds`.
        min_close_overlap: See `ProMergeThresholds`.
        min_closeness: See `ProMergeThresholds`.

    Returns:
        Merged masks bool [m, h, w], and the number of masks in each, float64 [m].
    """
    flat = masks.reshape(len(masks), len(unit)).astype(np.float32)
    order = np.argsort(-flat.sum(axis=1), kind="stable")
    merged, counts = np.zeros_like(flat), np.zeros(len(masks))
    means = np.zeros((len(masks), unit.shape[1]), dtype=np.float32)
    m = 0
    for mask in flat[order]:
        smaller = np.minimum(merged[:m].sum(axis=1), mask.sum())
        ioa = (merged[:m] @ mask) / np.maximum(smaller, 1)  # a zero vector has cosine 0 with all, so its mask is empty
        close = means[:m] @ _mean_direction(mask, unit) > min_closeness
        overlap = np.where((ioa > min_overlap) | (close & (ioa > min_close_overlap)), ioa, 0.0)
        joins = m > 0 and overlap.max() > 0
        target = int(overlap.argmax()) if joins else m
        merged[target] = np.maximum(merged[target], mask)
        means[target] = _mean_direction(merged[target], unit)
        counts[target] += 1
        m += not joins
    return merged[:m].astype(bool).reshape(-1, *masks.shape[1:]), counts[:m]


def _mean_direction(mask: FloatArray, unit: FloatArray) -> FloatArray:
    mean = mask @ unit
    return mean / max(float(np.linalg.norm(mean)), 1e-12)


def promerge_masks(image: Keyed[ImageArray], options: BaselineOptions, memo: Memo) -> list[CoarseMask]:
    """Masks of a photo by ProMerge, best first. Only the features and the smallest area of the options apply."""
    features = photo_features(image, feature_request(options.features), memo).value
    masks, scores = promerge(
        normalise_features(features.vectors, center=features.center),
        grid_shape=features.grid_shape,
        min_area=options.min_area,
    )
    return coarse_masks(masks, scores)
