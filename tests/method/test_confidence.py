"""Spatial confidence (method 1.6)."""

import numpy as np
import pytest
from at_defaults import confidence_of, cut_of, k_nearest_graph, min_cut_of, sweep_thresholds
from hypothesis import assume, given
from hypothesis import strategies as st

from cuts3d.method.local_cut import keep_seed_part
from cuts3d.types import KnnGraph, LocalCut, PointCloud

SHAPE = (7, 8)
seeds = st.integers(0, 10_000)


def random_cut(seed: int, tau: float, *, fallback: bool = False) -> tuple[KnnGraph, LocalCut, np.ndarray]:
    rng = np.random.default_rng(seed)
    eigenvector = rng.standard_normal(SHAPE)
    region = np.zeros(SHAPE, bool)
    region[1:6, 1:7] = True
    eigenvector[region] += 2
    y, x = np.meshgrid(np.arange(7) / 8, np.arange(8) / 8, indexing="ij")
    points = np.stack([x, y, rng.uniform(0, 0.25, SHAPE) + 2.0 * ~region], axis=-1).reshape(-1, 3)
    graph = k_nearest_graph(PointCloud(points=points, grid_shape=SHAPE), k_neighbors=8)
    component = region if fallback else None
    return graph, cut_of(graph, eigenvector, region, tau_knn=tau, min_area=0.1, component=component), region


@given(st.floats(0.01, 1), st.floats(0.001, 1), st.integers(2, 20))
def test_thresholds_rise_evenly_and_end_exactly_at_tau_knn(tau, least, count):
    taus = sweep_thresholds(tau, num_cuts=count, tau_knn_min=least)
    assert len(taus) == count
    assert taus[-1] == tau
    assert taus[0] == min(least, tau)
    assert np.allclose(np.diff(taus), (tau - min(least, tau)) / (count - 1))


def test_one_cut_is_the_final_one():
    assert sweep_thresholds(0.1, num_cuts=1).tolist() == [0.1]


@given(seeds, st.floats(0.05, 0.5), st.integers(1, 8), st.floats(0, 1))
def test_confidence_is_the_floored_mean_of_plain_cuts_inside_and_1_outside(seed, tau, num_cuts, floor):
    graph, cut, region = random_cut(seed, tau)
    found = confidence_of(graph, cut, region, tau_knn=tau, tau_knn_min=0.04, num_cuts=num_cuts, confidence_floor=floor)
    plain = np.zeros(SHAPE)
    for t in found.taus:
        side, *_ = min_cut_of(graph, cut.sources, cut.sinks, tau_knn=t)
        plain += keep_seed_part(side, region, cut.sources) / num_cuts
    expected = np.where(cut.mask, np.maximum(plain, floor), 1.0)
    assert found.values.dtype == np.float32
    assert np.allclose(found.values, expected, atol=1e-6)
    assert found.values.min() >= 0
    assert found.values.max() <= 1
    assert (found.values[~cut.mask] == 1).all()
    assert found.cuts.shape == (num_cuts, *SHAPE)
    assert found.mean == pytest.approx(found.values[cut.mask].mean(), abs=1e-6)


@given(seeds, st.floats(0.05, 0.5))
def test_the_last_cut_of_the_sweep_is_the_final_cut(seed, tau):
    graph, cut, region = random_cut(seed, tau)
    found = confidence_of(graph, cut, region, tau_knn=tau)
    assert (found.cuts[-1] == cut.mask).all()
    assert found.taus[-1] == tau


@given(seeds, st.floats(0.05, 0.3), st.integers(2, 6))
def test_confidence_is_constant_1_when_all_thresholds_are_the_same(seed, tau, num_cuts):
    graph, cut, region = random_cut(seed, tau)
    found = confidence_of(graph, cut, region, tau_knn=tau, tau_knn_min=tau, num_cuts=num_cuts)
    assert (found.cuts == cut.mask).all()
    assert (found.values == 1).all()
    assert found.mean == 1


def test_one_cut_gives_full_confidence():
    graph, cut, region = random_cut(0, 0.3)
    found = confidence_of(graph, cut, region, tau_knn=0.3, num_cuts=1)
    assert (found.values == 1).all()


def test_patches_that_few_cuts_keep_have_the_floor_as_confidence():
    graph, cut, region = random_cut(1, 0.2)
    found = confidence_of(graph, cut, region, tau_knn=0.2, tau_knn_min=0.0005, num_cuts=32, confidence_floor=0.5)
    rare = cut.mask & (found.cuts.sum(axis=0) <= 16)
    assert np.count_nonzero(rare) > 1
    assert (found.values[rare] == 0.5).all()


def test_after_a_fallback_the_confidence_still_comes_from_cuts():
    graph, cut, region = random_cut(2, 0.05, fallback=True)
    assert cut.fallback
    found = confidence_of(graph, cut, region, tau_knn=0.05, confidence_floor=0.25)
    assert (cut.mask == region).all()
    assert not (found.cuts[-1] == cut.mask).all()
    assert found.mean < 0.5
    assert (found.values[~region] == 1).all()


@given(seeds)
def test_a_higher_floor_never_lowers_the_confidence(seed):
    graph, cut, region = random_cut(seed, 0.3)
    assume(cut.mask.any())
    low, high = (confidence_of(graph, cut, region, tau_knn=0.3, confidence_floor=f).values for f in (0.1, 0.6))
    assert (high >= low).all()
