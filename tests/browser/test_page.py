"""The page as one visitor meets it: the first result, parameters, patches, the viewer, every tab."""

from __future__ import annotations

import json
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image
from visitor import PICTURES, Visitor, assert_clean, changed

from ui.controls import own_threshold

pytestmark = pytest.mark.browser
BEFORE_THE_CUT = ("photo", "depth", "importance", "before", "after", "eigenvector")


@pytest.fixture(scope="module")
def opened(browser, page_url) -> Iterator[Visitor]:
    visitor = Visitor(browser, page_url)
    yield visitor
    visitor.close()


@pytest.fixture
def visitor(opened: Visitor) -> Iterator[Visitor]:
    """The one open page, as it was at first; whatever a test makes it complain about is that test's failure."""
    if opened.moved:
        opened.reset()
    yield opened
    assert_clean(opened)


def test_the_first_example_shows_every_stage_without_a_click(visitor) -> None:
    for name in PICTURES:
        assert visitor.source(name), name
        if name != "photo":
            assert visitor.page.locator(f"#picture-{name} .pixels").evaluate("i => i.naturalWidth") > 10, name
    assert "two boxes" in visitor.status()
    assert visitor.photo().startswith("url(")
    assert visitor.page.locator("#chosen input[type=radio]").count() >= 2
    assert "photo" in visitor.page.locator("#picture-photo figure").inner_text().lower()


# one parameter moves what it touches


def test_tau_knn_cuts_otherwise_and_leaves_what_comes_before(visitor) -> None:
    visitor.open_tab("Pipeline")
    before = visitor.sources()
    status = visitor.set("tau_knn", 0.05)
    after = visitor.sources()
    assert after["partition"] != before["partition"]
    assert {n: after[n] for n in BEFORE_THE_CUT} == {n: before[n] for n in BEFORE_THE_CUT}
    assert "features" not in status and "NCut" not in status
    visitor.reset()
    assert visitor.sources() == before


def test_a_drag_of_the_slider_does_the_same(visitor) -> None:
    before, depth = visitor.pixels_of("partition"), visitor.source("depth")
    visitor.mark()
    visitor.drag_range("tau_knn", 0.3)
    visitor.settled()
    assert visitor.number("tau_knn") == pytest.approx(0.3, abs=0.04)
    assert visitor.pixels_of("partition") != before
    assert visitor.source("depth") == depth


def test_beta_sharpens_otherwise_and_leaves_depth_and_affinity_alone(visitor) -> None:
    before = visitor.sources()
    visitor.set("beta", 0.1)
    after = visitor.sources()
    assert after["after"] != before["after"]
    assert (after["depth"], after["before"]) == (before["depth"], before["before"])


# a patch


def ring(visitor: Visitor, where: str) -> tuple[float, float]:
    """Middle of the chosen patch's ring, as shares of the photo's width and height."""
    x, y, width, height = visitor.page.locator(f"{where} [data-pick] .ring.patch").evaluate(
        "c => [c.cx.baseVal.value, c.cy.baseVal.value, c.ownerSVGElement.viewBox.baseVal.width, "
        "c.ownerSVGElement.viewBox.baseVal.height]"
    )
    return x / width, y / height


def test_a_click_on_the_photo_chooses_that_patch(visitor) -> None:
    visitor.open_tab("Pipeline")
    old, eigenvector = visitor.pixels_of("before"), visitor.source("eigenvector")
    photo = visitor.page.locator("#picture-photo .picture")
    box = photo.bounding_box()
    photo.click(position={"x": 0.2 * box["width"], "y": 0.85 * box["height"]})
    visitor.wait_for_change("before", old)
    assert ring(visitor, "#picture-photo") == pytest.approx((0.2, 0.85), abs=0.03)
    assert visitor.source("eigenvector") == eigenvector


def test_a_click_on_the_affinity_tab_moves_both_rings(visitor) -> None:
    visitor.open_tab("Affinity")
    old, histogram = visitor.pixels_of("before"), visitor.page.locator("#histogram").inner_html()
    mirror = visitor.page.locator("#tab-affinity [data-pick] .picture")
    box = mirror.bounding_box()
    mirror.click(position={"x": 0.7 * box["width"], "y": 0.3 * box["height"]})
    visitor.wait_for_change("before", old)
    for place in ("#picture-photo", "#tab-affinity"):
        assert ring(visitor, place) == pytest.approx((0.7, 0.3), abs=0.03)
    assert visitor.page.locator("#histogram").inner_html() != histogram
    assert visitor.page.locator("#picture-difference .pixels").count() == 1


def test_arrow_keys_move_the_patch(visitor) -> None:
    visitor.open_tab("Pipeline")
    row, column = visitor.patch()
    visitor.page.locator("#picture-photo [data-pick]").focus()
    for key, patch in (("ArrowRight", (row, column + 1)), ("ArrowDown", (row + 1, column + 1))):
        visitor.page.keyboard.press(key)
        visitor.wait_for_patch(patch)
    assert visitor.page.evaluate("document.activeElement.matches('#picture-photo [data-pick]')")


def test_no_quick_key_press_is_lost(visitor) -> None:
    visitor.open_tab("Pipeline")
    row, column = visitor.patch()
    visitor.page.locator("#picture-photo [data-pick]").focus()
    for _ in range(4):
        visitor.page.keyboard.press("ArrowLeft")
    visitor.wait_for_patch((row, column - 4))
    visitor.rest()
    assert visitor.patch() == (row, column - 4)  # and no late answer takes it back


# the viewer


def test_the_camera_survives_an_update_of_the_cut(visitor) -> None:
    visitor.open_tab("3D")
    visitor.page.wait_for_function("() => document.querySelector('#viewer .c3v').viewer.state().frames > 0")
    visitor.drag("#viewer canvas", 120, 40)
    visitor.page.locator("#viewer canvas").evaluate("c => { c.sameAsBefore = true; }")
    visitor.page.locator("#viewer [data-c=layer]").select_option("instances")
    camera, base, shown = visitor.camera(), visitor.viewer("state().base"), visitor.canvas_pixels()
    assert visitor.viewer("state().points") > 100_000
    visitor.set("tau_knn", 0.05)
    assert visitor.camera() == camera
    assert visitor.page.locator("#viewer canvas").evaluate("c => c.sameAsBefore") is True
    assert visitor.viewer("state().base") == base
    assert visitor.viewer("state().layer") == "instances"
    assert visitor.viewer("state().tau") == pytest.approx(0.05, abs=1e-6)
    assert changed(shown, visitor.canvas_pixels()) > 0.002
    visitor.set("tau_knn", 0.115)
    assert changed(shown, visitor.canvas_pixels()) < 0.001


def test_layers_switch_through_the_list(visitor) -> None:
    visitor.open_tab("3D")
    layers = visitor.page.locator("#viewer [data-c=layer] option").evaluate_all("os => os.map((o) => o.value)")
    assert layers == ["photo", "depth", "eigenvector", "bipartition", "confidence", "instances", "partition"]
    camera, last = visitor.camera(), None
    for layer in layers:
        visitor.page.locator("#viewer [data-c=layer]").select_option(layer)
        shown = visitor.canvas_pixels()
        assert last is None or changed(last, shown) > 0.01, layer
        last = shown
    assert visitor.camera() == camera


def test_the_viewer_s_own_tau_asks_the_server_for_nothing(visitor) -> None:
    visitor.open_tab("3D")
    slider = visitor.page.locator("#viewer [data-c=tau]")
    visitor.page.locator("#viewer [data-c=layer]").select_option("partition")
    slider.focus()
    visitor.page.keyboard.press("End")
    last, asked = visitor.canvas_pixels(), len(visitor.requests)
    visitor.page.keyboard.press("Home")
    assert visitor.viewer("state().tau") == pytest.approx(0.04, abs=1e-6)
    assert changed(last, visitor.canvas_pixels()) > 0.001
    visitor.page.keyboard.press("End")
    assert visitor.viewer("state().tau") == pytest.approx(0.115, abs=1e-6)
    visitor.page.locator("#viewer [data-c=size]").press("End")
    assert visitor.viewer("state().size") > 3
    visitor.page.locator("#viewer [data-c=reset]").click()
    assert visitor.viewer("state().zoom") == 1 and visitor.viewer("state().target") == [0, 0, 0]
    assert len(visitor.requests) == asked


def test_a_click_on_a_point_chooses_its_patch(visitor) -> None:
    visitor.open_tab("3D")
    old = visitor.patch()
    pixels = visitor.pixels_of("after")
    box = visitor.page.locator("#viewer canvas").bounding_box()
    visitor.page.locator("#viewer canvas").click(position={"x": 0.42 * box["width"], "y": 0.55 * box["height"]})
    visitor.wait_for_change("after", pixels)
    assert visitor.patch() != old
    row, column = next(m[:2] for m in visitor.viewer("state().marks") if m[2] == 2)
    for place in ("#picture-photo", "#cloud-row"):
        assert ring(visitor, place) == pytest.approx((column, row), abs=0.03)


# the histogram's line


def test_the_line_of_the_histogram_is_tau_ncut(visitor) -> None:
    visitor.open_folds()
    visitor.open_tab("Affinity")
    eigenvector, value = visitor.pixels_of("eigenvector"), visitor.number("tau_ncut")
    visitor.mark()
    visitor.drag("#histogram .tau-grip .handle", 90, 0)
    visitor.settled()
    moved = visitor.number("tau_ncut")
    assert moved > value + 0.05
    assert visitor.pixels_of("eigenvector") != eigenvector
    assert float(visitor.page.locator("#histogram .tau-grip").get_attribute("aria-valuenow")) == pytest.approx(moved)
    visitor.mark()
    visitor.page.locator("#histogram .tau-grip").focus()
    visitor.page.keyboard.press("ArrowLeft")
    visitor.settled()
    assert visitor.number("tau_ncut") == pytest.approx(moved - 0.005, abs=1e-6)
    visitor.set("tau_ncut", value)
    assert visitor.pixels_of("eigenvector") == eigenvector


# instances


def middle_of(visitor: Visitor, instance: int) -> tuple[float, float]:
    box = visitor.page.locator(f"#instances .mask-number[data-instance='{instance}']").bounding_box()
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def chosen(visitor: Visitor) -> str:
    return visitor.page.locator("#chosen input:checked").input_value()


def wait_until_chosen(visitor: Visitor, number: int) -> None:
    visitor.page.wait_for_function(
        f"() => document.querySelector('#chosen input:checked')?.value === '{number}' && "
        f"document.querySelector('#instances path.chosen')?.dataset.instance === '{number - 1}'"
    )


def test_masks_light_up_and_a_click_chooses_one_everywhere(visitor) -> None:
    visitor.open_tab("Instances")
    wait_until_chosen(visitor, 1)
    bipartition = visitor.source("bipartition")
    visitor.page.mouse.move(*middle_of(visitor, 1))
    hot = visitor.page.locator("#instances .hot").evaluate_all("ns => [...new Set(ns.map((n) => n.dataset.instance))]")
    assert hot == ["1"]
    assert visitor.page.locator("#instances tr.hot").count() == 1
    visitor.page.mouse.click(*middle_of(visitor, 1))
    wait_until_chosen(visitor, 2)
    assert visitor.source("bipartition") != bipartition
    visitor.open_tab("3D")
    visitor.page.locator("#viewer .c3v-legend").wait_for()
    visitor.open_tab("Instances")
    visitor.page.locator("#instances tr[data-instance='0'] button").click()
    wait_until_chosen(visitor, 1)
    assert visitor.source("bipartition") == bipartition


def test_a_mask_is_chosen_by_keyboard(visitor) -> None:
    visitor.open_tab("Instances")
    visitor.page.locator("#instances path[data-instance='1']").press("Enter")
    wait_until_chosen(visitor, 2)
    visitor.page.locator("#instances path[data-instance='0']").press("Enter")
    wait_until_chosen(visitor, 1)


def test_any_two_pictures_lie_under_the_slider(visitor) -> None:
    visitor.open_tab("Instances")
    both = "() => [...document.querySelectorAll('#compare img')].map((i) => i.src)"
    visitor.page.wait_for_function(f"() => ({both})().length === 2")
    left, right = visitor.page.evaluate(both)
    assert left != right
    visitor.pick_from("compare-left", "Depth")
    visitor.page.wait_for_function(f"old => !({both})().includes(old) && ({both})().length === 2", arg=left)
    assert right in visitor.page.evaluate(both)
    assert visitor.page.locator("#compare img").evaluate_all("is => is.every((i) => i.naturalWidth > 100)")


# the other tabs


def test_a_click_on_a_heading_opens_its_tab(visitor) -> None:
    visitor.open_tab("Pipeline")
    visitor.page.get_by_role("button", name="6 · Eigenvector").click()
    visitor.page.locator("#spectrum svg").wait_for()
    assert visitor.page.get_by_role("tab", name="NCut", exact=True).first.get_attribute("aria-selected") == "true"


def test_as_many_small_multiples_as_cuts(visitor) -> None:
    visitor.open_tab("Confidence")
    assert visitor.page.locator("#cuts figure").count() == visitor.number("num_cuts") == 6
    visitor.set("num_cuts", 3)
    assert visitor.page.locator("#cuts figure").count() == 3
    assert visitor.page.locator("#areas svg .area-line.chosen circle").count() == 3
    assert visitor.page.locator("#picture-heatmap .pixels").count() == 1


@pytest.fixture
def keeps_all(browser, page_url) -> Iterator[Visitor]:
    """A visitor whose link keeps the masks that the CRF changes much: one of them comes from a second NCut."""
    visitor = Visitor(browser, f"{page_url}?crf_min_iou=0")
    yield visitor
    assert_clean(visitor)
    visitor.close()


def test_ncut_follows_the_chosen_instance(keeps_all) -> None:
    visitor = keeps_all
    visitor.open_tab("NCut")
    pixels, source = visitor.pixels_of("eigenvector"), visitor.source("bipartition")
    visitor.page.locator("#chosen input[value='3']").check()
    visitor.page.wait_for_function(
        "words => !document.querySelector('#ncut-facts').innerText.includes(words)", arg="NCut 1"
    )
    assert visitor.pixels_of("eigenvector") != pixels
    assert visitor.source("bipartition") != source
    assert visitor.page.locator("#spectrum svg .stick").count() >= 5
    visitor.page.locator("#chosen input[value='1']").check()
    visitor.page.wait_for_function(
        "words => document.querySelector('#ncut-facts').innerText.includes(words)", arg="NCut 1"
    )


def test_methods_stand_side_by_side(visitor) -> None:
    visitor.open_tab("Methods")
    for name in ("ours", "baseline", "methods"):
        assert visitor.page.locator(f"#picture-{name} .pixels").evaluate("i => i.naturalWidth") >= 34, name
    assert visitor.page.locator("#method-table tbody tr").count() >= 2


def test_another_baseline_replaces_maskcut(visitor) -> None:
    visitor.open_tab("Methods")
    before = visitor.source("baseline")
    visitor.page.locator("#against input[value=votecut]").check()
    visitor.page.wait_for_function("() => document.querySelector('#method-table').innerText.includes('VoteCut')")
    visitor.settled()
    assert visitor.source("baseline") != before
    visitor.page.locator("#against input[value=maskcut]").check()
    visitor.page.wait_for_function("() => document.querySelector('#method-table').innerText.includes('MaskCut')")
    visitor.settled()


# presets


def test_a_preset_sets_the_controls_and_reset_brings_them_back(visitor) -> None:
    visitor.open_tab("Pipeline")
    sharpen = visitor.page.locator("#sharpen input[type=checkbox]")
    before = visitor.sources()
    assert sharpen.is_checked()
    visitor.mark()
    visitor.page.locator("#preset input[value=MaskCut]").check()
    visitor.settled()
    assert not sharpen.is_checked()
    assert visitor.page.locator("#preset-text").inner_text().startswith("MaskCut")
    assert visitor.sources()["masks"] != before["masks"]
    visitor.mark()
    visitor.page.locator("#reset").click()
    visitor.settled()
    assert sharpen.is_checked()
    assert visitor.page.locator("#preset input:checked").input_value() == "Ours"
    assert visitor.sources() == before


# another photo


def test_a_photo_of_one_s_own(visitor, tmp_path) -> None:
    import skimage.data

    file = tmp_path / "cup of coffee.jpg"
    Image.fromarray(np.asarray(skimage.data.coffee())).save(file)
    photo, masks = visitor.photo(), visitor.source("masks")
    visitor.mark()
    visitor.upload(file)
    status = visitor.settled("your photo")
    assert "two boxes" not in status
    assert visitor.photo() != photo and visitor.source("masks") != masks
    for name in PICTURES:
        assert visitor.source(name), name


def test_the_viewer_has_the_new_photo_s_cloud(visitor, record_property) -> None:
    visitor.open_tab("3D")
    visitor.page.wait_for_function("() => document.querySelector('#viewer .c3v').viewer.state().points === 480 * 320")
    record_property("milliseconds a frame", json.dumps(visitor.viewer("bench(10)")))
    assert visitor.canvas_pixels().std() > 20


def test_an_example_opens_on_one_click(visitor) -> None:
    visitor.mark()
    visitor.open_example(1)
    visitor.settled("three balls")
    visitor.open_tab("Pipeline")
    for name in PICTURES:
        assert visitor.source(name), name


def test_another_backbone_can_be_chosen_and_moves_its_threshold(visitor):
    """The list of a dropdown lies over the results; the slider of τ_ncut shows the backbone's own value."""
    if not visitor.page.locator("#tau_ncut input[type=number]").is_visible():
        visitor.open_folds()
    assert visitor.number("tau_ncut") == pytest.approx(own_threshold("dinov2_vits14_focus"))
    wide, seen = (visitor.page.evaluate(f"document.querySelector('#controls').{n}Width") for n in ("scroll", "client"))
    assert wide == seen, "the open parameters stand in a second column"
    visitor.pick_from("backbone", "DINO ViT-S/16")
    visitor.page.wait_for_function("document.querySelector('#tau_ncut input[type=number]').value === '0.15'")
    assert "The backbone's own value is 0.15" in visitor.page.locator("#tau_ncut").inner_text()
    visitor.page.locator("#reset").click()
    visitor.page.wait_for_function("document.querySelector('#tau_ncut input[type=number]').value === '0.05'")
