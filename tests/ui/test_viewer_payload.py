"""The viewer's payload: what the browser unpacks is what Python packed."""

from __future__ import annotations

import base64
import io
import json
import re
import zlib
from typing import Any

import numpy as np
import pytest
from at_defaults import back_project, k_nearest_graph, normalise_depth
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from cuts3d.config import CutS3DConfig
from cuts3d.scenes import make_scene
from cuts3d.types import KnnGraph, LocalCut, SpatialConfidence
from ui.viewer import (
    ColourScale,
    Layer,
    ShownCut,
    base_payload,
    cloud_shape,
    label_layer,
    layers_payload,
    link_sample,
    partition_layers,
    scalar_layer,
    standalone_html,
    viewer,
)
from ui.viewer.links import MAX_LINKS
from ui.viewer.photo_cloud import decode_depth, dense_depth, encode_depth

GREYS = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)
GRID = (20, 30)
SCALE = ColourScale(colours=GREYS)


def unpack(text: str, kind: str = "u1") -> np.ndarray:
    return np.frombuffer(zlib.decompress(base64.b64decode(text)), dtype=kind)


def flat_graph(k: int = 24) -> KnnGraph:
    return k_nearest_graph(back_project(np.zeros(GRID), GRID), k_neighbors=k)


def half_mask() -> np.ndarray:
    mask = np.zeros(GRID, dtype=bool)
    mask[:, :15] = True
    return mask


def shown_cut() -> ShownCut:
    mask = half_mask()
    cut = LocalCut(
        mask=mask,
        region=np.ones(GRID, dtype=bool),
        sources=np.array([31]),
        sinks=np.array([59]),
        flow=1.0,
        connected=True,
        num_edges=1,
    )
    cuts = np.stack([np.roll(mask, -5, axis=1) & mask, mask])
    sweep = SpatialConfidence(values=np.ones(GRID, np.float32), cuts=cuts, taus=np.array([0.05, 0.115]), mean=1.0)
    return ShownCut(index=0, cut=cut, confidence=sweep, graph=flat_graph())


def sweep_payload() -> dict[str, Any]:
    layers = [scalar_layer("x", "X", np.zeros((2, 2)), SCALE)]
    return layers_payload(layers, grid=(10, 15), config=CutS3DConfig(), patch=(3, 4), shown=shown_cut())


@given(st.integers(1, 40), st.integers(1, 40), st.integers(0, 2**31))
def test_depth_survives_packing_exactly(height: int, width: int, seed: int) -> None:
    depth = np.random.default_rng(seed).integers(0, 65536, (height, width)).astype(np.uint16)
    np.testing.assert_array_equal(decode_depth(encode_depth(depth), (height, width)), depth)


def test_base_depth_is_z_within_one_step() -> None:
    scene = make_scene("two boxes", size=(120, 160), oversample=1)
    z = normalise_depth(scene.depth_map)
    base = base_payload(scene.image, z, photo_id="a")
    assert base["shape"] == [120, 160]
    depth = decode_depth(base["depth"], (120, 160)) / 65535
    assert np.abs(depth - z).max() <= 1 / 65535


def test_base_photo_is_a_webp_of_the_clouds_shape() -> None:
    base = base_payload(np.full((900, 600, 3), 77, np.uint8), np.zeros((10, 10)), photo_id="a")
    assert base["shape"] == [480, 320]
    with Image.open(io.BytesIO(base64.b64decode(base["photo"].removeprefix("data:image/webp;base64,")))) as photo:
        assert (photo.format, photo.size) == ("WEBP", (320, 480))


@given(st.integers(1, 5000), st.integers(1, 5000))
def test_a_cloud_never_has_more_than_230400_points(height: int, width: int) -> None:
    h, w = cloud_shape((height, width))
    assert 1 <= h <= min(480, height)
    assert 1 <= w <= min(480, width)


def test_enlarged_depth_keeps_edges_and_smooths_surfaces() -> None:
    edge = np.zeros((8, 8))
    edge[:, 4:] = 1.0
    assert set(np.unique(dense_depth(edge, (80, 80)))) == {0.0, 1.0}
    ramp = np.tile(np.linspace(0, 0.1, 8), (8, 1))
    assert np.unique(dense_depth(ramp, (80, 80))).size > 40


def test_scalar_layer_spans_its_range_and_keeps_nan_transparent() -> None:
    layer = scalar_layer("x", "X", np.array([[np.nan, 0.0, 0.5, 1.0, 9.0]]), SCALE, opacity=1.0)
    assert layer.values.tolist() == [[0, 1, 128, 255, 255]]
    assert layer.palette[0, 3] == 0
    assert layer.palette[1].tolist() == [0, 0, 0, 255]
    assert layer.palette[255].tolist() == [255, 255, 255, 255]


def test_scalar_layer_of_a_constant_is_finite() -> None:
    scale = ColourScale(colours=GREYS, low=3, high=3)
    assert scalar_layer("x", "X", np.full((2, 2), 3.0), scale).values.max() == 1


def test_label_layer_shows_the_photo_where_there_is_none() -> None:
    colours = np.array([[255, 0, 0], [0, 255, 0]], np.uint8)
    layer = label_layer("m", "Masks", np.array([[0, 1, 2]]), colours, ["first", "second"], opacity=0.5)
    assert layer.palette.tolist() == [[20, 24, 32, 0], [255, 0, 0, 128], [0, 255, 0, 128]]
    assert layer.legend == [("first", 1), ("second", 2)]


@pytest.mark.parametrize("labels", [[[3]], [[-1]]])
def test_label_without_a_colour_is_refused(labels: list[list[int]]) -> None:
    with pytest.raises(ValueError, match="between 0 and 2"):
        label_layer("m", "Masks", np.array(labels), GREYS[:2], ["a", "b"])


def test_layer_payload_is_json_and_decodes() -> None:
    values = np.arange(12, dtype=np.uint8).reshape(3, 4)
    layer = Layer(name="n", title="t", values=values, palette=np.zeros((12, 4), np.uint8), legend=[("a", 1)])
    sent = json.loads(json.dumps(layer.payload()))
    np.testing.assert_array_equal(unpack(sent["data"]).reshape(sent["shape"]), values)
    assert len(base64.b64decode(sent["palette"])) == 48


def test_partitions_separate_cut_rest_and_outside() -> None:
    region = half_mask()
    cut = region & (np.arange(30) < 5)
    (layer,) = partition_layers(np.array([0.1]), cut[None], region)
    assert (layer.group, layer.tau) == ("partition", 0.1)
    np.testing.assert_array_equal(layer.values, np.where(cut, 2, region))


def test_payload_has_layers_then_one_partition_for_each_threshold() -> None:
    sent = sweep_payload()
    assert [(layer["group"], layer["tau"]) for layer in sent["layers"]] == [
        ("", None),
        ("partition", 0.05),
        ("partition", 0.115),
    ]
    assert (sent["sources"], sent["sinks"], sent["patch"]) == ([[1, 1]], [[1, 29]], [3, 4])
    assert sent["tau_knn"] == CutS3DConfig().local_cut.tau_knn


def test_payload_without_an_instance_has_all_keys() -> None:
    sent = layers_payload([], grid=(4, 4), config=CutS3DConfig())
    assert (sent["layers"], sent["edges"], sent["region"], sent["patch"]) == ([], None, None, None)
    assert (sent["sources"], sent["sinks"], sent["cut_grid"]) == ([], [], [4, 4])
    assert set(sent) == set(sweep_payload())
    json.dumps(sent)


def test_payload_is_deterministic() -> None:
    assert json.dumps(sweep_payload()) == json.dumps(sweep_payload())


def test_the_number_of_links_is_limited_and_half_of_them_cross_the_border() -> None:
    graph, mask = flat_graph(k=96), half_mask()
    pairs, lengths = link_sample(graph, mask, tau_knn=1.0, limit=400)
    across = mask.ravel()[pairs[:, 0]] != mask.ravel()[pairs[:, 1]]
    assert len(pairs) == len(lengths) == 400
    assert np.count_nonzero(across) == 200
    assert len(link_sample(graph, mask, tau_knn=1.0)[0]) == MAX_LINKS


def test_links_are_the_graphs_own_with_their_lengths() -> None:
    graph = flat_graph()
    known = {(int(i), int(j)): d for (i, j), d in zip(graph.edges, graph.lengths, strict=True)}
    pairs, lengths = link_sample(graph, half_mask(), tau_knn=0.05)
    assert len(pairs)
    for (i, j), length in zip(pairs, lengths, strict=True):
        assert known[int(i), int(j)] == length


def test_links_that_are_never_visible_are_left_out() -> None:
    graph, mask = flat_graph(), half_mask()
    pairs, lengths = link_sample(graph, mask, tau_knn=0.05)
    across = mask.ravel()[pairs[:, 0]] != mask.ravel()[pairs[:, 1]]
    assert (across | (lengths <= 0.05)).all()
    pairs, _ = link_sample(graph, mask, mask, tau_knn=0.05)
    assert (mask.ravel()[pairs[:, 0]] | mask.ravel()[pairs[:, 1]]).all()


def test_the_length_decides_whether_a_crossing_link_is_cut_or_too_long() -> None:
    """The browser decides so: across and within τ cut, across and longer too long; both kinds must be there."""
    sent = sweep_payload()
    pairs = unpack(sent["edges"]["pairs"], "<u4").reshape(-1, 2)
    lengths = unpack(sent["edges"]["lengths"], "<f4")
    assert len(pairs) == len(lengths) <= MAX_LINKS
    for layer in sent["layers"][1:]:
        cut = unpack(layer["data"]) == 2
        across = cut[pairs[:, 0]] != cut[pairs[:, 1]]
        assert (across & (lengths <= layer["tau"])).any()
    tight = unpack(sent["layers"][1]["data"]) == 2
    assert ((tight[pairs[:, 0]] != tight[pairs[:, 1]]) & (lengths > 0.05)).any()


def small_page(title: str) -> str:
    base = base_payload(np.zeros((6, 8, 3), np.uint8), np.zeros((6, 8)), photo_id="</script><b>")
    return standalone_html(base, sweep_payload(), title=title)


def test_standalone_page_needs_no_network() -> None:
    page = small_page("A photo")
    assert not re.search(r"https?://|//cdn|@import|<link|\ssrc=|import\s*\(", page)


def test_standalone_page_cannot_be_broken_by_names() -> None:
    page = small_page("</title><script>alert(1)</script>")
    assert page.count("</script>") == page.count("<script>") == 1
    assert "&lt;/title&gt;" in page


def test_component_is_static_markup_that_gradio_does_not_template() -> None:
    config = viewer().get_config()
    for text in (config["html_template"], config["css_template"]):
        assert not re.search(r"\$\{|\{\{|`|@children", text)
    assert "trigger(" in config["js_on_load"]
    assert viewer().select is not None
