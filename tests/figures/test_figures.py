"""The figures have the data of the result, in either theme, with named axes."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from cuts3d import figures
from cuts3d.errors import ConfigError, InputError
from cuts3d.figures import colours
from cuts3d.io.overlays import label_map, outline
from cuts3d.method.depth_range import normalise_depth

MATRIX = np.array([[1.0, 0.25], [0.25, 1.0]])
COMPARED = SimpleNamespace(
    names=("one", "two"), mask_iou=MATRIX, depth_spearman=np.array([[np.nan, np.nan], [np.nan, 1.0]]), edge_f=MATRIX / 2
)


def affinities(explorer: Any) -> tuple[np.ndarray, np.ndarray, tuple[int, int]]:
    """Affinity maps of the first seed, before and after sharpening."""
    partition = explorer.results["ncut", 0]
    (row, column), grid = partition.seed, partition.mask.shape
    index = row * grid[1] + column
    maps = [explorer.results[stage, 0][index].reshape(grid) for stage in ("affinity", "sharpened")]
    return maps[0], maps[1], (row, column)


def histogram(explorer: Any, theme: Any) -> Any:
    before, after, _ = affinities(explorer)
    return figures.affinity_histogram_figure(before, after, 0.3, theme=theme)


def patch_map(explorer: Any, theme: Any) -> Any:
    shape = explorer.image.shape
    return figures.patch_affinity_figure(*affinities(explorer), shape, theme=theme)


MADE: dict[str, Callable[[Any, Any], Any]] = {
    "masks": lambda e, t: figures.masks_figure(e.results["segmentation", 0], theme=t),
    "depth": lambda e, t: figures.depth_figure(e.results["segmentation", 0], theme=t),
    "histogram": histogram,
    "patch": patch_map,
    "spectrum": lambda e, t: figures.spectrum_figure(e.spectrum(), theme=t),
    "eigenvectors": lambda e, t: figures.eigenvectors_figure(e.results["segmentation", 0], theme=t),
    "cloud": lambda e, t: figures.cloud_figure(e.results["segmentation", 0], theme=t),
    "sweep": lambda e, t: figures.confidence_sweep_figure(e.results["segmentation", 0], theme=t),
    "area": lambda e, t: figures.area_figure(e.results["segmentation", 0].confidences, theme=t),
    "training": lambda _, t: figures.training_figure({"loss": ([1, 2], [2.0, 1.0])}, theme=t),
    "agreement": lambda _, t: figures.agreement_figure(COMPARED, theme=t),  # pyright: ignore[reportArgumentType]
}


@pytest.mark.parametrize("name", MADE)
def test_every_figure_has_both_themes_and_the_same_data_in_each(name, explorer):
    light, dark = (MADE[name](explorer, theme) for theme in ("light", "dark"))
    assert light.layout.template == figures.figure_template("light")
    assert dark.layout.template == figures.figure_template("dark")
    assert light.layout.template.layout.paper_bgcolor != dark.layout.template.layout.paper_bgcolor
    documents = [figure.to_plotly_json() for figure in (light, dark)]
    for document in documents:
        del document["layout"]["template"]
    np.testing.assert_equal(*documents)  # only the template differs, so that a page can change it


@pytest.mark.parametrize("name", MADE)
def test_every_axis_that_has_numbers_is_named(name, explorer):
    figure = MADE[name](explorer, "light")
    layout = figure.layout
    if name == "cloud":
        assert [layout.scene[axis].title.text for axis in ("xaxis", "yaxis", "zaxis")] == [
            "x, right",
            "depth z, away",
            "y, down",
        ]
        return
    for key in layout:
        if key.startswith(("xaxis", "yaxis")) and layout[key].showticklabels is not False:
            assert layout[key].title.text, key


def test_an_unknown_theme_is_refused():
    with pytest.raises(ConfigError, match="Unknown theme 'pink'"):
        figures.figure_template("pink")  # pyright: ignore[reportArgumentType]


def test_without_plotly_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "plotly.graph_objects", None)
    with pytest.raises(ConfigError, match=r"pip install \"cuts3d\[figures\]\""):
        figures.training_figure({"loss": ([1], [1.0])})


def test_masks_are_those_of_the_result(result):
    figure = figures.masks_figure(result)
    labels = next(trace for trace in figure.data if trace.name == "labels")
    expected = label_map(result)
    assert labels.z.shape == expected.shape  # the drawn photo is small enough to be shown whole
    np.testing.assert_array_equal(np.nan_to_num(labels.z), expected)
    names = [trace.name for trace in figure.data if trace.type == "scatter"]
    assert names[0] == f"1: score {result.instances[0].score:.2f}, confidence {result.instances[0].mean_confidence:.2f}"
    assert len(names) == len(result.instances)
    assert outline(result.instances[0].mask).any()


def test_depth_and_importance_are_those_of_the_result(explorer, result):
    depth, importance = figures.depth_figure(result).data
    np.testing.assert_array_equal(depth.z, normalise_depth(result.depth, clip_percent=explorer.config.cloud.depth_clip))
    np.testing.assert_array_equal(depth.customdata, result.depth.values)
    np.testing.assert_array_equal(importance.z, result.importance)
    assert (importance.zmin, importance.zmax) == (explorer.config.importance.beta, 1)
    height, width = depth.z.shape
    assert depth.dx == pytest.approx(1 / max(height, width))


def test_without_sharpening_the_figure_says_so(explorer):
    figure = figures.depth_figure(explorer.update(sharpen=False))
    assert len(figure.data) == 1
    assert any("no sharpening" in note.text for note in figure.layout.annotations)


def test_the_histogram_counts_every_patch_and_has_tau_to_drag(explorer):
    before, after, _ = affinities(explorer)
    figure = figures.affinity_histogram_figure(before, after, 0.3)
    for trace, values in zip(figure.data, (before, after), strict=True):
        np.testing.assert_array_equal(trace.customdata, np.histogram(values, 50, (0, 1))[0])
        np.testing.assert_allclose(trace.y**2, trace.customdata)
        assert f"{100 * float((values > 0.3).mean()):.1f} % linked" in trace.name
    (tau,) = figure.layout.shapes
    assert (tau.name, tau.x0, tau.x1, tau.editable) == ("tau_ncut", 0.3, 0.3, True)
    assert figure.layout.meta["after"] == pytest.approx(np.sort(after.ravel()), abs=1e-4)
    assert not figures.affinity_histogram_figure(before, after, 0.3, editable=False).layout.shapes[0].editable


def test_the_maps_of_a_patch_show_both_affinities_and_the_patch(explorer):
    before, after, patch = affinities(explorer)
    figure = figures.patch_affinity_figure(before, after, patch, explorer.image.shape)
    maps = [trace for trace in figure.data if trace.type == "heatmap"]
    np.testing.assert_array_equal(maps[0].z, before)
    np.testing.assert_array_equal(maps[1].z, after)
    ring = figure.data[1]
    assert ring.x[0] == pytest.approx(maps[0].x0 + patch[1] * maps[0].dx)
    assert ring.y[0] == pytest.approx(maps[0].y0 + patch[0] * maps[0].dy)
    with pytest.raises(InputError, match="must lie on one grid"):
        figures.patch_affinity_figure(before, after, (9999, 0), explorer.image.shape)


def test_the_spectrum_marks_the_cut_and_the_gap(explorer):
    values = explorer.spectrum()
    figure = figures.spectrum_figure(values)
    others, cut = figure.data
    assert (list(cut.x), list(cut.y)) == ([2], [values[1]])
    np.testing.assert_array_equal(others.y, np.delete(values, 1))
    (gap,) = figure.layout.shapes
    assert (gap.y0, gap.y1) == (values[1], values[2])
    with pytest.raises(InputError, match="at least two"):
        figures.spectrum_figure([0.0])


def test_eigenvectors_are_centred_on_the_threshold_of_b(result):
    figure = figures.eigenvectors_figure(result)
    maps = [trace for trace in figure.data if trace.type == "heatmap"]
    borders = [trace for trace in figure.data if trace.type == "contour"]
    assert len(maps) == len(result.bipartitions)
    for trace, border, partition in zip(maps, borders, result.bipartitions, strict=True):
        np.testing.assert_array_equal(trace.z, partition.eigenvector)
        assert (trace.zmin + trace.zmax) / 2 == pytest.approx(float(np.nanmean(partition.eigenvector)), abs=1e-9)
        np.testing.assert_array_equal(border.z, partition.mask)
    assert len([t for t in figures.eigenvectors_figure(result, most=1).data if t.type == "heatmap"]) == 1


def test_the_sweep_has_a_panel_per_threshold_and_the_mean_last(result):
    sweep, mask = result.confidences[1], result.instances[1].cut.mask
    *maps, mean = figures.confidence_sweep_figure(result, 1).data
    assert len(maps) == len(sweep.taus)
    for trace, cut, tau in zip(maps, sweep.cuts, sweep.taus, strict=True):
        np.testing.assert_array_equal(np.isfinite(trace.z), cut)
        np.testing.assert_allclose(trace.z[cut], sweep.cuts.mean(axis=0)[cut], rtol=1e-6)
        assert trace.name == f"τ_knn {tau:.3f}: {100 * cut.mean():.1f} %"
    np.testing.assert_array_equal(mean.z[mask], sweep.values[mask])
    assert np.isnan(mean.z[~mask]).all()
    with pytest.raises(InputError, match="no instance with the index 9"):
        figures.confidence_sweep_figure(result, 9)


def test_areas_are_those_of_the_cuts_in_the_colours_of_the_instances(result):
    figure = figures.area_figure(result.confidences)
    lines = [trace for trace in figure.data if trace.name]
    for index, (trace, sweep) in enumerate(zip(lines, result.confidences, strict=True)):
        np.testing.assert_allclose(trace.y, 100 * sweep.cuts.mean(axis=(1, 2)))
        np.testing.assert_array_equal(trace.x, sweep.taus)
        assert trace.line.color == colours.css_colour(colours.instance_rgb(index))
    assert figure.layout.shapes[0].x0 == result.confidences[0].taus[-1]
    with pytest.raises(InputError, match="no instance was found"):
        figures.area_figure([])


def test_long_training_curves_are_means_of_equally_many_steps():
    steps, values = np.arange(1, 1001), np.linspace(3, 1, 1000)
    (line,) = figures.training_figure({"run": (steps, values)}, end=2000).data
    assert line.x.size == 200
    assert line.y[0] == pytest.approx(values[:5].mean())
    assert line.y.mean() == pytest.approx(values.mean())
    with pytest.raises(InputError, match="2 steps but 1 values"):
        figures.training_figure({"run": ([1, 2], [3.0])})


def test_metrics_become_lines():
    lines = figures.metric_lines([{"step": 1, "loss": 2.0}, {"step": 2, "loss": 1.5, "rpn": 1.0}], ["loss", "rpn"])
    np.testing.assert_array_equal(lines["loss"], [[1, 2], [2.0, 1.5]])
    np.testing.assert_array_equal(lines["rpn"], [[2], [1.0]])
    with pytest.raises(InputError, match="No step has the metric 'mask'; there are: loss"):
        figures.metric_lines([{"step": 1, "loss": 2.0}], ["mask"])


def test_agreement_shows_the_matrices_and_leaves_out_what_does_not_exist():
    figure = figures.agreement_figure(COMPARED)  # pyright: ignore[reportArgumentType]
    masks, depth, edges = figure.data
    np.testing.assert_array_equal(masks.z, MATRIX)
    np.testing.assert_array_equal(edges.z, MATRIX / 2)
    np.testing.assert_array_equal(depth.text, [["", ""], ["", "1.00"]])
    assert (depth.zmin, depth.zmax) == (-1, 1)
