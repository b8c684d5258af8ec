"""The Depth tab in a real browser: compare, then take one into the 3D view."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from visitor import Visitor, assert_clean

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def visitor(browser, page_url) -> Iterator[Visitor]:
    opened = Visitor(browser, page_url + "?example=motorcycle&image_size=224")
    opened.page.get_by_role("tab", name="Depth", exact=True).first.click()
    opened.page.locator("#depth-facts li").first.wait_for()
    yield opened
    assert_clean(opened)
    opened.close()


def test_the_measured_depth_of_the_example_is_in_use_and_explained(visitor: Visitor) -> None:
    assert "measured (structured light)" in visitor.status()
    words = visitor.page.locator("#depth-facts").inner_text()
    assert "inverted" in words
    assert "% were unknown" in words


def test_estimators_stand_side_by_side_with_their_agreement(visitor: Visitor) -> None:
    visitor.page.locator("#estimators label", has_text="own depth map").click()
    visitor.page.locator("#compare-depth").click()
    visitor.page.locator(".matrices").wait_for(timeout=60_000)
    assert visitor.page.locator(".estimator").count() == 3
    assert visitor.page.locator(".estimator img").count() >= 6
    assert visitor.page.locator(".matrices caption").count() == 3
    assert visitor.page.locator("#depth-missing").inner_text().strip()


def test_one_of_them_is_taken_into_the_3d_view(visitor: Visitor) -> None:
    visitor.mark()
    visitor.page.locator("[data-depth=none]").click()
    assert "none (flat)" in visitor.settled("none (flat)")
    assert visitor.page.get_by_role("tab", name="3D", exact=True).first.get_attribute("aria-selected") == "true"
    visitor.page.locator("#viewer .c3v[data-state=ready]").wait_for()
