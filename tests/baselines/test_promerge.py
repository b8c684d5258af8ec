"""ProMerge (method 3.4): comparison with a plain, slow implementation, and each rule on small examples."""

from __future__ import annotations

import numpy as np
import pytest
from at_defaults import normalise_features
from helpers import best_iou, blobs

from cuts3d.baselines.promerge import ProMergeThresholds, merge_masks, promerge, prompt_masks, vote_background
from cuts3d.errors import InputError

GRID = (10, 10)


def plain_background(cosine: np.ndarray, grid: tuple[int, int]) -> np.ndarray:
    h, w = grid
    votes = []
    for row in cosine:
        mask = [[row[r * w + c] > 0.2 for c in range(w)] for r in range(h)]
        top, bottom = sum(mask[0]), sum(mask[-1])
        left, right = sum(line[0] for line in mask), sum(line[-1] for line in mask)
        if max(top, bottom) > 0.9 * w or max(left, right) > 0.9 * h:
            votes.append(np.array(mask))
    return np.sum(votes, axis=0) * 2 > len(votes) if votes else np.zeros(grid, bool)


def plain_promerge(vectors: np.ndarray, grid: tuple[int, int], tau: float) -> list[tuple[np.ndarray, int]]:
    """Masks and their numbers of seeds. Independent of the package, patch by patch."""
    h, w = grid
    unit = vectors.astype(np.float64) / np.linalg.norm(vectors, axis=1, keepdims=True)
    cosine = unit @ unit.T
    background = plain_background(cosine, grid)
    masks = []
    for seed_row in range(2, h, 4):
        for seed_column in range(2, w, 4):
            mask, waiting = np.zeros(grid, bool), [(seed_row, seed_column)]
            while waiting:
                r, c = waiting.pop()
                if not (0 <= r < h and 0 <= c < w) or mask[r, c] or background[r, c]:
                    continue
                if cosine[seed_row * w + seed_column, r * w + c] > tau:
                    mask[r, c] = True
                    waiting += [(r - 1, c), (r + 1, c), (r, c - 1), (r, c + 1)]
            if not background[seed_row, seed_column]:
                masks.append(mask)

    def direction(mask: np.ndarray) -> np.ndarray:
        mean = unit[mask.ravel()].mean(axis=0)
        return mean / np.linalg.norm(mean)

    merged: list[list] = []
    for mask in sorted(masks, key=lambda m: -m.sum()):
        choices = []
        for number, (other, _) in enumerate(merged):
            ioa = (mask & other).sum() / min(mask.sum(), other.sum())
            if ioa > 0.5 or (ioa > 0.1 and direction(mask) @ direction(other) > 0.7):
                choices.append((-ioa, number))
        if choices:
            target = merged[min(choices)[1]]
            target[:] = [target[0] | mask, target[1] + 1]
        else:
            merged.append([mask, 1])
    return [(mask, count) for mask, count in merged]


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize(("n_objects", "noise"), [(1, 0.5), (2, 1.0), (3, 1.5)])
def test_masks_and_scores_equal_those_of_the_plain_implementation(seed, n_objects, noise):
    sample = blobs((15, 21), n_objects, seed=seed, noise=noise)
    tau = 0.7 - 0.2 * noise
    masks, scores = promerge(
        sample.vectors, grid_shape=sample.grid, thresholds=ProMergeThresholds(tau_foreground=tau), min_area=0
    )
    expected = plain_promerge(sample.vectors, sample.grid, tau)
    assert len(expected) > 0
    assert masks.dtype == np.bool_
    assert (masks == np.array([mask for mask, _ in expected])).all()
    counts = np.array([count for _, count in expected])
    assert scores == pytest.approx(counts / counts.max())


def test_masks_equal_those_of_the_plain_implementation_on_a_real_photo(embedded_network, embedded_spec, scene):
    from cuts3d.backbones import extract_features

    features = extract_features(embedded_network, embedded_spec, scene("two boxes").image, image_size=224)
    vectors = normalise_features(features.vectors, center=True)
    masks, _ = promerge(vectors, grid_shape=(16, 16), min_area=0)
    assert (masks == np.array([mask for mask, _ in plain_promerge(vectors, (16, 16), 0.7)])).all()


@pytest.mark.parametrize("n_objects", [1, 2, 3])
@pytest.mark.parametrize("same", [False, True])
def test_every_disc_is_found_and_the_background_is_not(n_objects, same):
    sample = blobs((20, 30), n_objects, seed=n_objects, noise=0.3, same=same)
    masks, scores = promerge(sample.vectors, grid_shape=sample.grid)
    assert len(masks) == n_objects
    for label in range(1, n_objects + 1):
        assert best_iou(sample.labels == label, list(masks)) > 0.95
    assert scores.max() == 1
    assert scores.min() > 0


def similar(*groups: np.ndarray) -> np.ndarray:
    """Cosine 1 within each group of patches, 0 elsewhere, also of a patch outside the groups with itself."""
    return np.max([np.outer(g.ravel(), g.ravel()) for g in groups], axis=0).astype(np.float32)


def box(top: int, bottom: int, left: int, right: int) -> np.ndarray:
    mask = np.zeros(GRID, bool)
    mask[top:bottom, left:right] = True
    return mask


def voted(*groups: np.ndarray, **changes: float) -> np.ndarray:
    rules = {"tau_background": 0.2, "min_votes": 0.5, "min_side": 0.5, **changes}
    return vote_background(similar(*groups), GRID, **rules)


def test_only_masks_over_more_than_half_of_a_side_vote():
    assert not voted(box(0, 3, 0, 5)).any()  # half of the top
    assert (voted(box(0, 3, 0, 6)) == box(0, 3, 0, 6)).all()
    assert not voted(box(0, 3, 0, 6), min_side=0.6).any()
    for side in (box(7, 10, 2, 8), box(2, 8, 0, 1), box(2, 8, 9, 10)):
        assert (voted(side) == side).all()
    assert not voted(box(1, 9, 1, 9)).any()


def test_background_takes_more_than_half_of_the_votes():
    many, few = box(0, 3, 0, 10), box(8, 10, 0, 10)  # 30 seeds vote for the one, 20 for the other
    assert (voted(many, few) == many).all()
    assert not voted(box(0, 2, 0, 10), few).any()  # a tie
    assert (voted(box(0, 2, 0, 10), few, min_votes=0.49) == (box(0, 2, 0, 10) | few)).all()


def test_a_patch_is_in_a_vote_above_the_threshold_only():
    band = box(0, 3, 0, 10)
    cosine = np.where(similar(band) > 0, np.float32(0.5), np.float32(0.1))
    rules = {"min_votes": 0.5, "min_side": 0.5}
    assert not vote_background(cosine, GRID, tau_background=0.5, **rules).any()
    assert (vote_background(cosine, GRID, tau_background=0.4, **rules) == band).all()


def test_seeds_stand_four_patches_apart_outside_the_background():
    every = np.ones((100, 100), np.float32)
    assert len(prompt_masks(every, np.zeros(GRID, bool), tau=0.5, stride=4)) == 4  # rows and columns 2 and 6
    assert len(prompt_masks(every, box(0, 3, 0, 10), tau=0.5, stride=4)) == 2
    assert len(prompt_masks(every, np.zeros(GRID, bool), tau=0.5, stride=2)) == 25
    assert prompt_masks(every, np.ones(GRID, bool), tau=0.5, stride=4).shape == (0, 10, 10)


def test_a_seeds_mask_is_its_4_connected_part_of_the_foreground():
    near, apart = box(1, 4, 1, 4), box(1, 4, 7, 9)
    cosine = similar(near | apart)
    masks = prompt_masks(cosine, box(0, 2, 0, 10), tau=0.5, stride=4)
    assert (masks[0] == box(2, 4, 1, 4)).all()  # neither the background nor the part beyond the gap


def joined(first: np.ndarray, second: np.ndarray, *, close: bool) -> int:
    """Number of masks left of two masks, with equal or with different features."""
    unit = np.zeros((100, 2), np.float32)
    unit[:, 0] = 1
    if not close:
        unit[second.ravel()] = (0, 1)
    stack = np.stack([first, second])
    return len(merge_masks(stack, unit, min_overlap=0.5, min_close_overlap=0.1, min_closeness=0.7)[0])


def test_masks_merge_if_more_than_half_of_the_smaller_one_is_shared():
    large = box(0, 4, 0, 10)
    assert joined(large, box(2, 6, 0, 5), close=False) == 2  # 10 of 20
    assert joined(large, box(1, 6, 0, 4), close=False) == 1  # 12 of 20


def test_masks_with_close_features_join_above_a_tenth():
    large = box(0, 4, 0, 10)
    assert joined(large, box(3, 8, 0, 2), close=True) == 1  # 2 of 10
    assert joined(large, box(3, 8, 0, 2), close=False) == 2
    assert joined(large, box(3, 7, 0, 5), close=True) == 1  # 5 of 20
    assert joined(box(0, 5, 0, 2), box(4, 9, 1, 3), close=True) == 2  # 1 of 10


def test_a_mask_joins_the_one_that_it_overlaps_most():
    large, middle, small = box(0, 5, 0, 10), box(6, 10, 0, 10), box(3, 9, 4, 6)  # 4 and 6 of 12
    unit = np.ones((100, 1), np.float32)
    masks, counts = merge_masks(
        np.stack([small, middle, large]), unit, min_overlap=0.4, min_close_overlap=0.1, min_closeness=0.7
    )
    assert counts.tolist() == [1, 2]
    assert (masks[0] == large).all()
    assert (masks[1] == (middle | small)).all()


def test_masks_below_the_least_area_are_dropped():
    sample = blobs((20, 30), 1, seed=0, noise=0.1)
    fraction = promerge(sample.vectors, grid_shape=sample.grid)[0][0].mean()
    masks, scores = promerge(sample.vectors, grid_shape=sample.grid, min_area=fraction + 0.01)
    assert masks.shape == (0, 20, 30)
    assert scores.size == 0


@pytest.mark.parametrize(
    ("vectors", "grid"),
    [
        (np.ones((100, 8)), (10, 10)),
        (np.zeros((100, 8)), (10, 10)),
        (np.random.default_rng(0).standard_normal((4, 8)), (2, 2)),
        (np.random.default_rng(0).standard_normal((12, 8)), (1, 12)),
    ],
)
def test_patches_without_differences_give_no_mask(vectors, grid):
    masks, scores = promerge(vectors, grid_shape=grid)
    assert masks.shape == (0, *grid)
    assert scores.size == 0


def test_a_photo_that_is_all_background_has_no_mask():
    vectors = np.tile([1.0, 0.1], (100, 1))
    vectors[::2, 1] = -0.1  # alike, but not equal
    assert len(promerge(vectors, grid_shape=GRID)[0]) == 0


def test_zero_vectors_are_in_no_mask():
    sample = blobs((20, 30), 1, seed=0, noise=0.1)
    vectors = np.where(sample.labels.reshape(-1, 1) == 1, sample.vectors, 0)
    masks, _ = promerge(vectors, grid_shape=sample.grid)
    assert len(masks) == 1
    assert (masks[0] == (sample.labels == 1)).all()


def test_features_that_do_not_fit_the_grid_are_refused_with_both_shapes():
    with pytest.raises(InputError, match=r"must be \[100, C\] for a 10×10 grid"):
        promerge(np.zeros((99, 24)), grid_shape=(10, 10))
