"""The k-NN graph and its capacities (method 1.5), compared with brute force."""

import numpy as np
from at_defaults import capacities, k_nearest_graph
from helpers import random_cloud
from hypothesis import given
from hypothesis import strategies as st

from cuts3d.graphs import CAPACITY_STEPS, INT32_MAX, integer_capacities
from cuts3d.types import PointCloud

seeds = st.integers(0, 10_000)
FORMS = st.sampled_from(["gaussian", "euclidean"])


@given(seeds, st.integers(2, 40), st.integers(1, 8))
def test_knn_graph_links_each_point_with_its_k_nearest_as_brute_force_does(seed, n, k):
    cloud = random_cloud(n, seed=seed)
    distance = np.linalg.norm(cloud.points[:, None] - cloud.points[None], axis=2)
    expected = set()
    for i in range(n):
        nearest = [j for j in np.argsort(distance[i]) if j != i][: min(k, n - 1)]
        expected |= {(min(i, j), max(i, j)) for j in map(int, nearest)}
    graph = k_nearest_graph(cloud, k_neighbors=k)
    assert {(int(i), int(j)) for i, j in graph.edges} == expected
    assert len(graph.edges) == len(expected)
    assert graph.num_nodes == n
    assert graph.edges.dtype == np.int32
    assert (np.diff(graph.lengths) >= 0).all()
    assert np.allclose(graph.lengths, distance[graph.edges[:, 0], graph.edges[:, 1]])


def test_knn_graph_of_points_that_coincide_has_no_self_links():
    cloud = PointCloud(points=np.zeros((10, 3)), grid_shape=(2, 5))
    graph = k_nearest_graph(cloud, k_neighbors=3)
    assert (graph.edges[:, 0] < graph.edges[:, 1]).all()
    assert len(np.unique(graph.edges, axis=0)) == len(graph.edges)
    assert (graph.lengths == 0).all()


@given(seeds, st.integers(1, 8), st.integers(1, 63))
def test_links_among_some_points_are_those_of_a_cloud_whose_others_are_far_away(seed, k, count):
    cloud = random_cloud(64, seed=seed)
    among = np.zeros(64, dtype=bool)
    among[np.random.default_rng(seed).permutation(64)[:count]] = True
    points = cloud.points.copy()
    points[~among, 2] += 100.0
    whole = k_nearest_graph(PointCloud(points=points, grid_shape=cloud.grid_shape), k_neighbors=k)
    inside = among[whole.edges].all(axis=1)
    part = k_nearest_graph(cloud, k_neighbors=k, among=among)
    np.testing.assert_array_equal(part.edges, whole.edges[inside])
    np.testing.assert_allclose(part.lengths, whole.lengths[inside])
    assert part.num_nodes == 64


def test_gaussian_capacity_is_1_at_length_0_and_1_over_e_at_sigma_c():
    found = capacities(np.array([0.0, 0.03, 0.06]), sigma_c=0.03)
    assert np.allclose(found, [1, np.exp(-1), np.exp(-4)])


def test_euclidean_capacity_is_the_length():
    lengths = np.array([0.0, 0.5, 2.0])
    assert (capacities(lengths, form="euclidean") == lengths).all()


@given(st.integers(0, 200_000), st.floats(1e-6, 1e3), seeds)
def test_integer_capacities_are_at_least_1_and_fit_int32_however_many_there_are(count, largest, seed):
    values = np.random.default_rng(seed).uniform(0, largest, count)
    steps, scale = integer_capacities(values)
    assert steps.dtype == np.int32
    assert (steps >= 1).all()
    assert 2 * steps.sum(dtype=np.int64) + 2 * count < INT32_MAX
    big = values * scale > 1
    assert np.abs(steps[big] - values[big] * scale).max(initial=0) <= 0.5


def test_a_few_capacities_keep_the_full_resolution():
    steps, scale = integer_capacities(np.array([1.0, 0.5, 1e-9]))
    assert steps.tolist() == [CAPACITY_STEPS, CAPACITY_STEPS // 2, 1]
    assert scale == CAPACITY_STEPS


def test_capacities_that_are_all_0_become_1():
    assert integer_capacities(np.zeros(4))[0].tolist() == [1, 1, 1, 1]
