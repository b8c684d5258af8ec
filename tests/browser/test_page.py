"""The page as a visitor meets it."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.browser
PATIENCE = 120_000
NAMES = ("photo", "depth", "before", "after", "eigenvector", "bipartition", "confidence", "masks")


def open_page(browser, url: str, *, width: int = 1440, height: int = 900, dark: bool = False):
    context = browser.new_context(
        viewport={"width": width, "height": height}, color_scheme="dark" if dark else "light", is_mobile=width < 500
    )
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    page.errors = []
    page.on("pageerror", lambda error: page.errors.append(str(error)))
    page.goto(url)
    wait_until_done(page)
    return page


def wait_until_done(page, text: str = "instance") -> None:
    page.wait_for_function(
        "text => document.querySelector('#status')?.innerText.includes(text) && "
        "document.querySelector('#status').innerText.includes('backbone:')",
        arg=text,
    )


def source_of(page, name: str) -> str | None:
    return page.locator(f"#stage-{name} img").first.get_attribute("src")


def sources(page) -> dict[str, str | None]:
    return {name: source_of(page, name) for name in NAMES}


def wait_for_change(page, name: str, old: str | None) -> None:
    page.wait_for_function(
        "([id, old]) => { const i = document.querySelector(id + ' img'); return i && i.getAttribute('src') !== old; }",
        arg=[f"#stage-{name}", old],
    )


@pytest.fixture(scope="module")
def page(browser, page_url):
    return open_page(browser, page_url)


def test_the_first_example_shows_every_stage_without_a_click(page) -> None:
    for name in NAMES:
        assert page.locator(f"#stage-{name} img").first.evaluate("i => i.naturalWidth") > 100, name
    page.wait_for_selector("#cloud .js-plotly-plot canvas")
    assert "two boxes" in page.locator("#status").inner_text()
    assert page.locator("#table table tr").count() >= 2
    assert page.errors == []


def test_beta_redraws_what_it_touches_and_nothing_before_it(page) -> None:
    before = sources(page)
    page.locator("#beta input[type=number]").fill("0.05")
    page.locator("#beta input[type=number]").press("Enter")
    wait_for_change(page, "after", before["after"])
    wait_until_done(page)
    assert source_of(page, "depth") == before["depth"]


def test_tau_knn_leaves_the_eigenvector_alone(page) -> None:
    before = sources(page)
    page.locator("#tau_knn input[type=number]").fill("0.3")
    page.locator("#tau_knn input[type=number]").press("Enter")
    wait_for_change(page, "masks", before["masks"])
    wait_until_done(page)
    assert source_of(page, "eigenvector") == before["eigenvector"]
    assert source_of(page, "after") == before["after"]


def test_a_click_on_the_photo_shows_that_patch(page) -> None:
    before = sources(page)
    box = page.locator("#stage-photo img").first.bounding_box()
    page.locator("#stage-photo img").first.click(position={"x": box["width"] * 0.2, "y": box["height"] * 0.85})
    wait_for_change(page, "before", before["before"])
    assert source_of(page, "eigenvector") == before["eigenvector"]


def test_another_example_opens_on_one_click(page) -> None:
    page.locator("#examples .thumbnail-item").nth(1).click()
    wait_until_done(page, "three balls")


def test_a_file_that_is_no_image_gets_a_sentence_and_keeps_the_page(page, tmp_path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"\x89PNG\r\n\x1a\n" + b"\0" * 64)
    kept = source_of(page, "masks")
    page.locator("#upload input[type=file]").set_input_files(str(broken))
    page.wait_for_selector("#status .error, .toast-body")
    assert "Traceback" not in page.content()
    assert source_of(page, "masks") == kept


@pytest.mark.parametrize("dark", [False, True])
def test_a_phone_shows_everything_within_its_width(browser, page_url, dark: bool) -> None:
    phone = open_page(browser, page_url, width=390, height=844, dark=dark)
    assert phone.evaluate("document.documentElement.scrollWidth") <= 391
    for name in NAMES:
        box = phone.locator(f"#stage-{name}").bounding_box()
        assert box is not None and box["x"] >= 0 and box["x"] + box["width"] <= 391, name
    phone.context.close()
