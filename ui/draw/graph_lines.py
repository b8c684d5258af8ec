"""The facts of the graph of a cut, as lines of Markdown."""

from __future__ import annotations

import numpy as np

from cuts3d.method.graph_facts import GraphFacts


def graph_lines(facts: GraphFacts, tau_knn: float) -> str:
    """One line for the size of the graph, its components, the cut, and the links that nothing replaces."""
    removed = facts.all_links - facts.links
    lines = [
        f"{facts.nodes:,} points, {facts.links:,} links; τ_knn {tau_knn:g} removed {removed:,} longer ones",
        f"{_count(facts.components, 'component')} of two or more points, {_count(facts.single_points, 'single point')}",
        _cut(facts),
        _bridges(facts),
    ]
    return "\n".join(f"- {line}" for line in lines)


def _cut(facts: GraphFacts) -> str:
    if not facts.joined:
        return "truncation alone separates source and sink: no link is cut, the flow is 0"
    count, lengths = len(facts.cut_lengths), facts.cut_lengths
    ends = f" of length {lengths[0]:.3f} to {lengths[-1]:.3f}" if count else ""
    weakest = f"; the weakest has the capacity {float(np.min(facts.cut_capacities)):.3g}" if count else ""
    return f"{_count(count, 'link')}{ends} cut, flow {facts.flow:.3g}{weakest}"


def _bridges(facts: GraphFacts) -> str:
    if not len(facts.bridges):
        return "no bridge in the component of the source: every link lies on a circle"
    return (
        f"{_count(len(facts.bridges), 'bridge')} in the component of the source, the longest of length "
        f"{facts.bridges[-1]:.3f}: without a bridge the component falls in two"
    )


def _count(number: int, thing: str) -> str:
    return f"{number:,} {thing}{'' if number == 1 else 's'}"
