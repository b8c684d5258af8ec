"""Tabs: each draws whatever is there at any moment of a run, and says what is true of it."""

from __future__ import annotations

import dataclasses
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from cuts3d.grids import iou
from cuts3d.method.graph_facts import graph_facts
from cuts3d.run.explorer import Explorer
from ui.draw import card, mask_pictures
from ui.session.drawing import Drawing
from ui.session.sessions import Session, Source, View
from ui.tabs import TABS, affinity, cloud, confidence, instances, methods, ncut, pipeline

DRAWS = {tab.id: tab.draw for tab in TABS}
SHAPE = (6, 8)
MASKS = hnp.arrays(np.bool_, SHAPE)


@pytest.fixture
def explorer(photo, pixel_config) -> Explorer:
    return Explorer(photo.image, pixel_config, depth=photo.depth)


@pytest.fixture
def session(explorer) -> Session:
    explorer.update()
    h, w = explorer.results["features", 0].grid_shape
    return Session(explorer, Source(title="squares", path="squares.png"), explorer.depth, View(patch=(h // 2, w // 2)))


def drawn(session: Session, tab: str) -> dict[str, Any]:
    drawing = Drawing(session)
    DRAWS[tab](drawing)
    return drawing.update


def states(explorer: Explorer) -> Iterator[str]:
    """Every moment of a run, by what was finished last."""
    for step in explorer.stages():
        yield f"{step.stage} {step.index}"


@pytest.mark.parametrize("tab", DRAWS)
def test_a_tab_can_be_drawn_at_any_moment_of_a_run(explorer, tab):
    seen: set[str] = set()
    count = 0
    for _ in states(explorer):
        count += 1
        session = Session(explorer, Source(title="squares"), explorer.depth, View(patch=(0, 0)))
        seen |= set(drawn(session, tab))
    assert count > 12
    assert seen


@pytest.mark.parametrize("tab", [t for t in DRAWS if t != "export"])
def test_before_a_run_there_is_nothing_to_draw(explorer, tab):
    assert drawn(Session(explorer, Source(title="squares")), tab) == {}


@pytest.mark.parametrize("tab", DRAWS)
@pytest.mark.parametrize("change", [{"min_area": 0.5}, {"max_ncut": 0.0}], ids=str)
def test_a_photo_without_an_instance_can_be_drawn(session, tab, change):
    session.explorer.update(**change)
    assert Drawing(session).cuts == []
    assert drawn(session, tab)


@pytest.mark.parametrize("change", [{"cut_size": 45}, {"image_size": 80}, {"sharpen": False}], ids=str)
@pytest.mark.parametrize("tab", DRAWS)
def test_grids_of_other_sizes_can_be_drawn(session, tab, change):
    session.explorer.update(**change)
    session.look(patch=(0, 0))
    assert drawn(session, tab)


# ---- the overview


def test_every_card_has_a_title_a_caption_and_a_tab_to_open():
    for name, (title, caption, opens) in pipeline.CARDS.items():
        assert re.fullmatch(r"\d+ · .+", title), name
        assert len(caption) > 10
        assert opens in DRAWS
        assert opens != "pipeline"
    numbers = [int(title.split(" ")[0]) for title, *_ in pipeline.CARDS.values()]
    assert numbers == list(range(1, len(numbers) + 1))


def test_the_confidence_of_all_cuts_is_each_ones_own_inside_it(session):
    drawing = Drawing(session)
    values, covered = pipeline.merged_confidence(drawing.cuts, drawing)
    assert len(drawing.cuts) >= 2
    np.testing.assert_array_equal(covered, np.logical_or.reduce([cut.mask for cut, _ in drawing.cuts]))
    assert (values[~covered] == 1).all()
    last_cut, last = drawing.cuts[-1]
    np.testing.assert_array_equal(values[last_cut.mask], last.values[last_cut.mask])


def test_merging_confidences_leaves_the_results_alone(session):
    drawing = Drawing(session)
    before = [c.values.copy() for _, c in drawing.cuts]
    values, _ = pipeline.merged_confidence(drawing.cuts, drawing)
    values[:] = -1
    for kept, (_, found) in zip(before, drawing.cuts, strict=True):
        np.testing.assert_array_equal(found.values, kept)


def test_the_masks_on_the_page_are_the_final_ones_as_soon_as_there_are_any(session):
    results = session.explorer.results
    final = drawn(session, "pipeline")["masks"]
    results.pop(("segmentation", 0))
    session.drawn.keys.clear()
    coarse = drawn(session, "pipeline")["masks"]
    assert final
    assert coarse
    assert f"{len(results['coarse', 0].instances)} masks" in coarse


# ---- numbers


@pytest.mark.parametrize("side", [480, 64, 33])
def test_the_label_map_has_every_instance_at_its_position(session, side):
    result = session.explorer.results["segmentation", 0]
    numbers = mask_pictures.label_map(result, side)
    h, w = result.image.shape[:2]
    assert max(numbers.shape) == min(side, max(h, w))
    assert numbers.shape[0] / numbers.shape[1] == pytest.approx(h / w, rel=0.05)
    assert set(np.unique(numbers)) == {0, *range(1, len(result.instances) + 1)}
    for number, instance in enumerate(result.instances, start=1):
        rows, columns = np.nonzero(instance.mask)
        place = (int(rows.mean() / h * numbers.shape[0]), int(columns.mean() / w * numbers.shape[1]))
        assert numbers[place] == number


def test_a_photo_without_masks_says_so(session):
    session.explorer.update(min_area=0.5)
    picture = mask_pictures.instances_picture(session.explorer.results["segmentation", 0])
    assert picture.alt == "The photo with 0 masks"
    assert picture.labels == ()
    session.explorer.update(min_area=0.01, max_instances=1)
    assert mask_pictures.instances_picture(session.explorer.results["segmentation", 0]).alt == "The photo with 1 mask"


# ---- NCut


def test_the_facts_of_an_ncut_are_its_own(session):
    partition = session.explorer.results["ncut", 0]
    words = ncut.facts_of(partition, 0)
    assert words.startswith("**NCut 1** over 400 patches")
    assert f"λ₂ = {partition.eigenvalue:.4f}" in words
    assert f"{100 * partition.mask.mean():.0f} % of the photo, {partition.corners} of its 4 corners" in words
    assert f"row {partition.seed[0] + 1}, column {partition.seed[1] + 1}" in words
    assert ("flipped by the seed" in words) == partition.flipped


# ---- 3D


def test_the_layers_of_the_cloud_come_in_the_order_of_the_stages(session):
    names = [layer["name"] if isinstance(layer, dict) else layer.name for layer in cloud.layers_of(Drawing(session))]
    assert names == ["depth", "eigenvector", "bipartition", "confidence", "instances"]


def test_a_moved_patch_sends_layers_and_not_the_cloud_again(session):
    first = drawn(session, "3d")["viewer"]
    assert first["base"]
    assert first["value"]
    session.look(patch=(1, 1))
    second = drawn(session, "3d")["viewer"]
    assert second["value"]
    assert "base" not in second
    session.explorer.update(depth_clip=5.0)
    assert drawn(session, "3d")["viewer"]["base"]


def test_two_photos_never_have_one_cloud(session, photo, pixel_config):
    other = Explorer(photo.image[:, ::-1].copy(), pixel_config, depth=photo.depth)
    other.update()
    turned = Session(other, Source(title="turned"), other.depth, View(patch=(0, 0)))
    first, second = drawn(session, "3d")["viewer"]["base"], drawn(turned, "3d")["viewer"]["base"]
    differing = [key for key in first if first[key] != second[key]]
    assert len(differing) >= 2, "the photo and its name"


def test_the_tab_says_what_the_graph_of_the_chosen_instance_is(session):
    words = drawn(session, "3d")["graph_facts"]
    options = session.explorer.config.local_cut
    facts = graph_facts(session.explorer.knn_graph(0), Drawing(session).cuts[0][0], options)
    removed = facts.all_links - facts.links
    assert words.startswith("**Graph of instance 1**")
    assert f"{facts.links:,} links; τ_knn {options.tau_knn:g} removed {removed:,} longer ones" in words
    assert "graph_facts" not in drawn(session, "3d")
    session.look(instance=1)
    assert drawn(session, "3d")["graph_facts"].startswith("**Graph of instance 2**")


def test_an_instance_without_a_cut_in_3d_says_why_it_has_no_graph(session):
    graph, cut = session.explorer.knn_graph(0), Drawing(session).cuts[0][0]
    without = dataclasses.replace(cut, source_side=None, fallback="a whole part of the NCut")
    options = session.explorer.config.local_cut
    assert cloud.facts_of(graph, without, options, 1) == "**Instance 2** has no cut in 3D: a whole part of the NCut."


# ---- confidence


def test_every_cut_of_the_sweep_has_a_picture_with_its_threshold_and_area(session):
    html = drawn(session, "confidence")["cuts"]
    _, found = Drawing(session).cuts[0]
    captions = re.findall(r"<figcaption>(.*?)</figcaption>", html)
    assert len(captions) == len(found.taus) == session.explorer.config.confidence.num_cuts
    for caption, tau, cut in zip(captions, found.taus, found.cuts, strict=True):
        assert caption == f"τ_knn {tau:.3f} · {100 * cut.mean():.1f} %"


def test_without_a_cut_there_is_a_sentence_and_no_chart(session):
    session.explorer.update(min_area=0.5)
    update = drawn(session, "confidence")
    assert set(update) == {"cuts", "heatmap", "areas"}
    assert all("No cut" in html and "<svg" not in html for html in update.values())
    assert drawn(session, "confidence") == {}


# ---- methods


@given(st.lists(MASKS, max_size=5))
def test_stacked_masks_are_numbered_with_the_smallest_on_top(masks):
    numbers = methods.stacked(masks, SHAPE)
    assert numbers.shape == SHAPE
    for place in np.ndindex(*SHAPE):
        holders = [n for n, mask in enumerate(masks, start=1) if mask[place]]
        assert numbers[place] == min(holders, key=lambda n: (masks[n - 1].sum(), n), default=0)
    np.testing.assert_array_equal(methods.union(masks, SHAPE), np.logical_or.reduce([np.zeros(SHAPE, bool), *masks]))


@given(st.lists(MASKS, min_size=1, max_size=4), st.lists(MASKS, min_size=1, max_size=4))
def test_the_table_pairs_each_of_our_masks_with_the_most_similar_one(ours, theirs):
    table = ET.fromstring(methods.table(ours, theirs, "TokenCut"))
    rows = table.findall("tbody/tr")
    assert len(rows) == len(ours)
    for number, (row, mask) in enumerate(zip(rows, ours, strict=True), start=1):
        cells = ["".join(cell.itertext()) for cell in row]
        assert len(cells) == len(table.findall("thead/tr/th"))
        best = max(iou(mask, other) for other in theirs)
        assert cells[0] == str(number)
        assert cells[1] == f"{100 * mask.mean():.1f} %"
        assert iou(mask, theirs[int(cells[2]) - 1]) == best
        assert cells[4] == f"{best:.2f}"


@pytest.mark.parametrize(("ours", "theirs"), [(0, 0), (2, 0), (0, 1)])
def test_a_method_without_masks_is_described_in_words(ours, theirs):
    mask = np.ones(SHAPE, dtype=bool)
    words = "".join(ET.fromstring(methods.table([mask] * ours, [mask] * theirs, "MaskCut")).itertext())
    assert words == f"Ours: {ours} masks. MaskCut: {theirs}."


def test_both_methods_and_their_difference_are_drawn_on_one_grid(session):
    update = drawn(session, "methods")
    assert set(update) == {"ours", "baseline", "methods", "method_table"}
    theirs = session.explorer.baseline("maskcut")
    assert f'aria-label="MaskCut: {len(theirs)} masks"' in update["baseline"]
    pictures = [session.drawn.pictures[name].pixels for name in ("ours", "baseline", "methods")]
    assert len({p.shape for p in pictures if p is not None}) == 1


# ---- instances


def test_every_picture_that_can_be_compared_is_one_of_the_page(session):
    for tab in DRAWS:
        drawn(session, tab)
    assert set(instances.COMPARABLE) <= set(session.drawn.pictures)
    assert {instances.FIRST, instances.SECOND} <= set(instances.COMPARABLE)
    assert Session(session.explorer, session.source).view.compared == (instances.FIRST, instances.SECOND)


def test_a_comparison_waits_for_both_of_its_pictures(session):
    assert instances.comparison(Drawing(session), "photo", "masks") is None
    drawn(session, "pipeline")
    left, right = instances.comparison(Drawing(session), "photo", "masks")
    assert left.shape == right.shape == (540, 720, 3)
    assert instances.comparison(Drawing(session), "photo", "bogus") is None


# ---- export


def test_snippets_and_link_say_the_parameters_that_were_changed(session):
    update = drawn(session, "export")
    for name in ("python", "shell"):
        assert "pixels" in update[name]
        compile(update["python"], "snippet", "exec")
    assert "backbone=pixels" in update["link"]
    session.explorer.update(beta=0.25)
    again = drawn(session, "export")
    assert "beta=0.25" in again["link"]
    assert "0.25" in again["python"]
    assert "0.25" in again["shell"]


def test_a_link_to_a_visitor_s_own_photo_names_no_file(session):
    update = drawn(session, "export")
    assert "squares" not in update["link"]
    assert "example" not in update["link"]


# ---- cards


@pytest.mark.parametrize("pick", [True, False])
def test_a_card_escapes_its_words_and_says_how_it_is_used(pick):
    import gradio as gr

    with gr.Blocks():
        made = card.card("x", "<Title>", "a & b", opens="ncut", pick=pick)
        copy = card.mirror("x", "<Title>", "a & b", pick=pick)
    for component in (made, copy):
        figure = ET.fromstring(component.html_template.replace(" data-pick", ' data-pick=""'))
        assert "".join(figure.find("h3").itertext()) == "<Title>"  # pyright: ignore[reportOptionalMemberAccess]
        assert figure.findtext("figcaption") == "a & b"
        frame = figure.find("div")
        assert frame is not None
        assert ("data-pick" in frame.attrib) == pick
        assert ("tabindex" in frame.attrib and "aria-label" in frame.attrib) == pick
    button = ET.fromstring(made.html_template.replace(" data-pick", ' data-pick=""')).find("h3/button")
    assert button is not None
    assert button.attrib["data-open"] == "ncut"


def test_the_difference_of_the_affinity_is_drawn_with_the_histogram(session):
    drawing = Drawing(session)
    affinity.draw(drawing)
    assert set(drawing.update) == {"difference", "histogram"}
    tau = session.explorer.tau_ncut
    assert f'data-tau="{tau:.4f}"' in drawing.update["histogram"]


def test_areas_are_of_every_instance(session):
    drawing = Drawing(session)
    chart = confidence.chart(drawing.cuts, 0, 0.15)
    assert chart.count("<svg") == 1
    for number in range(1, len(drawing.cuts) + 1):
        assert re.search(rf">{number}<", chart), number
