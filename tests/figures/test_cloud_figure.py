"""The figure of the point cloud: points, layers, slider, terminals."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cuts3d.errors import InputError
from cuts3d.figures import cloud_figure
from cuts3d.figures.colours import instance_rgb
from cuts3d.grids import fit_longer_side, resize_mask, sample_map
from cuts3d.io.overlays import label_map
from cuts3d.method.depth_range import normalise_depth

LAYERS = ["photo", "depth", "eigenvector", "bipartition", "partition", "confidence", "instances"]


@pytest.fixture
def figure(explorer, result) -> Any:
    return cloud_figure(result, instance=1)


def change_of(figure: Any, name: str) -> dict[str, Any]:
    """What a choice of the drop-down changes of the points."""
    return next(b for b in figure.layout.updatemenus[0].buttons if b.name == name).args[0]


def test_the_points_are_those_of_the_depth(figure, explorer, result):
    points = figure.data[0]
    shape = fit_longer_side(result.image.shape, 160)
    z = sample_map(normalise_depth(result.depth, clip_percent=explorer.config.cloud.depth_clip), shape)
    np.testing.assert_allclose(points.y, z.ravel(), atol=1e-6)
    assert (points.x.min(), points.x.max()) == pytest.approx((0.5 / shape[1], 1 - 0.5 / shape[1]))
    assert figure.layout.uirevision == figure.layout.scene.uirevision == "cloud"
    assert figure.layout.scene.zaxis.autorange == "reversed"  # y points down, as in the photo


def test_every_stage_has_a_layer_in_the_drop_down(figure):
    assert [button.name for button in figure.layout.updatemenus[0].buttons] == LAYERS
    menu = figure.layout.updatemenus[0]
    assert menu.buttons[menu.active].name == "instances"
    np.testing.assert_array_equal(figure.data[0].marker.color, change_of(figure, "instances")["marker.color"][0])


def test_layers_have_the_values_of_the_result(figure, result):
    shape = fit_longer_side(result.image.shape, 160)
    chosen = result.instances[1]
    partition = result.bipartitions[chosen.ncut]
    expected = {
        "eigenvector": sample_map(partition.eigenvector, shape).astype(np.float32),
        "bipartition": resize_mask(partition.mask, shape),
        "instances": label_map(result),
    }
    for name, values in expected.items():
        np.testing.assert_array_equal(change_of(figure, name)["customdata"][0], np.asarray(values).ravel())
    confidence = np.asarray(change_of(figure, "confidence")["customdata"][0])
    covered = np.any([resize_mask(one.coarse_mask, shape) for one in result.instances], axis=0).ravel()
    np.testing.assert_array_equal(np.isfinite(confidence), covered)


def test_the_colours_of_numbers_follow_their_scale_and_unknown_values_are_grey(figure):
    change = change_of(figure, "confidence")
    values, index = np.asarray(change["customdata"][0]), np.asarray(change["marker.color"][0])
    assert set(index[np.isnan(values)]) == {0}
    known = np.isfinite(values)
    np.testing.assert_array_equal(index[known], 1 + np.rint(values[known] * 254))
    scale = change["marker.colorscale"][0]
    assert len(scale) == 256
    assert scale[0][1] == "rgb(128,128,128)"
    assert change["marker.showscale"] == [True]


def test_the_slider_shows_the_partition_at_each_threshold(figure, result):
    sweep, cut = result.confidences[1], result.instances[1].cut
    shape = fit_longer_side(result.image.shape, 160)
    (slider,) = figure.layout.sliders
    assert [step.label for step in slider.steps] == [f"{tau:.3f}" for tau in sweep.taus]
    for step, one in zip(slider.steps, sweep.cuts, strict=True):
        labels = np.where(resize_mask(one, shape), 2, resize_mask(cut.region, shape))
        np.testing.assert_array_equal(step.args[0]["customdata"][0], labels.ravel())
        assert step.args[1]["updatemenus[0].active"] == LAYERS.index("partition")
        assert list(step.args[2]) == [0]
    assert slider.visible is False  # another layer is shown first
    red, green, blue = instance_rgb(1)
    assert f"rgb({red},{green},{blue})" in slider.steps[0].args[1]["annotations[0].text"]


def test_the_photo_keeps_its_colours(figure, result):
    change = change_of(figure, "photo")
    scale = np.array([[int(c) for c in text[4:-1].split(",")] for _, text in change["marker.colorscale"][0]])
    shown = scale[np.asarray(change["marker.color"][0])]
    assert np.abs(shown - result.image.reshape(-1, 3).astype(int)).mean() < 6


def test_sources_and_sinks_lie_on_their_cells(figure, result):
    cut, points = result.instances[1].cut, result.cloud.points
    source, sink = figure.data[1:]
    for trace, cells in ((source, cut.sources), (sink, cut.sinks)):
        np.testing.assert_array_equal(trace.customdata, cells)
        np.testing.assert_allclose(trace.x, points[cells, 0], atol=1e-6)
        np.testing.assert_allclose(trace.z, points[cells, 1], atol=1e-6)


def test_a_photo_without_instances_has_the_layers_that_exist(explorer):
    result = explorer.update(min_area=0.5)
    figure = cloud_figure(result)
    names = [button.name for button in figure.layout.updatemenus[0].buttons]
    assert not result.instances
    assert names == [name for name in LAYERS if name in ("photo", "depth", "eigenvector", "bipartition")]
    assert not figure.layout.sliders
    with pytest.raises(InputError, match="no instance with the index 1"):
        cloud_figure(result, instance=1)
