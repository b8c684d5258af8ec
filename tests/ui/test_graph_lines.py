"""The words about the graph of a cut."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from cuts3d.method.graph_facts import GraphFacts
from ui.draw.graph_lines import graph_lines

FACTS = GraphFacts(
    nodes=1156,
    all_links=9000,
    links=8000,
    components=3,
    single_points=1,
    joined=True,
    cut_lengths=np.array([0.02, 0.05, 0.11]),
    cut_capacities=np.array([0.9, 0.5, 0.013]),
    flow=1.413,
    bridges=np.array([0.04, 0.1]),
)


def test_every_fact_has_its_words():
    assert graph_lines(FACTS, 0.115).splitlines() == [
        "- 1,156 points, 8,000 links; τ_knn 0.115 removed 1,000 longer ones",
        "- 3 components of two or more points, 1 single point",
        "- 3 links of length 0.020 to 0.110 cut, flow 1.41; the weakest has the capacity 0.013",
        "- 2 bridges in the component of the source, the longest of length 0.100: without a bridge the component falls "
        "in two",
    ]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"joined": False, "flow": 0.0, "cut_lengths": np.empty(0), "cut_capacities": np.empty(0)}, "no link is cut"),
        ({"bridges": np.empty(0)}, "no bridge"),
        ({"components": 1}, "1 component of two"),
    ],
)
def test_what_is_not_there_is_said(change, words):
    assert words in graph_lines(dataclasses.replace(FACTS, **change), 0.1)
