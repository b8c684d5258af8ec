"""VoteCut (method 3.3): comparison with a plain, slow implementation, and each rule on small examples."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from helpers import best_iou, blobs
from hypothesis import given
from hypothesis import strategies as st

from cuts3d.backbones.features import photo_vectors
from cuts3d.baselines import BASELINES, BaselineOptions
from cuts3d.baselines.tokencut import patch_eigenvector
from cuts3d.baselines.votecut import kmeans_1d, members, votecut, votecut_masks
from cuts3d.config import CutS3DConfig, FeatureConfig
from cuts3d.memo import Memo
from cuts3d.types import CoarseMask, PatchFeatures


def plain_kmeans(values: np.ndarray, k: int) -> np.ndarray:
    """Every way to split the sorted distinct values in k is tried."""
    distinct = np.unique(values)
    best, labels = np.inf, np.zeros(len(values), int)
    for borders in itertools.combinations(distinct[1:], min(k, len(distinct)) - 1):
        tried = np.sum([values >= b for b in borders], axis=0, initial=0) * np.ones(len(values), int)
        spread = sum(((values[tried == i] - values[tried == i].mean()) ** 2).sum() for i in np.unique(tried))
        if spread < best:
            best, labels = spread, tried
    return labels


def flood(mask: np.ndarray) -> list[np.ndarray]:
    parts, left = [], mask.copy()
    while left.any():
        part, waiting = np.zeros_like(mask), [tuple(int(i) for i in np.argwhere(left)[0])]
        while waiting:
            r, c = waiting.pop()
            if 0 <= r < mask.shape[0] and 0 <= c < mask.shape[1] and left[r, c]:
                left[r, c], part[r, c] = False, True
                waiting += [(r - 1, c), (r + 1, c), (r, c - 1), (r, c + 1)]
        parts.append(part)
    return parts


def plain_votecut(eigenvectors: list[np.ndarray], least: int) -> list[tuple[np.ndarray, float]]:
    """Masks with scores. Independent of the package, one candidate after the other."""
    candidates = []
    for x in eigenvectors:
        for k in (2, 3):
            labels = plain_kmeans(x.astype(np.float32).astype(np.float64).ravel(), k).reshape(x.shape)
            for label in range(k):
                mask = labels == label
                corners = int(mask[0, 0]) + int(mask[0, -1]) + int(mask[-1, 0]) + int(mask[-1, -1])
                if corners < 2:
                    candidates += [part for part in flood(mask) if part.sum() >= least]
    candidates.sort(key=lambda mask: -mask.sum())
    found = []
    while candidates and len(found) < 10:
        groups = [[b for b in candidates if (a & b).sum() / (a | b).sum() > 0.6] for a in candidates]
        group = max(groups, key=len)  # the first of the largest
        found.append((np.mean(group, axis=0) > 0.2, len(group)))
        candidates = [c for c in candidates if not any(c is member for member in group)]
    most = max((votes for _, votes in found), default=1)
    return [(mask, votes / most) for mask, votes in found if mask.sum() >= least]


def ensemble(seed: int, n_objects: int, noise: float, count: int = 4) -> tuple[np.ndarray, list[np.ndarray]]:
    """True labels, and eigenvectors of several noisy views of the same discs."""
    sample = blobs((9, 13), n_objects, seed=seed, noise=noise)
    rng = np.random.default_rng(seed)
    views = [sample.vectors + noise * rng.standard_normal(sample.vectors.shape) / 5 for _ in range(count)]
    found = [patch_eigenvector(view, sample.grid, tau=0.3, epsilon=1e-5) for view in views]
    return sample.labels, [x for x in found if x is not None]


@given(st.lists(st.integers(-20, 20), min_size=1, max_size=9), st.integers(1, 4))
def test_kmeans_is_optimal(values, k):
    points = np.array(values, float)
    ours, plain = kmeans_1d(points, k), plain_kmeans(points, k)

    def spread(labels: np.ndarray) -> float:
        return sum(((points[labels == i] - points[labels == i].mean()) ** 2).sum() for i in np.unique(labels))

    assert len(np.unique(ours)) == min(k, len(np.unique(points)))
    assert spread(ours) == pytest.approx(spread(plain), abs=1e-9)
    assert (np.diff(ours[np.argsort(points, kind="stable")]) >= 0).all()


def test_kmeans_of_more_points_than_one_block_finds_the_gaps():
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, 500)
    assert (kmeans_1d(truth * 10 + rng.uniform(-1, 1, 500), 3) == truth).all()
    assert not kmeans_1d(np.full(500, 0.1), 3).any()


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("n_objects", "noise"), [(1, 0.5), (2, 1.0), (3, 1.5)])
def test_masks_and_scores_equal_those_of_the_plain_implementation(seed, n_objects, noise):
    _, eigenvectors = ensemble(seed, n_objects, noise, count=3)
    masks, scores = votecut(eigenvectors, grid_shape=(9, 13), min_area=3 / 117)
    expected = plain_votecut(eigenvectors, 3)
    assert len(expected) > 0
    assert masks.dtype == np.bool_
    assert scores.tolist() == [score for _, score in expected]
    assert (masks == np.array([mask for mask, _ in expected])).all()


@pytest.mark.parametrize("seed", range(4))
def test_the_disc_that_all_members_see_is_the_best_mask(seed):
    labels, eigenvectors = ensemble(seed, 1, 0.3)
    masks, scores = votecut(eigenvectors, grid_shape=(9, 13))
    assert best_iou(labels == 1, [masks[0]]) > 0.9
    assert scores[0] == 1


@pytest.mark.parametrize("seed", range(4))
def test_the_members_signs_and_scales_do_not_matter(seed):
    _, eigenvectors = ensemble(seed, 2, 0.5)
    rescaled = [x * factor for x, factor in zip(eigenvectors, (-1, 4, -0.5, 1), strict=True)]
    masks, _ = votecut(eigenvectors, grid_shape=(9, 13))
    others, _ = votecut(rescaled, grid_shape=(9, 13))
    assert {m.tobytes() for m in masks} == {m.tobytes() for m in others}


def levels(*boxes: tuple[slice, slice], shape: tuple[int, int] = (10, 10)) -> np.ndarray:
    """0, and 1 in the boxes: k-means finds exactly these two labels for any K."""
    x = np.zeros(shape)
    for one in boxes:
        x[one] = 1
    return x


def box(top: int, bottom: int, left: int, right: int) -> tuple[slice, slice]:
    return slice(top, bottom), slice(left, right)


def test_a_label_with_two_corners_is_background_and_one_corner_is_not():
    band = levels(box(0, 3, 0, 10))  # two corners each
    assert len(votecut([band], grid_shape=(10, 10))[0]) == 0
    masks, _ = votecut([levels(box(0, 4, 0, 4))], grid_shape=(10, 10))
    assert len(masks) == 1
    assert (masks[0] == (levels(box(0, 4, 0, 4)) > 0)).all()
    assert len(votecut([band], grid_shape=(10, 10), max_corners=2)[0]) == 2


def test_corners_are_counted_before_a_label_is_divided_into_parts():
    apart = levels(box(0, 3, 0, 3), box(7, 10, 7, 10), box(4, 6, 4, 6))
    assert len(votecut([apart], grid_shape=(10, 10))[0]) == 0


def test_a_label_is_divided_into_its_4_connected_parts():
    masks, _ = votecut([levels(box(2, 4, 2, 4), box(4, 6, 4, 6))], grid_shape=(10, 10))
    assert sorted(m.sum() for m in masks) == [4, 4]


def test_candidates_join_above_an_iou_of_exactly_six_tenths():
    small, large = levels(box(2, 5, 2, 3)), levels(box(2, 7, 2, 3))  # 3 of 5
    assert len(votecut([small, large], grid_shape=(10, 10))[0]) == 2
    assert len(votecut([small, large], grid_shape=(10, 10), min_overlap=0.59)[0]) == 1


def test_a_patch_stays_with_more_than_a_fifth_of_the_votes():
    core, wide = levels(box(2, 6, 2, 6)), levels(box(2, 6, 2, 7))  # IoU 16/20
    separate, _ = votecut([core] * 4 + [wide], grid_shape=(10, 10), num_clusters=(2,))
    assert separate[0].sum() == 16  # 1 of 5 votes is not more than 20 %
    shared, _ = votecut([core] * 3 + [wide], grid_shape=(10, 10), num_clusters=(2,))
    assert shared[0].sum() == 20
    assert votecut([core] * 3 + [wide], grid_shape=(10, 10), num_clusters=(2,), min_votes=0.25)[0][0].sum() == 16


def test_the_score_is_the_number_of_votes_divided_by_the_largest_number():
    often, once = levels(box(2, 6, 2, 4)), levels(box(2, 6, 6, 8))
    masks, scores = votecut([once, often, often, often, once], grid_shape=(10, 10))
    assert scores.tolist() == [1, pytest.approx(2 / 3)]
    assert masks[0][3, 3]
    assert masks[1][3, 7]


def test_at_most_ten_masks_are_kept_the_largest_clusters_first():
    places = [box(r, r + 2, c, c + 2) for r in (1, 4, 7, 10) for c in (1, 4, 7)]
    members_ = [levels(*places, shape=(13, 13)), levels(*places[2:], shape=(13, 13))]
    masks, scores = votecut(members_, grid_shape=(13, 13))
    assert len(masks) == 10
    assert (scores == 1).all()  # the two places that one member alone sees are left out
    assert not any(m[1, 1] or m[1, 4] for m in masks)
    assert len(votecut(members_, grid_shape=(13, 13), max_masks=20)[0]) == 12


def test_of_clusters_with_equal_votes_the_larger_masks_are_kept():
    x = levels(box(1, 3, 1, 3), box(5, 7, 1, 3), box(5, 9, 5, 9))
    masks, scores = votecut([x], grid_shape=(10, 10), max_masks=1)
    assert (masks[0] == (levels(box(5, 9, 5, 9)) > 0)).all()
    assert scores.tolist() == [1]


def test_candidates_below_the_least_area_have_no_vote():
    x = levels(box(2, 3, 2, 5), box(6, 8, 6, 8))
    assert len(votecut([x], grid_shape=(10, 10), min_area=0.03)[0]) == 2
    assert [m.sum() for m in votecut([x], grid_shape=(10, 10), min_area=0.04)[0]] == [4]


def test_members_on_other_grids_vote_together():
    fine, coarse = np.kron(levels(box(2, 6, 2, 6)), np.ones((2, 2))), levels(box(2, 6, 2, 6))
    masks, scores = votecut([fine, coarse], grid_shape=(20, 20), num_clusters=(2,))
    assert masks.shape == (1, 20, 20)
    assert best_iou(fine > 0, list(masks)) == 1
    assert scores.tolist() == [1]


@pytest.mark.parametrize("eigenvectors", [[], [np.zeros((6, 6))], [np.full((6, 6), 0.3)] * 3])
def test_without_votes_there_is_no_mask(eigenvectors):
    masks, scores = votecut(eigenvectors, grid_shape=(6, 6))
    assert masks.shape == (0, 6, 6)
    assert scores.size == 0


OPTIONS = BaselineOptions.of(CutS3DConfig())
PHOTO = np.zeros((9, 9, 3), np.uint8)


def masks_of(found: list[PatchFeatures], **options: Any) -> list[CoarseMask]:
    """Masks of VoteCut if the backbones give these features."""
    memo, requests = Memo(), [(FeatureConfig(backbone=f"member {n}"), ()) for n in range(len(found))]
    image = memo.given(PHOTO)
    for request, features in zip(requests, found, strict=True):
        memo.provide(features, "features", photo_vectors, image, *request)
    return votecut_masks(image, OPTIONS, memo, ensemble=lambda _: tuple(requests), **options)


def patch_features(vectors: np.ndarray, grid: tuple[int, int], tokens: tuple = ()) -> PatchFeatures:
    return PatchFeatures(vectors=vectors, grid_shape=grid, backbone="dinov2_vits14_focus", center=True, tokens=tokens)


@pytest.mark.parametrize(
    ("vectors", "grid"), [(np.ones((64, 8)), (8, 8)), (np.random.default_rng(0).standard_normal((4, 8)), (2, 2))]
)
def test_patches_without_differences_give_no_mask(vectors, grid):
    assert masks_of([patch_features(vectors, grid, (vectors,))]) == []


def test_the_default_members_are_one_pass_of_the_configured_backbone():
    config = CutS3DConfig().replace(image_size=224, feature="query", layer=3)
    ((options, layers),) = members(BaselineOptions.of(config))
    assert (options.backbone, options.image_size) == (config.features.backbone, 224)
    assert (options.feature, options.layer) == ("key", -1)
    assert layers == (-1, -2, -3, -4)
    assert BASELINES["votecut"].needs(BaselineOptions.of(config)) == members(BaselineOptions.of(config))


def test_several_backbones_are_declared_by_name_and_vote_on_the_finest_grid():
    both = members(OPTIONS, backbones=("dino_vits8", "dinov2_vits14"), layers=())
    assert [(options.backbone, layers) for options, layers in both] == [("dino_vits8", ()), ("dinov2_vits14", ())]
    coarse, fine = (blobs(grid, 1, seed=1, noise=0.1) for grid in ((10, 10), (16, 16)))
    found = masks_of([patch_features(sample.vectors, sample.grid) for sample in (coarse, fine)])
    assert found[0].mask.shape == (16, 16)
    assert best_iou(fine.labels == 1, [found[0].mask]) > 0.8
