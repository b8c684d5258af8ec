"""The min-cut (method 1.5), compared with NetworkX and with random cuts."""

import itertools

import networkx as nx
import numpy as np
import pytest
from at_defaults import capacities, confidence_of, cut_of, k_nearest_graph, min_cut_of
from helpers import chain, random_cloud
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy.sparse import csr_matrix
from scipy.sparse.csgraph import connected_components

from cuts3d.graphs import CAPACITY_STEPS, integer_capacities
from cuts3d.types import KnnGraph, PointCloud

seeds = st.integers(0, 10_000)
FORMS = st.sampled_from(["gaussian", "euclidean"])


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


@given(seeds, st.integers(6, 40), st.integers(3, 8), st.integers(1, 3), FORMS, st.floats(0.05, 0.6))
def test_min_cut_has_the_value_of_networkx_and_the_minimal_source_side(seed, n, k, ends, form, sigma_c):
    graph = k_nearest_graph(random_cloud(n, seed=seed), k_neighbors=k)
    assume(is_connected(graph))
    nodes = np.random.default_rng(seed + 1).permutation(n)
    sources, sinks = nodes[:ends], nodes[ends : 2 * ends]
    steps, scale = integer_capacities(capacities(graph.lengths, sigma_c=sigma_c, form=form))
    flow, smallest, largest = networkx_cut(graph, steps, sources, sinks)
    side, value, joined, kept = min_cut_of(graph, sources, sinks, tau_knn=10, sigma_c=sigma_c, capacity=form)
    assert joined
    assert kept == len(graph.edges)
    assert round(value * scale) == flow == cut_value(graph, steps, side)
    assert set(np.flatnonzero(side).tolist()) == smallest
    assert smallest <= largest
    assert side[sources].all()
    assert not side[sinks].any()


@given(seeds, st.integers(8, 30))
def test_no_random_side_that_separates_the_terminals_cuts_less(seed, n):
    graph = k_nearest_graph(random_cloud(n, seed=seed), k_neighbors=5)
    assume(is_connected(graph))
    steps, scale = integer_capacities(capacities(graph.lengths, sigma_c=0.3))
    side, value, _, _ = min_cut_of(graph, np.array([0]), np.array([1]), tau_knn=10, sigma_c=0.3)
    rng = np.random.default_rng(seed)
    for _ in range(20):
        other = side ^ (rng.random(n) < rng.choice([0.05, 0.5]))
        other[0], other[1] = True, False
        assert round(value * scale) <= cut_value(graph, steps, other)


def with_ties(n: int, seed: int) -> PointCloud:
    """Points of a coarse lattice, some of them equal: islands, equal lengths, lengths of 0."""
    points = np.random.default_rng(seed).integers(0, 5, (n, 3)) / 10
    return PointCloud(points=points.astype(np.float64), grid_shape=(1, n))


@given(seeds, st.integers(1, 40), st.integers(1, 8), st.integers(1, 4), FORMS, st.floats(0, 0.8), st.booleans())
def test_in_any_graph_the_cut_is_that_of_networkx_in_the_component_of_the_strongest_source(
    seed, n, k, ends, form, tau, ties
):
    """Graphs of one point, of islands, of ties; several sources, whose components may contain no sink."""
    cloud = with_ties(n, seed) if ties else random_cloud(n, seed=seed)
    graph = k_nearest_graph(cloud, k_neighbors=k)
    nodes = np.random.default_rng(seed + 1).permutation(n)
    sources, sinks = nodes[:ends], nodes[ends : 2 * ends]
    side, value, joined, kept = min_cut_of(graph, sources, sinks, tau_knn=tau, sigma_c=0.3, capacity=form)
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
    graph = k_nearest_graph(with_ties(n, seed), k_neighbors=5)
    side, value, joined, kept = min_cut_of(graph, np.array([0]), np.array([1]), tau_knn=tau, sigma_c=0.3)
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
    graph = k_nearest_graph(PointCloud(points=rng.uniform(0, 1, (h * w, 3)), grid_shape=(h, w)), k_neighbors=4)
    cut = cut_of(graph, rng.standard_normal((h, w)), region, tau_knn=tau, component=region)
    assert (cut.mask == region).all()
    found = confidence_of(graph, cut, region, tau_knn=tau)
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
def test_links_with_vanishing_capacities_still_connect_and_give_almost_no_flow():
    sigma = 0.01
    graph = chain([26.9 * sigma] * 4)  # exp(-723.6): no normal float64 is so small
    side, flow, joined, _ = min_cut_of(graph, np.array([0]), np.array([4]), tau_knn=1, sigma_c=sigma)
    assert joined
    assert flow <= 1 / CAPACITY_STEPS
    assert side.tolist() == [True, False, False, False, False]


def test_of_two_cuts_of_equal_value_the_one_nearer_to_the_source_is_kept():
    side, flow, joined, _ = min_cut_of(chain([0.01, 0.05, 0.01, 0.05, 0.01]), np.array([0]), np.array([5]), tau_knn=1)
    assert joined
    assert flow == pytest.approx(np.exp(-4), abs=1e-4)
    assert side.tolist() == [True, True, False, False, False, False]


def test_truncation_alone_can_separate_source_and_sink_with_flow_0():
    graph = chain([0.01, 0.01, 0.3, 0.01])
    side, flow, joined, kept = min_cut_of(graph, np.array([0]), np.array([4]), tau_knn=0.1)
    assert (flow, joined, kept) == (0.0, False, 3)
    assert side.tolist() == [True, True, True, False, False]


def test_a_link_as_long_as_tau_is_kept():
    graph = chain([0.1, 0.2])
    assert min_cut_of(graph, np.array([0]), np.array([2]), tau_knn=0.2)[3] == 2
    assert min_cut_of(graph, np.array([0]), np.array([2]), tau_knn=0.1999)[3] == 1


def test_only_the_part_of_the_graph_that_holds_the_source_can_be_its_side():
    """Islands 0-2, 3-4, 5-6 and 7-8: points of islands without the strongest source change nothing."""
    graph = chain([0.01, 0.02, 0.9, 0.01, 0.9, 0.01, 0.9, 0.01])
    side, flow, joined, _ = min_cut_of(graph, np.array([0]), np.array([2, 6]), tau_knn=0.5)
    assert joined
    assert flow == pytest.approx(np.exp(-((0.02 / 0.025) ** 2)), abs=1e-4)
    assert np.flatnonzero(side).tolist() == [0, 1]
    side, flow, joined, _ = min_cut_of(graph, np.array([3]), np.array([2, 6]), tau_knn=0.5)
    assert not joined
    assert np.flatnonzero(side).tolist() == [3, 4]


@given(seeds, st.integers(10, 40))
def test_a_smaller_tau_never_keeps_more_links_nor_a_larger_flow(seed, n):
    graph = k_nearest_graph(random_cloud(n, seed=seed), k_neighbors=6)
    results = [min_cut_of(graph, np.array([0]), np.array([1]), tau_knn=t, sigma_c=0.4) for t in (0.1, 0.3, 0.5, 1.0)]
    assert [r[3] for r in results] == sorted(r[3] for r in results)
    flows = [r[1] for r in results]
    slack = 0.51 * len(graph.edges) / CAPACITY_STEPS  # capacities are rounded
    assert all(a <= b + slack for a, b in itertools.pairwise(flows))


def test_a_graph_as_large_as_a_photo_s_does_not_overflow_int32():
    """60×60 patches, k = 32: SciPy would silently truncate int64 capacities."""
    y, x = np.meshgrid(np.arange(60) / 60, np.arange(60) / 60, indexing="ij")
    z = 0.05 * (x > 0.5)
    cloud = PointCloud(points=np.stack([x, y, z], axis=-1).reshape(-1, 3), grid_shape=(60, 60))
    graph = k_nearest_graph(cloud, k_neighbors=32)
    steps, scale = integer_capacities(capacities(graph.lengths, sigma_c=1.0))
    sources, sinks = np.arange(0, 3600, 60), np.arange(59, 3600, 60)
    side, flow, joined, kept = min_cut_of(graph, sources, sinks, tau_knn=2, sigma_c=1.0)
    assert joined
    assert kept == len(graph.edges)
    assert round(flow * scale) == cut_value(graph, steps, side)
    assert flow > 60  # a whole column of links


@pytest.mark.parametrize("solver", ["networkx-dinitz", "networkx-boykov-kolmogorov"])
@given(seeds, st.integers(1, 40), st.integers(1, 8), st.integers(1, 4), FORMS, st.floats(0, 0.8), st.booleans())
def test_every_solver_finds_the_same_flow_and_the_same_side(solver, seed, n, k, ends, form, tau, ties):
    """The smallest source side is that of every maximum flow, also where the minimum cut is not unique."""
    graph = k_nearest_graph(with_ties(n, seed) if ties else random_cloud(n, seed=seed), k_neighbors=k)
    nodes = np.random.default_rng(seed + 1).permutation(n)
    given_params = {"tau_knn": tau, "sigma_c": 0.3, "capacity": form}
    ours = min_cut_of(graph, nodes[:ends], nodes[ends : 2 * ends], **given_params)
    theirs = min_cut_of(graph, nodes[:ends], nodes[ends : 2 * ends], solver=solver, **given_params)
    assert theirs[1:] == ours[1:]
    np.testing.assert_array_equal(theirs[0], ours[0])


@pytest.mark.parametrize("solver", ["networkx-dinitz", "networkx-boykov-kolmogorov"])
def test_a_solver_of_networkx_is_the_one_that_runs(monkeypatch, solver):
    called = []
    for name in ("dinitz", "boykov_kolmogorov"):
        whole = getattr(nx.algorithms.flow, name)
        monkeypatch.setattr(
            nx.algorithms.flow, name, lambda *args, name=name, whole=whole: called.append(name) or whole(*args)
        )
    min_cut_of(chain([0.01, 0.02]), np.array([0]), np.array([2]), tau_knn=1)
    assert called == []
    min_cut_of(chain([0.01, 0.02]), np.array([0]), np.array([2]), tau_knn=1, solver=solver)
    assert called == [solver.removeprefix("networkx-").replace("-", "_")]
