"""Graphs for NetworkX and GraphML: the same links, weights and cuts, there and back."""

import networkx as nx
import numpy as np
import pytest
from at_defaults import cut_of, k_nearest_graph
from helpers import random_cloud
from hypothesis import given
from hypothesis import strategies as st

from cuts3d.config import LocalCutConfig
from cuts3d.errors import InputError
from cuts3d.graphs import affinity_network, capacities
from cuts3d.io.graphml import write_graphml
from cuts3d.run.explorer import Explorer
from cuts3d.types import KnnGraph, LocalCut

seeds = st.integers(0, 10_000)


def cut_graph(n: int, seed: int, **params) -> tuple[KnnGraph, LocalCut]:
    """A graph of random points, and a cut of one half of them."""
    graph = k_nearest_graph(random_cloud(n, seed=seed), k_neighbors=5)
    eigenvector = np.random.default_rng(seed).standard_normal((1, n))
    return graph, cut_of(graph, eigenvector, eigenvector > np.median(eigenvector), **params)


@given(seeds, st.integers(4, 40), st.floats(0.05, 1.0))
def test_nodes_and_links_are_those_of_the_truncated_graph(seed, n, tau):
    cloud = random_cloud(n, seed=seed)
    graph = k_nearest_graph(cloud, k_neighbors=5)
    found = graph.to_networkx(tau_knn=tau)
    assert list(found) == list(range(n))
    kept = graph.lengths <= tau
    assert {(min(e), max(e)) for e in found.edges} == {(i, j) for i, j in graph.edges[kept].tolist()}
    for node, (x, y, z) in enumerate(cloud.points.tolist()):
        assert found.nodes[node] == {"x": x, "y": y, "z": z}
    for (i, j), length in zip(graph.edges[kept].tolist(), graph.lengths[kept].tolist(), strict=True):
        link = found.edges[i, j]
        assert link["length"] == length == pytest.approx(float(np.linalg.norm(cloud.points[i] - cloud.points[j])))
        assert link["weight"] == capacities(np.array([length]), sigma_c=0.025, form="gaussian")[0]
        assert link["capacity"] == max(1, round(link["weight"] * found.graph["capacity_scale"]))


@given(seeds, st.integers(4, 40), st.floats(0.05, 1.0), st.sampled_from(["gaussian", "euclidean"]), st.floats(0, 0.2))
def test_networkx_cuts_the_graph_at_the_flow_of_our_cut(seed, n, tau, form, fraction):
    options = LocalCutConfig(tau_knn=tau, capacity=form, sigma_c=0.3, terminal_fraction=fraction)
    graph, cut = cut_graph(n, seed, tau_knn=tau, capacity=form, sigma_c=0.3, terminal_fraction=fraction)
    found = graph.to_networkx(options=options, cut=cut)
    flow, (ours, _) = nx.minimum_cut(found, "source", "sink")
    assert flow / found.graph["capacity_scale"] == cut.flow
    assert cut.source_side is not None
    side = {node for node, values in found.nodes(data=True) if values.get("source_side")}
    assert side == set(np.flatnonzero(cut.source_side).tolist())
    assert side <= {*ours, *nx.node_connected_component(found, int(cut.sources[0]))}
    across = [c for i, j, c in found.edges(data="capacity") if (i in side) != (j in side) and c is not None]
    assert sum(across) == flow


def test_a_smaller_threshold_leaves_links_out_and_no_node():
    graph, cut = cut_graph(30, 1, tau_knn=0.5)
    whole, small = (graph.to_networkx(tau_knn=tau, cut=cut) for tau in (0.5, 0.2))
    assert set(small) == set(whole)
    assert small.number_of_edges() < whole.number_of_edges()
    assert small.graph["tau_knn"] == 0.2


def test_a_cut_of_another_graph_is_refused():
    graph, _ = cut_graph(20, 1)
    _, other = cut_graph(21, 1)
    with pytest.raises(InputError, match="21 points, the graph 20"):
        graph.to_networkx(cut=other)


def test_a_graph_without_positions_has_none():
    graph = KnnGraph(edges=np.array([[0, 1]], np.int32), lengths=np.array([0.1]), num_nodes=3)
    assert graph.to_networkx().nodes[0] == {}
    assert graph.to_networkx(tau_knn=0.05).number_of_edges() == 0


@given(seeds, st.integers(2, 12), st.sampled_from([1e-5, 1e-3, 0.1]), st.floats(0, 1))
def test_weights_of_an_ncut_are_the_links_and_epsilon(seed, n, epsilon, density):
    rng = np.random.default_rng(seed)
    upper = np.triu(rng.random((n, n)) < density, k=1)
    weights = np.where(upper | upper.T | np.eye(n, dtype=bool), np.float32(1), np.float32(epsilon)).astype(np.float32)
    found = affinity_network(weights, {"row": np.arange(n)}, epsilon=epsilon)
    again = nx.to_numpy_array(found, nonedge=found.graph["epsilon"])
    np.fill_diagonal(again, 1.0)
    np.testing.assert_array_equal(again.astype(np.float32), weights)


@pytest.fixture
def explorer(photo, pixel_config) -> Explorer:
    opened = Explorer(photo.image, pixel_config, depth=photo.depth)
    opened.update()
    return opened


def test_the_graph_of_an_instance_is_the_one_that_it_was_cut_in(explorer):
    for place, instance in enumerate(explorer.results["segmentation", 0].instances):
        assert explorer.knn_graph(place) is explorer.results["graph", instance.number - 1]
        found = explorer.knn_network(place)
        assert found.number_of_edges() - found.degree("source") - found.degree("sink") == instance.cut.num_edges
        scale = found.graph["capacity_scale"]
        assert nx.minimum_cut_value(found, "source", "sink") / scale == instance.cut.flow
        assert [n for n, inside in found.nodes(data="mask") if inside] == np.flatnonzero(instance.cut.mask).tolist()


def test_graphs_of_the_recursive_search_are_there_too(photo, pixel_config):
    opened = Explorer(photo.image, pixel_config.replace(region="recursive", max_instances=8), depth=photo.depth)
    instances = opened.update().instances
    has = [instance.cut.source_side is not None for instance in instances]
    assert any(has)
    for place, instance in enumerate(instances):
        if has[place]:
            assert opened.knn_graph(place).num_kept(0.15) == instance.cut.num_edges
        else:
            with pytest.raises(InputError, match=f"Instance {place + 1} has no graph: "):
                opened.knn_network(place)


def test_the_affinity_graph_of_an_ncut_gives_its_eigenvalue_again(explorer):
    for number, partition in enumerate(explorer.results["segmentation", 0].bipartitions):
        found = explorer.affinity_network(number)
        assert len(found) == np.count_nonzero(~np.isnan(partition.eigenvector))
        for values in found.nodes.values():
            at = values["row"], values["column"]
            assert values["eigenvector"] == partition.eigenvector[at]
            assert values["foreground"] == partition.mask[at]
        weights = nx.to_numpy_array(found, nonedge=found.graph["epsilon"])
        np.fill_diagonal(weights, 1.0)
        scale = 1 / np.sqrt(weights.sum(axis=1))
        values = np.linalg.eigvalsh(scale[:, None] * weights * scale)
        assert 1 - values[-2] == pytest.approx(partition.eigenvalue, abs=1e-4)


@pytest.mark.parametrize("place", [-1, 99])
def test_what_is_not_there_is_said(explorer, place):
    with pytest.raises(InputError, match=f"no instance with the index {place}"):
        explorer.knn_network(place)
    with pytest.raises(InputError, match=f"no NCut with the index {place}"):
        explorer.affinity_network(place)


def test_before_the_first_run_there_is_no_graph(photo, pixel_config):
    with pytest.raises(InputError, match="call update"):
        Explorer(photo.image, pixel_config).knn_network()


def test_graphml_brings_every_attribute_back(explorer, tmp_path):
    weights = np.array([[1, 0.5, 1e-5], [0.5, 1, 0.25], [1e-5, 0.25, 1]], np.float32)
    named = {
        "row": np.arange(3),
        "eigenvector": np.array([0.5, -1.0, 0.1]),
        "foreground": np.array([True, False, True]),
    }
    for graph in (explorer.knn_network(), affinity_network(weights, named, epsilon=1e-5)):
        write_graphml(tmp_path / "graph.graphml", graph)
        read = nx.read_graphml(tmp_path / "graph.graphml", node_type=str)
        texts = nx.relabel_nodes(graph, {node: str(node) for node in graph})
        assert {node: read.nodes[node] for node in read} == {node: texts.nodes[node] for node in texts}
        assert read.graph["node_default"] == read.graph["edge_default"] == {}
        assert {name: read.graph[name] for name in graph.graph} == graph.graph
        assert {frozenset(e): d for *e, d in read.edges(data=True)} == {
            frozenset(e): d for *e, d in texts.edges(data=True)
        }


def test_a_file_that_cannot_be_written_is_one_sentence(explorer, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="could not be written"):
        write_graphml(tmp_path / "file" / "graph.graphml", explorer.knn_network())
