"""Affinity (method 1.2): cosine similarity and graph weights."""

import numpy as np
import pytest
from at_defaults import cosine_affinity, graph_weights, normalise_features
from helpers import TOLERANCE, blobs
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

vectors = hnp.arrays(
    np.float32,
    st.tuples(st.integers(2, 12), st.integers(1, 6)),
    elements=st.floats(-100, 100, width=32).map(lambda v: 0.0 if abs(v) < 1e-3 else v),
)


@given(vectors, st.booleans())
def test_affinity_is_symmetric_to_the_last_bit_and_lies_in_0_to_1(v, center):
    affinity = cosine_affinity(v, center=center)
    assert affinity.dtype == np.float32
    assert affinity.shape == (len(v), len(v))
    assert (affinity == affinity.T).all()
    assert affinity.min() >= 0
    assert affinity.max() <= 1


@given(vectors)
def test_affinity_is_the_cosine_with_negative_values_clamped(v):
    affinity = cosine_affinity(v)
    for i, a in enumerate(v.astype(np.float64)):
        for j, b in enumerate(v.astype(np.float64)):
            lengths = np.linalg.norm(a) * np.linalg.norm(b)
            expected = max(0.0, a @ b / lengths) if lengths else 0.0
            assert affinity[i, j] == pytest.approx(expected, abs=1e-5)


@given(vectors, st.floats(0.01, 100))
def test_affinity_does_not_depend_on_the_length_of_the_vectors(v, factor):
    scaled = v * np.float32(factor) * np.linspace(0.5, 2, len(v), dtype=np.float32)[:, None]
    assert np.allclose(cosine_affinity(v), cosine_affinity(scaled), atol=1e-5)


def test_normalised_features_have_unit_length_and_zero_vectors_stay_zero():
    unit = normalise_features(np.array([[3.0, 4.0], [0.0, 0.0]]))
    assert unit.dtype == np.float32
    assert np.allclose(unit, [[0.6, 0.8], [0.0, 0.0]], atol=TOLERANCE["float32"])


def test_centring_brings_out_a_difference_that_a_common_component_hides():
    sample = blobs((12, 12), 1)
    hidden = sample.vectors + 50.0
    inside = sample.labels.ravel() > 0
    plain, centred = cosine_affinity(hidden), cosine_affinity(hidden, center=True)
    assert plain[inside][:, ~inside].min() > 0.99
    assert centred[inside][:, ~inside].mean() < 0.05
    assert centred[inside][:, inside].mean() > 0.9


def test_centring_removes_any_common_vector_exactly():
    sample = blobs((8, 8), 2)
    shifted = sample.vectors + np.float32(4.0)
    a, b = cosine_affinity(sample.vectors, center=True), cosine_affinity(shifted, center=True)
    assert np.allclose(a, b, atol=1e-4)


def test_features_given_are_not_written_to():
    v = blobs((4, 4), 1).vectors
    before = v.copy()
    cosine_affinity(v, center=True)
    assert (v == before).all()


def test_binary_weights_are_1_strictly_above_tau_and_epsilon_elsewhere():
    affinity = np.array([[1.0, 0.3, 0.5], [0.3, 1.0, 0.25], [0.5, 0.25, 1.0]], np.float32)
    weights = graph_weights(affinity, tau_ncut=0.3, epsilon=1e-3)
    e = np.float32(1e-3)
    assert weights.dtype == np.float32
    assert (weights == np.array([[1, e, 1], [e, 1, e], [1, e, 1]], np.float32)).all()


def test_soft_weights_keep_the_similarity_above_tau():
    affinity = np.array([[1.0, 0.4], [0.4, 0.2]], np.float32)
    weights = graph_weights(affinity, tau_ncut=0.3, epsilon=1e-4, mode="soft")
    assert (weights == np.array([[1.0, 0.4], [0.4, 1e-4]], np.float32)).all()


@given(st.floats(0, 1), st.floats(1e-6, 0.1), st.sampled_from(["binary", "soft"]), st.integers(0, 99))
def test_no_link_is_weaker_than_a_missing_one(tau, epsilon, mode, seed):
    affinity = np.random.default_rng(seed).uniform(0, 1, (6, 6)).astype(np.float32) ** 4
    weights = graph_weights(affinity, tau_ncut=tau, epsilon=epsilon, mode=mode)
    assert weights.min() >= np.float32(epsilon)
    assert weights.max() <= 1


def test_affinity_given_to_graph_weights_is_not_written_to():
    affinity = np.array([[1.0, 0.1], [0.1, 1.0]], np.float32)
    graph_weights(affinity, tau_ncut=0.5)
    assert (affinity == np.array([[1.0, 0.1], [0.1, 1.0]], np.float32)).all()
