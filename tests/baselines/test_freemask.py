"""Free Mask (method 3.5): comparison with a plain, slow implementation, and each rule on small examples."""

from __future__ import annotations

import math

import numpy as np
import pytest
from at_defaults import normalise_features
from helpers import best_iou, blobs

from cuts3d.baselines.freemask import freemask, matrix_nms, soft_masks
from cuts3d.errors import InputError


def plain_queries(unit: np.ndarray, grid: tuple[int, int]) -> list[np.ndarray]:
    """Features, their means over 2×2 patches, and over the inner 2×2 of 4×4: bilinear on a grid that divides by 4."""
    image = unit.reshape(*grid, -1)
    half = [image[r : r + 2, c : c + 2].mean((0, 1)) for r in range(0, grid[0], 2) for c in range(0, grid[1], 2)]
    quarter = [
        image[r + 1 : r + 3, c + 1 : c + 3].mean((0, 1)) for r in range(0, grid[0], 4) for c in range(0, grid[1], 4)
    ]
    return [*unit, *half, *quarter]


def plain_decay(masks: list[np.ndarray], sigma: float) -> list[float]:
    iou = [[(a & b).sum() / (a | b).sum() for b in masks] for a in masks]
    worst = [max((iou[k][i] for k in range(i)), default=0.0) for i in range(len(masks))]
    decays = []
    for j in range(len(masks)):
        factors = [math.exp(-sigma * iou[i][j] ** 2) / math.exp(-sigma * worst[i] ** 2) for i in range(j)]
        decays.append(min([1.0, *factors]))
    return decays


def plain_freemask(vectors: np.ndarray, grid: tuple[int, int], least: int) -> list[tuple[np.ndarray, float]]:
    """Masks with scores, best first. Independent of the package, query by query, in float64."""
    unit = vectors.astype(np.float64) / np.linalg.norm(vectors, axis=1, keepdims=True)
    found = []
    for query in plain_queries(unit, grid):
        soft = unit @ query / np.linalg.norm(query)
        soft = (soft - soft.min()) / (soft.max() - soft.min())
        mask = soft >= 0.5
        if mask.sum() >= least:
            found.append((soft[mask].mean(), mask))
    found.sort(key=lambda pair: -pair[0])
    decays = plain_decay([mask for _, mask in found], 2.0)
    scored = [(mask.reshape(grid), maskness * decay) for (maskness, mask), decay in zip(found, decays, strict=True)]
    return sorted((one for one in scored if one[1] >= 0.7), key=lambda one: -one[1])


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("n_objects", "noise"), [(1, 0.3), (2, 0.5), (3, 0.7)])
def test_masks_and_scores_equal_those_of_the_plain_implementation(seed, n_objects, noise):
    sample = blobs((8, 12), n_objects, seed=seed, noise=noise)
    masks, scores = freemask(sample.vectors, grid_shape=sample.grid, min_area=3 / 96)
    expected = plain_freemask(sample.vectors, sample.grid, 3)
    assert len(expected) > 0
    assert masks.dtype == np.bool_
    assert scores == pytest.approx([score for _, score in expected], abs=1e-5)
    assert (masks == np.array([mask for mask, _ in expected])).all()


def test_masks_equal_those_of_the_plain_implementation_on_a_real_photo(embedded_network, embedded_spec, scene):
    from cuts3d.backbones import extract_features

    features = extract_features(embedded_network, embedded_spec, scene("two boxes").image, image_size=112)
    vectors = normalise_features(features.vectors, center=True)
    masks, scores = freemask(vectors, grid_shape=(8, 8))
    expected = plain_freemask(vectors, (8, 8), 1)
    assert scores == pytest.approx([score for _, score in expected], abs=1e-5)
    assert (masks == np.array([mask for mask, _ in expected])).all()


@pytest.mark.parametrize("n_objects", [1, 2, 3])
def test_every_disc_is_found(n_objects):
    sample = blobs((20, 30), n_objects, seed=n_objects, noise=0.3)
    masks, scores = freemask(sample.vectors, grid_shape=sample.grid)
    for label in range(n_objects + 1):  # the background too: this method does not know it from an object
        assert best_iou(sample.labels == label, list(masks)) > 0.95
    assert (np.diff(scores) <= 0).all()
    assert 0.7 <= scores.min() <= scores.max() <= 1


def test_soft_masks_run_from_0_to_1_and_are_1_at_their_own_patch():
    sample = blobs((8, 12), 2, seed=0, noise=0.5)
    soft = soft_masks(normalise_features(sample.vectors), sample.grid)
    assert soft.shape == (96 + 24 + 6, 96)
    assert soft.min(axis=1) == pytest.approx(0, abs=1e-6)
    assert soft.max(axis=1) == pytest.approx(1, abs=1e-6)
    assert soft[np.arange(96), np.arange(96)] == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize(("grid", "counts"), [((34, 34), 34 * 34 + 17 * 17 + 8 * 8), ((5, 3), 15 + 2 * 2 + 1)])
def test_each_scale_has_its_grid_of_queries(grid, counts):
    vectors = np.random.default_rng(0).standard_normal((grid[0] * grid[1], 8)).astype(np.float32)
    assert len(soft_masks(normalise_features(vectors), grid)) == counts


def lines(*spans: tuple[int, int]) -> np.ndarray:
    masks = np.zeros((len(spans), 40), bool)
    for mask, (first, end) in zip(masks, spans, strict=True):
        mask[first:end] = True
    return masks


def test_decay_is_the_gaussian_of_the_iou_with_a_better_mask():
    masks = lines((0, 10), (5, 15), (20, 30))
    assert matrix_nms(masks, sigma=2.0) == pytest.approx([1, math.exp(-2 / 9), 1])
    assert matrix_nms(masks, sigma=0.5) == pytest.approx([1, math.exp(-0.5 / 9), 1])


def test_a_mask_that_is_itself_decayed_decays_others_less():
    masks = lines((0, 10), (2, 12), (8, 18))  # IoU 8/12 with the first, 4/16; 2/18 of the first and the last
    spared = math.exp(-2 * (4 / 16) ** 2) / math.exp(-2 * (8 / 12) ** 2)
    assert spared > 1
    assert matrix_nms(masks, sigma=2.0) == pytest.approx([1, math.exp(-2 * (8 / 12) ** 2), math.exp(-2 / 81)])


def test_equal_masks_leave_one():
    decay = matrix_nms(lines((0, 10), (0, 10), (0, 10)), sigma=2.0)
    assert decay == pytest.approx([1, math.exp(-2), math.exp(-2)])


@pytest.mark.parametrize("seed", range(5))
def test_decay_equals_that_of_the_plain_formula(seed):
    masks = np.random.default_rng(seed).random((12, 30)) > 0.5
    assert matrix_nms(masks, sigma=2.0) == pytest.approx(plain_decay(list(masks), 2.0))
    assert matrix_nms(masks[:0], sigma=2.0).size == 0


def test_thresholds_do_what_they_say():
    sample = blobs((20, 30), 3, seed=1, noise=0.5)

    def found(**changes: float) -> tuple[np.ndarray, np.ndarray]:
        return freemask(sample.vectors, grid_shape=sample.grid, **changes)  # pyright: ignore[reportArgumentType]

    masks, scores = found()
    strict, strict_scores = found(min_maskness=0.8)
    assert strict_scores.tolist() == scores[scores >= 0.8].tolist()
    assert (strict == masks[scores >= 0.8]).all()
    assert found(tau_mask=0.7)[0].mean() < masks.mean()
    assert len(found(sigma=0.1)[0]) > len(masks)
    fraction = masks.mean(axis=(1, 2)).max()
    assert all(mask.mean() >= fraction for mask in found(min_area=fraction)[0])


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
    masks, scores = freemask(vectors, grid_shape=grid)
    assert masks.shape == (0, *grid)
    assert scores.size == 0


def test_zero_vectors_are_no_queries():
    sample = blobs((8, 12), 1, seed=0, noise=0.1)
    vectors = np.where(sample.labels.reshape(-1, 1) == 1, sample.vectors, 0)
    masks, _ = freemask(vectors, grid_shape=sample.grid)
    assert best_iou(sample.labels == 1, list(masks)) == 1


def test_features_that_do_not_fit_the_grid_are_refused_with_both_shapes():
    with pytest.raises(InputError, match=r"must be \[100, C\] for a 10×10 grid"):
        freemask(np.zeros((99, 24)), grid_shape=(10, 10))
