"""ProMerge (Li & Shin, ECCV 2024): a vote says what is background; every other seed prompts a mask, and they merge."""

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
    """The thresholds of ProMerge. Those marked "measured" are not in the paper; they were chosen on COCO dev.

    Attributes:
        tau_background: Cosine above which a patch is in a seed's vote on the background.
        min_votes: A patch with more than this fraction of the votes is background.
        min_side: Only seeds vote whose mask covers more than this fraction of a side of the photo (measured).
        stride: Patches between the seeds of the foreground; a smaller stride finds smaller objects.
        tau_foreground: Cosine above which a patch is in a seed's mask; higher makes smaller masks (measured).
        min_overlap: IoA (shared patches over those of the smaller mask) above which two masks are merged.
        min_close_overlap: The same for masks with close features.
        min_closeness: Cosine of two masks' mean features above which they are close (measured).
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
    """Masks of merged seeds, without an eigenvector (method 3).

    Args:
        features: Key features, float [h*w, C]; normalised here.
        grid_shape: Patch grid (h, w).
        min_area: Smallest fraction of the patches that a mask covers (ours).
        thresholds: None: the defaults.

    Returns:
        Masks bool [m, h, w], which may overlap, and scores float64 [m]: the seeds of a mask divided by the most of any
        mask of the photo (ours; the paper ranks none).

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
    """Patches that most of the masks that run along a side of the photo hold; every patch is a seed.

    Args:
        cosine: float [h*w, h*w].
        grid_shape: Patch grid (h, w).
        tau_background: See `ProMergeThresholds`, as for the others.
        min_votes: Share of the votes.
        min_side: Share of a side.

    Returns:
        bool [h, w]; empty where no mask covers enough of a side.
    """
    masks = (cosine > tau_background).reshape(-1, *grid_shape)
    sides = (masks[:, 0], masks[:, -1], masks[:, :, 0], masks[:, :, -1])
    votes = masks[np.max([side.mean(axis=1) for side in sides], axis=0) > min_side]
    return votes.mean(axis=0) > min_votes if len(votes) else np.zeros(grid_shape, dtype=bool)


def prompt_masks(cosine: FloatArray, background: BoolArray, *, tau: float, stride: int) -> BoolArray:
    """Of every seed on a grid in the foreground, the 4-connected foreground patches that are like it.

    Args:
        cosine: float [h*w, h*w].
        background: bool [h, w].
        tau: Cosine above which a patch is like the seed.
        stride: Patches from seed to seed.

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
    """Join each mask, the largest first, to the merged mask that it overlaps most, or begin a new one.

    Args:
        masks: bool [s, h, w]; ties in size keep their order.
        unit: Normalised features, float [h*w, C].
        min_overlap: See `ProMergeThresholds`, as for the others.
        min_close_overlap: IoA of masks with close features.
        min_closeness: Cosine of mean features.

    Returns:
        Merged masks bool [m, h, w], and of how many each was made, float64 [m].
    """
    flat = masks.reshape(len(masks), len(unit)).astype(np.float32)
    order = np.argsort(-flat.sum(axis=1), kind="stable")
    merged, counts = np.zeros_like(flat), np.zeros(len(masks))
    means = np.zeros((len(masks), unit.shape[1]), dtype=np.float32)
    m = 0
    for mask in flat[order]:
        smaller = np.minimum(merged[:m].sum(axis=1), mask.sum())
        ioa = (merged[:m] @ mask) / np.maximum(smaller, 1)  # a zero vector is like nothing, not even itself
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
    """ProMerge's masks of a photo, best first; of the configuration, features and least area hold."""
    features = photo_features(image, feature_request(options.features), memo).value
    masks, scores = promerge(
        normalise_features(features.vectors, center=features.center),
        grid_shape=features.grid_shape,
        min_area=options.min_area,
    )
    return coarse_masks(masks, scores)
