"""All stages of one photo as one HTML page that opens offline: Plotly's script is in it once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from typing import TYPE_CHECKING, Any, get_args

from cuts3d.errors import InputError
from cuts3d.figures.affinity import affinity_histogram_figure, patch_affinity_figure
from cuts3d.figures.cloud import cloud_figure
from cuts3d.figures.confidence import area_figure, confidence_sweep_figure
from cuts3d.figures.depth import depth_figure
from cuts3d.figures.ncut import eigenvectors_figure, spectrum_figure
from cuts3d.figures.notebook import segmentation_html
from cuts3d.figures.report_page import PAGE, SECTION
from cuts3d.figures.templates import Theme, figure_template, graph_objects

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from cuts3d.run.explorer import Explorer
    from cuts3d.types import Segmentation

MOST_SWEEPS = 6  # instances whose sweep is shown


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Section:
    """A part of the report: its heading, a sentence on what to look at, and its figure."""

    title: str
    text: str
    figure: go.Figure


def report_html(explorer: Explorer, *, title: str) -> str:
    """The report of the last run of an open photo.

    Args:
        explorer: An open photo after a complete run (`Explorer.update`).
        title: Name of the photo.

    Returns:
        HTML; it loads nothing from anywhere.

    Raises:
        ConfigError: Plotly is not installed.
        InputError: The photo has not been segmented yet.
    """
    graph_objects()  # says what is missing
    from plotly.offline import get_plotlyjs

    if ("segmentation", 0) not in explorer.results:
        raise InputError("A report needs a complete run: call explorer.update() first.")
    result = explorer.results["segmentation", 0]
    sections = list(report_sections(explorer))
    templates = {theme: figure_template(theme).to_plotly_json() for theme in get_args(Theme)}
    notes = "".join(f"<p class='note'>{escape(note)}</p>" for note in explorer.inputs.notes)
    return PAGE.substitute(
        title=escape(title),
        notes=notes,
        masks=segmentation_html(result),
        sections="".join(
            SECTION.substitute(title=escape(s.title), text=escape(s.text), height=s.figure.layout.height or 400)
            for s in sections
        ),
        config=escape(json.dumps(explorer.config.to_dict(), indent=1, ensure_ascii=False)),
        charts=_safe_json(f"[{','.join(_without_template(s.figure) for s in sections)}]"),
        templates=_safe_json(_plotly_json(templates)),
        plotly=get_plotlyjs(),
    )


def report_sections(explorer: Explorer) -> Iterator[Section]:
    """The stages in the order of the method."""
    result, config = explorer.results["segmentation", 0], explorer.config
    yield Section(
        title="Depth and spatial importance",
        text="Near is bright; importance is high where depth has an edge.",
        figure=depth_figure(result),
    )
    yield from _affinity_sections(explorer, result)
    yield Section(
        title="Spectrum of the first normalised cut",
        text="A small λ₂ with a large gap after it: the graph falls into two parts by a clear cut.",
        figure=spectrum_figure(explorer.spectrum()),
    )
    yield Section(
        title="Eigenvectors and bipartitions",
        text="The white line is the border of B, where the eigenvector crosses its mean; the ring is the seed.",
        figure=eigenvectors_figure(result),
    )
    yield Section(
        title="Cut in 3D",
        text="Drag to turn. The list has the layers of all stages; the slider of the partition moves τ_knn.",
        figure=cloud_figure(result),
    )
    if not result.instances:
        return
    yield Section(
        title="Area against τ_knn",
        text="Where a line is flat, the mask does not depend on τ_knn.",
        figure=area_figure(result.confidences, tau_knn=config.local_cut.tau_knn),
    )
    count = len(result.instances)
    for index in range(min(count, MOST_SWEEPS)):
        left = f" The first {MOST_SWEEPS} of {count} instances are shown." if count > MOST_SWEEPS else ""
        yield Section(
            title=f"Confidence of instance {index + 1}",
            text=f"What the cut at each τ_knn keeps, and how many of the cuts keep it; their mean is last.{left}",
            figure=confidence_sweep_figure(result, index),
        )


def _affinity_sections(explorer: Explorer, result: Segmentation) -> Iterator[Section]:
    """The affinity of the seed of the first NCut."""
    (row, column), grid = result.bipartitions[0].seed, result.features.grid_shape
    index = row * grid[1] + column
    before, after = (explorer.results[stage, 0][index].reshape(grid) for stage in ("affinity", "sharpened"))
    yield Section(
        title="Affinity of the first seed",
        text="Similarity of every patch to the ringed one. Sharpening raises it to a power: it falls at depth edges.",
        figure=patch_affinity_figure(before, after, (row, column), result.image.shape),
    )
    yield Section(
        title="Distribution of these affinities",
        text="Patches right of τ_ncut are linked. Drag the line: the percentages follow, the masks do not.",
        figure=affinity_histogram_figure(before, after, explorer.tau_ncut),
    )


def _without_template(figure: go.Figure) -> str:
    """A figure as JSON without its template, which the page has once for each theme."""
    document = figure.to_plotly_json()
    document["layout"].pop("template", None)
    return _plotly_json(document)


def _plotly_json(document: Any) -> str:
    from plotly.io.json import to_json_plotly

    return str(to_json_plotly(document))


def _safe_json(text: str) -> str:
    """JSON that cannot end the script element that contains it."""
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")
