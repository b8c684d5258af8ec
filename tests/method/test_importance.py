"""Spatial importance sharpening (method 1.3), compared with a plain loop."""

from typing import Literal, get_args

import numpy as np
import pytest
import torch
from at_defaults import cosine_affinity, graph_weights, sharpen_affinity, sharpening_exponent, spatial_importance
from helpers import TOLERANCE, blobs
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

PairRule = Literal["product", "mean", "max"]
PAIR_RULES: tuple[PairRule, ...] = get_args(PairRule)
seeds = st.integers(0, 10_000)


def step_depth(h: int = 16, w: int = 16) -> np.ndarray:
    depth = np.zeros((h, w))
    depth[:, w // 2 :] = 1.0
    return depth


@given(seeds, st.floats(0, 1), st.floats(0.3, 6))
def test_importance_spans_beta_to_1(seed, beta, sigma):
    importance = spatial_importance(np.random.default_rng(seed).uniform(0, 1, (9, 12)), beta=beta, sigma=sigma)
    assert importance is not None
    assert importance.dtype == np.float32
    assert importance.shape == (9, 12)
    assert importance.min() == pytest.approx(beta, abs=TOLERANCE["float32"])
    assert importance.max() == pytest.approx(1.0, abs=TOLERANCE["float32"])


@given(seeds)
def test_importance_does_not_depend_on_the_direction_of_depth(seed):
    depth = np.random.default_rng(seed).uniform(0, 1, (8, 8))
    a, b = spatial_importance(depth), spatial_importance(1.0 - depth)
    assert a is not None
    assert b is not None
    assert np.allclose(a, b, atol=1e-5)


def test_importance_is_greatest_at_a_depth_edge_and_beta_far_from_it():
    importance = spatial_importance(step_depth(24, 40), beta=0.45, sigma=2.0)
    assert importance is not None
    assert set(np.unique(importance.argmax(axis=1))) <= {19, 20}
    assert np.allclose(importance[:, [0, -1]], 0.45, atol=1e-3)


def test_importance_follows_equation_delta_d_with_reflecting_borders():
    depth = np.random.default_rng(1).uniform(0, 1, (10, 7))
    delta = np.abs(ndimage.gaussian_filter(depth, 1.5, mode="reflect") - depth)
    expected = 0.3 + 0.7 * (delta - delta.min()) / np.ptp(delta)
    found = spatial_importance(depth, beta=0.3, sigma=1.5)
    assert found is not None
    assert np.allclose(found, expected, atol=TOLERANCE["float32"])


def test_a_plane_that_slopes_gently_has_its_importance_at_the_borders_only():
    slope = np.tile(np.linspace(0, 1, 40), (40, 1))
    importance = spatial_importance(slope, beta=0.45, sigma=2.0)
    assert importance is not None
    assert np.allclose(importance[:, 12:-12], 0.45, atol=1e-3)


@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_constant_depth_skips_the_sharpening(level):
    assert spatial_importance(np.full((8, 8), level)) is None


def test_almost_constant_depth_is_not_blown_up_to_full_importance():
    noise = 1e-8 * np.random.default_rng(0).standard_normal((8, 8))
    assert spatial_importance(0.5 + noise) is None


@given(seeds, st.sampled_from(PAIR_RULES))
def test_exponents_of_all_pair_rules_are_symmetric_and_lie_in_0_to_1(seed, rule):
    importance = torch.from_numpy(np.random.default_rng(seed).uniform(0, 1, 12).astype(np.float32))
    exponent = sharpening_exponent(importance, importance, pair_rule=rule).numpy()
    assert exponent.shape == (12, 12)
    assert (exponent == exponent.T).all()
    assert exponent.min() >= 0
    assert exponent.max() <= 1


@given(seeds, st.sampled_from(PAIR_RULES), st.sampled_from(["raise", "lower"]))
def test_sharpening_equals_a_plain_loop_over_pairs(seed, rule, direction):
    rng = np.random.default_rng(seed)
    affinity = cosine_affinity(rng.standard_normal((6, 3)))
    importance = rng.uniform(0.45, 1, (2, 3)).astype(np.float32)
    pair = {"product": lambda a, b: a * b, "mean": lambda a, b: (a + b) / 2, "max": max}[rule]
    expected = np.zeros((6, 6))
    for i, a in enumerate(importance.ravel().astype(np.float64)):
        for j, b in enumerate(importance.ravel().astype(np.float64)):
            exponent = 1 - pair(a, b) if direction == "raise" else 1 + pair(a, b)
            expected[i, j] = float(affinity[i, j]) ** exponent if affinity[i, j] > 0 else 0.0
    sharpened = sharpen_affinity(affinity, importance, pair_rule=rule, direction=direction)
    assert sharpened.dtype == np.float32
    assert np.allclose(sharpened, expected, atol=1e-5)


@given(seeds, st.sampled_from(PAIR_RULES))
def test_raise_never_lowers_a_similarity_and_lower_never_raises_one(seed, rule):
    rng = np.random.default_rng(seed)
    affinity = cosine_affinity(rng.standard_normal((9, 4)))
    importance = rng.uniform(0, 1, (3, 3)).astype(np.float32)
    raised = sharpen_affinity(affinity, importance, pair_rule=rule)
    lowered = sharpen_affinity(affinity, importance, pair_rule=rule, direction="lower")
    slack = TOLERANCE["float32"]
    assert (raised >= affinity - slack).all()
    assert (lowered <= affinity + slack).all()
    assert raised.max() <= 1
    assert (raised == raised.T).all()
    assert (lowered == lowered.T).all()


def test_raise_lifts_a_link_at_a_depth_edge_more_than_the_same_link_in_a_flat_area():
    importance = spatial_importance(step_depth(), sigma=2.0)
    assert importance is not None
    affinity = np.full((256, 256), 0.2, np.float32)
    sharpened = sharpen_affinity(affinity, importance).reshape(16, 16, 16, 16)
    assert sharpened[8, 7, 8, 8] > sharpened[8, 0, 8, 1] > 0.2


def test_a_similarity_of_0_stays_0_even_at_exponent_0():
    affinity = np.array([[1.0, 0.0], [0.0, 1.0]], np.float32)
    for rule in PAIR_RULES:
        sharpened = sharpen_affinity(affinity, np.ones((1, 2), np.float32), pair_rule=rule)
        assert (sharpened == affinity).all()


def test_a_patch_of_full_importance_is_not_linked_to_everything():
    """With exponent 0, the floor ε would become 1, and one patch would be linked to all others."""
    sample = blobs((8, 8), 1, noise=0.0)
    importance = np.full((8, 8), 0.45, np.float32)
    importance[4, 0] = 1.0
    affinity = cosine_affinity(sample.vectors)
    weights = graph_weights(sharpen_affinity(affinity, importance), tau_ncut=0.15)
    alien = sample.labels.ravel() != sample.labels[4, 0]
    assert alien.any()
    assert (weights[4 * 8 + 0, alien] == np.float32(1e-5)).all()


def test_the_threshold_comes_after_the_sharpening():
    """A cosine of 0.1 is below τ = 0.15, but above it after sharpening (method 1.3, order)."""
    affinity = np.array([[1.0, 0.1], [0.1, 1.0]], np.float32)
    flat = np.full((1, 2), 0.45, np.float32)
    assert graph_weights(affinity, tau_ncut=0.15)[0, 1] < 1
    assert graph_weights(sharpen_affinity(affinity, flat), tau_ncut=0.15)[0, 1] == 1
    below = np.array([[1.0, 0.085], [0.085, 1.0]], np.float32)
    assert graph_weights(sharpen_affinity(below, flat), tau_ncut=0.15)[0, 1] < 1
