"""Several visitors, hasty visitors, and visitors with the wrong file."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image
from visitor import PICTURES, Visitor, assert_clean

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def two(browser, page_url) -> Iterator[tuple[Visitor, Visitor]]:
    """Two visitors who arrive together; the second has a link to another example."""
    first = Visitor(browser, page_url, wait=False)
    second = Visitor(browser, page_url + "?example=three-balls", wait=False)
    yield first, second
    first.close()
    second.close()


@pytest.fixture
def visitor(two: tuple[Visitor, Visitor]) -> Iterator[Visitor]:
    """The first of the two."""
    yield two[0]
    assert_clean(two[0])


def test_two_visitors_see_their_own_photo(two) -> None:
    first, second = two
    assert "two boxes" in first.settled()
    assert "three balls" in second.settled()
    assert first.photo() != second.photo()
    for name in PICTURES:
        assert first.source(name) and second.source(name), name
    for name in ("depth", "eigenvector", "masks"):
        assert first.source(name) != second.source(name), name


def test_a_slider_of_one_moves_nothing_of_the_other(two) -> None:
    first, second = two
    mine, others = first.sources(), second.sources()
    first.mark()
    second.mark()
    first.type_number("tau_knn", 0.05)
    second.type_number("beta", 0.1)
    first.settled()
    second.settled()
    assert first.sources()["partition"] != mine["partition"]
    assert first.sources()["after"] == mine["after"]
    assert second.sources()["after"] != others["after"]
    assert (first.number("beta"), second.number("tau_knn")) == (0.45, 0.115)
    for each in two:
        assert_clean(each)


# older answers


def test_the_last_of_many_values_wins(visitor) -> None:
    visitor.set("tau_knn", 0.07)
    slow = visitor.sources()
    for pause in (0, 120, 500):
        visitor.mark()
        for value in (0.03, 0.3, 0.05, 0.25, 0.07):
            visitor.type_number("tau_knn", value)
            visitor.page.wait_for_timeout(pause)
        visitor.settled()
        assert visitor.number("tau_knn") == 0.07
        assert visitor.sources() == slow, pause


def test_tabs_opened_in_haste_are_all_drawn(visitor) -> None:
    for title in ("Affinity", "NCut", "Confidence", "Instances"):
        visitor.page.get_by_role("tab", name=title, exact=True).first.click()
    visitor.page.locator("#instances path[data-instance]").first.wait_for()
    visitor.open_tab("NCut")
    visitor.open_tab("Pipeline")


def test_the_last_of_two_examples_stays(visitor) -> None:
    visitor.mark()
    visitor.open_example(3)
    visitor.settled("box before ball")
    slow = visitor.sources()
    visitor.mark()
    visitor.open_example(0)
    visitor.page.wait_for_timeout(300)
    visitor.open_example(3)
    visitor.settled("box before ball")
    assert "box before ball" in visitor.status()
    assert visitor.sources() == slow


# files that are no photo


def broken_png() -> bytes:
    return b"\x89PNG\r\n\x1a\n" + b"\0" * 64


def text_file() -> bytes:
    return b"This is no picture.\n" * 20


@pytest.mark.parametrize("content", [broken_png, text_file])
def test_a_file_that_is_no_photo_gets_a_sentence_and_keeps_the_page(two, tmp_path, content) -> None:
    visitor = two[1]
    file = tmp_path / "holiday.png"
    file.write_bytes(content())
    kept, beta = visitor.sources(), visitor.number("beta")
    photo = visitor.photo()
    visitor.upload(file)
    alert = visitor.page.locator("#status [role=alert]")
    alert.wait_for()
    visitor.rest()  # the sentence stays until something new happens
    assert alert.count() == 1 and len(alert.inner_text().split()) >= 5
    assert "Traceback" not in visitor.page.content() and "Error:" not in visitor.page.inner_text("body")
    assert visitor.page.locator(".toast-body.error").count() == 0
    assert (visitor.sources(), visitor.photo(), visitor.number("beta")) == (kept, photo, beta)
    visitor.mark()
    visitor.open_example(0)
    visitor.settled("two boxes")
    assert_clean(visitor)


def test_a_depth_map_of_another_shape_gets_a_sentence(two, tmp_path) -> None:
    visitor = two[1]
    file = tmp_path / "depth.npy"
    np.save(file, np.linspace(0, 1, 300, dtype=np.float32).reshape(3, 100))
    kept = visitor.sources()
    visitor.page.get_by_role("button", name="Your own depth map").click()
    visitor.upload(file, "#depth-file")
    alert = visitor.page.locator("#status [role=alert]")
    alert.wait_for()
    assert "Traceback" not in visitor.page.content()
    assert visitor.sources() == kept
    assert_clean(visitor)


def test_a_depth_map_of_one_s_own_takes_part(two, tmp_path) -> None:
    visitor = two[1]
    depth = visitor.pixels_of("depth")
    file = tmp_path / "depth.png"
    ramp = np.tile(np.linspace(0, 65535, 480), (360, 1)).astype(np.uint16)
    Image.fromarray(ramp).save(file)
    visitor.mark()
    visitor.upload(file, "#depth-file")
    visitor.settled()
    assert visitor.pixels_of("depth") != depth
    assert "known depth" not in visitor.status()
    assert_clean(visitor)


def test_the_server_has_nothing_to_complain_about(server_log) -> None:
    assert "Traceback" not in server_log.read_text(encoding="utf-8")
