"""Facts of the graph of a cut, held to NetworkX."""

from __future__ import annotations

import networkx as nx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cuts3d import Explorer
from cuts3d.method.graph_facts import GraphFacts, bridges, graph_facts


@given(seed=st.integers(0, 2**32 - 1), nodes=st.integers(2, 60), density=st.floats(0.0, 2.0))
@settings(max_examples=300, deadline=None)
def test_bridges_are_those_of_networkx(seed, nodes, density):
    rng = np.random.default_rng(seed)
    tree = [(int(rng.integers(0, n)), n) for n in range(1, nodes)]
    more = rng.integers(0, nodes, (int(density * nodes), 2)).tolist()
    names = rng.permutation(nodes + 5)  # some nodes of the whole graph are not in the component
    pairs = {(min(i, j), max(i, j)) for i, j in [*tree, *map(tuple, more)] if i != j}
    edges = np.array([(names[i], names[j]) for i, j in sorted(pairs)], dtype=np.int32)
    found = {frozenset(edges[place].tolist()) for place in bridges(edges, nodes + 5, int(names[0]))}
    assert found == {frozenset(pair) for pair in nx.bridges(nx.Graph(edges.tolist()))}


def test_a_long_chain_has_bridges_alone_and_a_circle_none():
    chain = np.stack([np.arange(20_000), np.arange(1, 20_001)], axis=1)
    assert len(bridges(chain, 20_001, 7)) == 20_000
    circle = np.concatenate([chain, [[0, 20_000]]])
    assert len(bridges(circle, 20_001, 7)) == 0


def test_a_component_without_links_has_no_bridges():
    assert bridges(np.empty((0, 2), np.int32), 5, 3).shape == (0,)


@pytest.fixture
def opened(photo, pixel_config) -> Explorer:
    explorer = Explorer(photo.image, pixel_config.replace(depth_scale=1.0, tau_knn=0.12), depth=photo.depth)
    explorer.update()
    return explorer


def facts_of(explorer: Explorer, instance: int) -> GraphFacts:
    cut = explorer.results["segmentation", 0].instances[instance].cut
    return graph_facts(explorer.knn_graph(instance), cut, explorer.config.local_cut)


@pytest.mark.parametrize("instance", [0, 1])
def test_facts_are_those_of_the_networkx_graph(opened, instance):
    facts, network = facts_of(opened, instance), opened.knn_network(instance)
    network.remove_nodes_from(["source", "sink"])
    sizes = [len(part) for part in nx.connected_components(network)]
    assert (facts.nodes, facts.links) == (network.number_of_nodes(), network.number_of_edges())
    assert facts.all_links == len(opened.knn_graph(instance).edges) >= facts.links > 0
    assert (facts.components, facts.single_points) == (sum(s > 1 for s in sizes), sizes.count(1))
    side = nx.get_node_attributes(network, "source_side")
    crossing = [link for i, j, link in network.edges(data=True) if side[i] != side[j]]
    np.testing.assert_array_equal(facts.cut_lengths, sorted(link["length"] for link in crossing))
    assert facts.flow == pytest.approx(sum(link["capacity"] for link in crossing) / network.graph["capacity_scale"])
    np.testing.assert_allclose(sorted(facts.cut_capacities), sorted(link["weight"] for link in crossing))
    part = network.subgraph(
        nx.node_connected_component(network, int(opened.results["segmentation", 0].instances[instance].cut.sources[0]))
    )
    np.testing.assert_array_equal(facts.bridges, sorted(part.edges[pair]["length"] for pair in nx.bridges(part)))


def test_without_a_path_nothing_is_cut(photo, pixel_config):
    explorer = Explorer(photo.image, pixel_config.replace(tau_knn=0.03), depth=photo.depth)
    explorer.update()
    facts = facts_of(explorer, 0)
    assert not facts.joined
    assert facts.flow == 0
    assert len(facts.cut_lengths) == 0
