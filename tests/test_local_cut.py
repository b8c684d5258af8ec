"""LocalCut (method 1.5), beside brute force and NetworkX."""

import itertools

import networkx as nx
import numpy as np
import pytest
from helpers import random_cloud
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from cuts3d.confidence import spatial_confidence
from cuts3d.errors import InputError
from cuts3d.local_cut import (
    CAPACITY_STEPS,
    INT32_MAX,
    capacities,
    choose_terminals,
    eigenvector_on,
    integer_capacities,
    keep_seed_part,
    knn_graph,
    local_cut,
    min_cut,
)
from cuts3d.types import Bipartition, KnnGraph, PointCloud

seeds = st.integers(0, 10_000)
FORMS = st.sampled_from(["gaussian", "euclidean"])


def chain(lengths: list[float]) -> KnnGraph:
    """Nodes 0, 1, 2, … in a row, with links of these lengths."""
    order = np.argsort(lengths, kind="stable")
    edges = np.stack([np.arange(len(lengths)), np.arange(1, len(lengths) + 1)], axis=1)[order].astype(np.int32)
    return KnnGraph(edges=edges, lengths=np.array(lengths, dtype=np.float64)[order], num_nodes=len(lengths) + 1)


def is_connected(graph: KnnGraph) -> bool:
    i, j = graph.edges.T
    links = csr_matrix((np.ones(len(i)), (i, j)), shape=(graph.num_nodes,) * 2)
    return connected_components(links, directed=False)[0] == 1


def networkx_cut(graph: KnnGraph, steps: np.ndarray, sources: np.ndarray, sinks: np.ndarray) -> tuple[int, set, set]:
    """Flow, the source side reachable in the residual graph, and the largest source side, by NetworkX."""
    network = nx.DiGraph()
    network.add_nodes_from(range(graph.num_nodes))
    for (i, j), c in zip(graph.edges.tolist(), steps.tolist(), strict=True):
        network.add_edge(i, j, capacity=c)
        network.add_edge(j, i, capacity=c)
    for s in sources.tolist():
        network.add_edge("source", s)  # no capacity: unbounded
    for t in sinks.tolist():
        network.add_edge(t, "sink")
    flow, (largest, _) = nx.minimum_cut(network, "source", "sink")
    residual = nx.algorithms.flow.preflow_push(network, "source", "sink")
    free = nx.DiGraph((u, v) for u, v, d in residual.edges(data=True) if d["flow"] < d["capacity"])
    reached = set(nx.descendants(free, "source"))
    return int(flow), reached - {"source"}, set(largest) - {"source"}


def cut_value(graph: KnnGraph, steps: np.ndarray, side: np.ndarray) -> int:
    i, j = graph.edges.T
    return int(steps[side[i] != side[j]].sum())


@given(seeds, st.integers(2, 40), st.integers(1, 8))
def test_knn_graph_links_each_point_with_its_k_nearest_as_brute_force_does(seed, n, k):
    cloud = random_cloud(n, seed=seed)
    distance = np.linalg.norm(cloud.points[:, None] - cloud.points[None], axis=2)
    expected = set()
    for i in range(n):
        nearest = [j for j in np.argsort(distance[i]) if j != i][: min(k, n - 1)]
        expected |= {(min(i, j), max(i, j)) for j in map(int, nearest)}
    graph = knn_graph(cloud, k_neighbors=k)
    assert {(int(i), int(j)) for i, j in graph.edges} == expected
    assert len(graph.edges) == len(expected)
    assert graph.num_nodes == n
    assert graph.edges.dtype == np.int32
    assert (np.diff(graph.lengths) >= 0).all()
    assert np.allclose(graph.lengths, distance[graph.edges[:, 0], graph.edges[:, 1]])


def test_knn_graph_of_points_that_coincide_has_no_self_links():
    cloud = PointCloud(points=np.zeros((10, 3)), grid_shape=(2, 5))
    graph = knn_graph(cloud, k_neighbors=3)
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
    whole = knn_graph(PointCloud(points=points, grid_shape=cloud.grid_shape), k_neighbors=k)
    inside = among[whole.edges].all(axis=1)
    part = knn_graph(cloud, k_neighbors=k, among=among)
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


def test_single_terminals_are_the_largest_and_the_smallest_signed_entry():
    x = np.array([[0.1, 0.9, -0.05], [0.4, -0.7, 0.0]])
    sources, sinks = choose_terminals(x, x > 0, terminals="single")
    assert sources.tolist() == [1]
    assert sinks.tolist() == [4]  # not the smallest absolute value, which is 0.0


@given(seeds, st.floats(0, 0.2), st.integers(3, 12), st.integers(3, 12))
def test_terminals_are_the_extremes_inside_and_outside_the_region(seed, fraction, h, w):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((h, w))
    region = x > 0
    assume(region.any() and not region.all())
    sources, sinks = choose_terminals(x, region, fraction=fraction)
    count = max(1, round(fraction * h * w))
    flat, inside = x.ravel(), region.ravel()
    assert sorted(flat[sources])[::-1] == sorted(flat[inside])[::-1][:count]
    assert sorted(flat[sinks]) == sorted(flat[~inside])[:count]
    assert flat[sources[0]] == flat[inside].max()


@given(seeds)
def test_terminals_are_disjoint_and_never_outside_the_graph(seed):
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((6, 6))
    x[rng.random((6, 6)) < 0.3] = np.nan
    region = (np.nan_to_num(x) > 0) & ~np.isnan(x)
    assume(region.any())
    sources, sinks = choose_terminals(x, region, fraction=0.2)
    assert not set(sources) & set(sinks)
    assert not np.isnan(x.ravel()[np.concatenate([sources, sinks])]).any()
    assert region.ravel()[sources].all()


def test_ties_go_to_the_lower_index():
    x = np.array([[-1.0, 1.0, 1.0], [1.0, -1.0, -1.0]])
    sources, sinks = choose_terminals(x, x > 0, fraction=0.34)
    assert sources.tolist() == [1, 2]
    assert sinks.tolist() == [0, 4]


def test_a_region_that_is_the_whole_graph_still_has_a_sink():
    x = np.arange(9.0).reshape(3, 3)
    sources, sinks = choose_terminals(x, np.ones((3, 3), bool), terminals="single")
    assert (sources.tolist(), sinks.tolist()) == ([8], [0])


@given(seeds, st.integers(6, 40), st.integers(3, 8), st.integers(1, 3), FORMS, st.floats(0.05, 0.6))
def test_min_cut_has_the_value_of_networkx_and_the_minimal_source_side(seed, n, k, ends, form, sigma_c):
    graph = knn_graph(random_cloud(n, seed=seed), k_neighbors=k)
    assume(is_connected(graph))
    nodes = np.random.default_rng(seed + 1).permutation(n)
    sources, sinks = nodes[:ends], nodes[ends : 2 * ends]
    steps, scale = integer_capacities(capacities(graph.lengths, sigma_c=sigma_c, form=form))
    flow, smallest, largest = networkx_cut(graph, steps, sources, sinks)
    side, value, joined, kept = min_cut(graph, sources, sinks, tau_knn=10, sigma_c=sigma_c, capacity=form)
    assert joined
    assert kept == len(graph.edges)
    assert round(value * scale) == flow == cut_value(graph, steps, side)
    assert set(np.flatnonzero(side).tolist()) == smallest
    assert smallest <= largest
    assert side[sources].all()
    assert not side[sinks].any()


@given(seeds, st.integers(8, 30))
def test_no_random_side_that_separates_the_terminals_cuts_less(seed, n):
    graph = knn_graph(random_cloud(n, seed=seed), k_neighbors=5)
    assume(is_connected(graph))
    steps, scale = integer_capacities(capacities(graph.lengths, sigma_c=0.3))
    side, value, _, _ = min_cut(graph, np.array([0]), np.array([1]), tau_knn=10, sigma_c=0.3)
    rng = np.random.default_rng(seed)
    for _ in range(20):
        other = side ^ (rng.random(n) < rng.choice([0.05, 0.5]))
        other[0], other[1] = True, False
        assert round(value * scale) <= cut_value(graph, steps, other)


def with_ties(n: int, seed: int) -> PointCloud:
    """Points of a coarse lattice, some in one place: islands, equal lengths, lengths of 0."""
    points = np.random.default_rng(seed).integers(0, 5, (n, 3)) / 10
    return PointCloud(points=points.astype(np.float64), grid_shape=(1, n))


@given(seeds, st.integers(1, 40), st.integers(1, 8), st.integers(1, 4), FORMS, st.floats(0, 0.8), st.booleans())
def test_in_any_graph_the_cut_is_networkx_s_within_the_part_of_the_strongest_source(seed, n, k, ends, form, tau, ties):
    """Graphs of one point, of islands, of ties; several sources, whose parts may hold no sink."""
    cloud = with_ties(n, seed) if ties else random_cloud(n, seed=seed)
    graph = knn_graph(cloud, k_neighbors=k)
    nodes = np.random.default_rng(seed + 1).permutation(n)
    sources, sinks = nodes[:ends], nodes[ends : 2 * ends]
    side, value, joined, kept = min_cut(graph, sources, sinks, tau_knn=tau, sigma_c=0.3, capacity=form)
    assert kept == np.count_nonzero(graph.lengths <= tau)
    left = KnnGraph(edges=graph.edges[:kept], lengths=graph.lengths[:kept], num_nodes=n)
    i, j = left.edges.T
    labels = connected_components(csr_matrix((np.ones(kept), (i, j)), shape=(n, n)), directed=False)[1]
    part = labels == labels[sources[0]]
    assert joined == part[sinks].any()
    assert not side[~part].any()
    assert side[sources[part[sources]]].all()
    assert not side[sinks].any()
    if not joined:
        assert value == 0
        assert (side == part).all()
        return
    inside = KnnGraph(edges=left.edges[part[i]], lengths=left.lengths[part[i]], num_nodes=n)
    steps, scale = integer_capacities(capacities(inside.lengths, sigma_c=0.3, form=form))
    flow, smallest, _ = networkx_cut(inside, steps, sources[part[sources]], sinks[part[sinks]])
    assert round(value * scale) == flow == cut_value(inside, steps, side)
    assert set(np.flatnonzero(side).tolist()) == smallest


@given(seeds, st.integers(8, 40), st.floats(0, 0.8))
def test_no_random_side_of_a_graph_with_islands_and_ties_cuts_less(seed, n, tau):
    graph = knn_graph(with_ties(n, seed), k_neighbors=5)
    side, value, joined, kept = min_cut(graph, np.array([0]), np.array([1]), tau_knn=tau, sigma_c=0.3)
    assume(joined)
    left = KnnGraph(edges=graph.edges[:kept], lengths=graph.lengths[:kept], num_nodes=n)
    values = capacities(left.lengths, sigma_c=0.3)
    rounding = 0.51 * kept / CAPACITY_STEPS
    rng = np.random.default_rng(seed)
    for _ in range(20):
        other = side ^ (rng.random(n) < rng.choice([0.05, 0.5]))
        other[0], other[1] = True, False
        i, j = left.edges.T
        assert value <= values[other[i] != other[j]].sum() + rounding


@given(seeds, st.integers(1, 6), st.integers(1, 6), st.floats(0.01, 1))
def test_a_region_of_one_patch_or_a_grid_of_one_is_cut_to_itself(seed, h, w, tau):
    rng = np.random.default_rng(seed)
    region = np.zeros((h, w), bool)
    region.flat[rng.integers(h * w)] = True
    graph = knn_graph(PointCloud(points=rng.uniform(0, 1, (h * w, 3)), grid_shape=(h, w)), k_neighbors=4)
    cut = local_cut(graph, rng.standard_normal((h, w)), region, tau_knn=tau, component=region)
    assert (cut.mask == region).all()
    found = spatial_confidence(graph, cut, region, tau_knn=tau)
    assert ((found.values >= 0) & (found.values <= 1)).all()
    assert (found.values[~region] == 1).all()


@pytest.mark.parametrize("values", [[1e-310, 5e-324], [1e-289, 1e-300], [1e300, 1.0], [np.finfo(float).max] * 3])
@pytest.mark.filterwarnings("error")
def test_capacities_at_the_ends_of_float64_keep_their_order(values):
    steps, scale = integer_capacities(np.array(values))
    assert np.isfinite(scale)
    assert (np.diff(steps) <= 0).all()
    assert 1 <= steps.min() <= steps.max() <= CAPACITY_STEPS


@pytest.mark.filterwarnings("error")
def test_links_so_long_that_their_capacities_vanish_still_bind_and_cut_nothing_of_worth():
    sigma = 0.01
    graph = chain([26.9 * sigma] * 4)  # exp(-723.6): no normal float64 is so small
    side, flow, joined, _ = min_cut(graph, np.array([0]), np.array([4]), tau_knn=1, sigma_c=sigma)
    assert joined
    assert flow <= 1 / CAPACITY_STEPS
    assert side.tolist() == [True, False, False, False, False]


def test_of_two_cuts_of_equal_value_the_one_nearer_to_the_source_is_kept():
    side, flow, joined, _ = min_cut(chain([0.01, 0.05, 0.01, 0.05, 0.01]), np.array([0]), np.array([5]), tau_knn=1)
    assert joined
    assert flow == pytest.approx(np.exp(-4), abs=1e-4)
    assert side.tolist() == [True, True, False, False, False, False]


def test_truncation_alone_can_separate_source_and_sink_with_flow_0():
    graph = chain([0.01, 0.01, 0.3, 0.01])
    side, flow, joined, kept = min_cut(graph, np.array([0]), np.array([4]), tau_knn=0.1)
    assert (flow, joined, kept) == (0.0, False, 3)
    assert side.tolist() == [True, True, True, False, False]


def test_a_link_as_long_as_tau_is_kept():
    graph = chain([0.1, 0.2])
    assert min_cut(graph, np.array([0]), np.array([2]), tau_knn=0.2)[3] == 2
    assert min_cut(graph, np.array([0]), np.array([2]), tau_knn=0.1999)[3] == 1


def test_only_the_part_of_the_graph_that_holds_the_source_can_be_its_side():
    """Islands 0-2, 3-4, 5-6 and 7-8: sinks and nobody's points elsewhere change nothing."""
    graph = chain([0.01, 0.02, 0.9, 0.01, 0.9, 0.01, 0.9, 0.01])
    side, flow, joined, _ = min_cut(graph, np.array([0]), np.array([2, 6]), tau_knn=0.5)
    assert joined
    assert flow == pytest.approx(np.exp(-((0.02 / 0.025) ** 2)), abs=1e-4)
    assert np.flatnonzero(side).tolist() == [0, 1]
    side, flow, joined, _ = min_cut(graph, np.array([3]), np.array([2, 6]), tau_knn=0.5)
    assert not joined
    assert np.flatnonzero(side).tolist() == [3, 4]


@given(seeds, st.integers(10, 40))
def test_a_smaller_tau_never_keeps_more_links_nor_a_larger_flow(seed, n):
    graph = knn_graph(random_cloud(n, seed=seed), k_neighbors=6)
    results = [min_cut(graph, np.array([0]), np.array([1]), tau_knn=t, sigma_c=0.4) for t in (0.1, 0.3, 0.5, 1.0)]
    assert [r[3] for r in results] == sorted(r[3] for r in results)
    flows = [r[1] for r in results]
    slack = 0.51 * len(graph.edges) / CAPACITY_STEPS  # capacities are rounded
    assert all(a <= b + slack for a, b in itertools.pairwise(flows))


def test_a_graph_as_large_as_a_photo_s_does_not_overflow_int32():
    """60×60 patches, k = 32: int64 capacities would be truncated in silence by SciPy."""
    y, x = np.meshgrid(np.arange(60) / 60, np.arange(60) / 60, indexing="ij")
    z = 0.05 * (x > 0.5)
    cloud = PointCloud(points=np.stack([x, y, z], axis=-1).reshape(-1, 3), grid_shape=(60, 60))
    graph = knn_graph(cloud, k_neighbors=32)
    steps, scale = integer_capacities(capacities(graph.lengths, sigma_c=1.0))
    sources, sinks = np.arange(0, 3600, 60), np.arange(59, 3600, 60)
    side, flow, joined, kept = min_cut(graph, sources, sinks, tau_knn=2, sigma_c=1.0)
    assert joined
    assert kept == len(graph.edges)
    assert round(flow * scale) == cut_value(graph, steps, side)
    assert flow > 60  # a whole column of links


def test_the_kept_part_is_the_source_side_within_b_around_the_strongest_source():
    side = np.array([[1, 1, 0, 1], [1, 0, 0, 1]], bool)
    region = np.array([[1, 1, 1, 1], [0, 1, 1, 1]], bool)
    kept = keep_seed_part(side.ravel(), region, np.array([1, 3]))
    assert kept.astype(int).tolist() == [[1, 1, 0, 0], [0, 0, 0, 0]]


def two_planes() -> tuple[KnnGraph, np.ndarray, np.ndarray]:
    """12×12 points; columns 2-5 near and 6-9 far are the region, the rest is background."""
    region = np.zeros((12, 12), bool)
    region[2:10, 2:10] = True
    y, x = np.meshgrid(np.arange(12) / 12, np.arange(12) / 12, indexing="ij")
    z = np.where(region, np.where(np.arange(12)[None, :] < 6, 0.0, 0.5), 2.0)
    graph = knn_graph(PointCloud(points=np.stack([x, y, z], -1).reshape(-1, 3), grid_shape=(12, 12)), k_neighbors=8)
    eigenvector = np.where(region, 1.0 + 0.01 * x, -1.0 - 0.01 * y)
    eigenvector[4, 3] = 3.0
    return graph, eigenvector, region


def test_a_depth_step_inside_a_region_ends_the_cut():
    graph, eigenvector, region = two_planes()
    cut = local_cut(graph, eigenvector, region, tau_knn=0.15, component=region)
    assert cut.fallback == ""
    assert not cut.connected
    assert cut.flow == 0
    near = region & (np.arange(12) < 6)[None, :]
    assert (cut.mask == near).all()
    assert cut.sources.tolist() == [4 * 12 + 3]


def test_a_second_source_on_another_object_does_not_join_that_object_to_the_mask():
    """Objects of one class share the extremes of the eigenvector: sources lie on both, the seed on one."""
    graph, eigenvector, region = two_planes()
    eigenvector[4, 7] = 2.9  # on the far plane
    cut = local_cut(graph, eigenvector, region, tau_knn=0.15, terminal_fraction=2 / 144, component=region)
    assert len(cut.sources) == 2
    near = region & (np.arange(12) < 6)[None, :]
    assert (cut.mask == near).all()


def test_a_cut_that_keeps_almost_nothing_falls_back_to_the_component():
    graph, eigenvector, region = two_planes()
    cut = local_cut(graph, eigenvector, region, tau_knn=0.001, component=region)
    assert "almost nothing" in cut.fallback
    assert (cut.mask == region).all()


def test_without_a_component_the_trivial_cut_stays():
    graph, eigenvector, region = two_planes()
    cut = local_cut(graph, eigenvector, region, tau_knn=0.001)
    assert cut.fallback == ""
    assert np.argwhere(cut.mask).tolist() == [[4, 3]]


def test_a_cut_that_separates_the_sink_only_falls_back_to_the_component():
    region = np.zeros((6, 6), bool)
    region[:5] = True
    eigenvector = np.where(region, 1.0, -1.0)
    eigenvector[2, 2], eigenvector[5, 5] = 2.0, -2.0
    lengths = [0.01] * 34 + [0.05]
    cut = local_cut(chain(lengths), eigenvector, region, tau_knn=1, terminals="single", component=region)
    assert "sink only" in cut.fallback
    assert (cut.mask == region).all()
    assert cut.connected


def test_the_least_area_decides_what_is_trivial():
    graph, eigenvector, region = two_planes()
    near = np.count_nonzero(region) // 2
    options = {"tau_knn": 0.15, "component": region}
    assert local_cut(graph, eigenvector, region, min_area=(near - 1) / 144, **options).fallback == ""
    assert local_cut(graph, eigenvector, region, min_area=near / 144, **options).fallback != ""


@given(seeds, FORMS, st.sampled_from(["single", "fraction"]))
def test_a_cut_stays_within_its_region_and_holds_its_strongest_source(seed, form, terminals):
    rng = np.random.default_rng(seed)
    eigenvector = rng.standard_normal((7, 8))
    region = eigenvector > 0.2
    assume(region.any())
    cloud = PointCloud(points=rng.uniform(0, 1, (56, 3)), grid_shape=(7, 8))
    cut = local_cut(
        knn_graph(cloud, k_neighbors=6), eigenvector, region, tau_knn=0.4, capacity=form, terminals=terminals
    )
    assert not (cut.mask & ~region).any()
    assert cut.mask.ravel()[cut.sources[0]]
    assert cut.flow >= 0
    assert cut.connected or cut.flow == 0


def a_partition(eigenvector: np.ndarray) -> Bipartition:
    mask = eigenvector > 0
    return Bipartition(
        eigenvector=eigenvector, mask=mask, eigenvalue=0.0, seed=(0, 0), corners=0, flipped=False, solver="dense",
        component=mask,
    )  # fmt: skip


@pytest.mark.parametrize("case", ["empty", "outside of the graph"])
def test_a_region_without_a_point_to_cut_from_is_refused(case):
    region = np.array([[False, False, case != "empty"]])
    with pytest.raises(InputError, match="none to cut from"):
        local_cut(chain([0.01, 0.01]), np.array([[0.5, -0.5, np.nan]]), region)


def test_the_eigenvector_on_its_own_grid_is_unchanged():
    x = np.random.default_rng(0).standard_normal((4, 5))
    assert eigenvector_on(a_partition(x), (4, 5)) is x


def test_a_finer_eigenvector_is_nan_where_nodes_left_the_graph_and_unmixed_beside_them():
    x = np.full((4, 4), 2.0)
    x[:, :2] = np.nan
    fine = eigenvector_on(a_partition(x), (16, 16))
    assert fine.dtype == np.float64
    assert np.isnan(fine[:, :7]).all()
    assert np.allclose(fine[:, 9:], 2.0, atol=1e-5)
    assert np.nanmax(np.abs(fine - 2.0)) < 1e-5
