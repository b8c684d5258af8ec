"""A visitor who comes back: reload, back button, restarted server, forgotten page, storage that is not there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from visitor import Visitor

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def cup(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import skimage.data

    file = tmp_path_factory.mktemp("photos") / "cup.tif"
    Image.fromarray(np.asarray(skimage.data.coffee())).save(file)
    return file


@pytest.fixture(scope="module")
def depth(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("depth") / "ramp.png"
    Image.fromarray(np.tile(np.linspace(0, 65535, 300), (200, 1)).astype(np.uint16)).save(file)
    return file


def tab(visitor: Visitor) -> str:
    return visitor.page.locator("#tabs [role=tab][aria-selected=true]").first.inner_text()


def test_a_reload_keeps_settings_tab_and_example(visitor) -> None:
    visitor.mark()
    visitor.open_example(2)
    visitor.settled("four cans")
    visitor.mark()
    visitor.page.locator("#preset input[value=MaskCut]").check()
    visitor.settled()
    visitor.set("beta", 0.2)
    visitor.open_tab("NCut")
    visitor.rest()
    shown = visitor.sources()
    visitor.reload("four cans")
    assert visitor.number("beta") == 0.2 and tab(visitor) == "NCut"
    assert visitor.page.locator("#preset input:checked").input_value() == "MaskCut"
    visitor.page.locator("#spectrum svg").wait_for()
    assert visitor.sources() == shown


def test_a_reload_keeps_a_photo_and_a_depth_map_of_one_s_own(visitor, cup, depth) -> None:
    visitor.mark()
    visitor.drop(cup)
    visitor.settled("your photo")
    visitor.mark()
    visitor.drop(depth, on="#results")  # a picture: it is a photo, unless it is dropped on its own box
    visitor.settled("your photo")
    visitor.mark()
    visitor.drop(cup)
    visitor.settled("your photo")
    visitor.page.get_by_role("button", name="Your own depth map").click()
    visitor.mark()
    visitor.drop(depth, on="#depth-file")
    visitor.settled("ramp.png")
    visitor.set("tau_knn", 0.2)
    photo, shown = visitor.photo(), visitor.sources()
    visitor.reload("ramp.png")
    assert visitor.photo() == photo and visitor.sources() == shown and visitor.number("tau_knn") == 0.2
    assert visitor.preview().std() > 20


def test_a_file_that_was_refused_does_not_take_the_place_of_the_open_photo(visitor, cup, depth, tmp_path) -> None:
    visitor.mark()
    visitor.drop(cup)
    visitor.settled("your photo")
    broken = tmp_path / "broken.jpg"
    broken.write_text("no picture")
    visitor.drop(broken)
    visitor.page.locator("#status [role=alert]").wait_for()
    visitor.page.get_by_role("button", name="Your own depth map").click()
    visitor.mark()
    visitor.drop(depth, on="#depth-file")
    visitor.settled("ramp.png")
    photo = visitor.photo()
    visitor.reload("ramp.png")
    assert visitor.photo() == photo


def test_the_back_button_keeps_everything(visitor, page_url, cup) -> None:
    visitor.mark()
    visitor.drop(cup)
    visitor.settled("your photo")
    visitor.set("beta", 0.2)
    photo = visitor.photo()
    visitor.page.goto("about:blank")
    visitor.page.go_back()
    visitor.changes = 0
    visitor.settled("your photo")
    assert visitor.photo() == photo and visitor.number("beta") == 0.2
    visitor.hosts.discard("about")


def test_a_link_in_the_same_tab_wins(visitor, page_url) -> None:
    visitor.set("beta", 0.2)
    visitor.page.goto(f"{page_url}?example=four-cans&tau_knn=0.2")
    visitor.changes = 0
    visitor.settled("four cans")
    assert (visitor.number("beta"), visitor.number("tau_knn")) == (0.45, 0.2)
    visitor.set("tau_knn", 0.3)
    visitor.reload("four cans")
    assert visitor.number("tau_knn") == 0.3
    visitor.page.goto(f"{page_url}?example=three-balls")  # it names no parameter, so all have their defaults
    visitor.changes = 0
    visitor.settled("three balls")
    visitor.reload("three balls")
    assert (visitor.number("beta"), visitor.number("tau_knn")) == (0.45, 0.115)


def test_two_tabs_of_one_browser_keep_their_own(visitor, page_url) -> None:
    visitor.set("beta", 0.2)
    other = visitor.context.new_page()
    other.goto(page_url)
    other.wait_for_function("() => document.querySelector('#status')?.innerText.includes('backbone:')")
    assert other.locator("#beta input[type=number]").input_value() == "0.45"
    other.close()
    visitor.reload()
    assert visitor.number("beta") == 0.2


def test_a_photo_that_the_browser_lost_gets_a_sentence_and_the_settings_are_back(visitor, cup) -> None:
    visitor.mark()
    visitor.drop(cup)
    visitor.settled("your photo")
    visitor.set("beta", 0.2)
    visitor.page.evaluate("""() => new Promise((go) => {
      const opening = indexedDB.open('cuts3d', 1);
      opening.onsuccess = () => {
        const work = opening.result.transaction('files', 'readwrite');
        work.objectStore('files').clear();
        work.oncomplete = () => { opening.result.close(); go(); };
      };
    })""")
    visitor.page.reload()
    visitor.page.locator("#status", has_text="upload it again").wait_for()
    visitor.rest()
    assert visitor.number("beta") == 0.2 and "Your settings are back" in visitor.status()


BLOCKED = """
for (const name of ['sessionStorage', 'localStorage', 'indexedDB'])
  Object.defineProperty(window, name, { get() { throw new DOMException('blocked', 'SecurityError'); } });
"""


def test_a_browser_without_storage_has_a_page_that_works(browser, page_url, cup) -> None:
    """As in a frame of another site, or a private window."""
    visitor = Visitor(browser, "about:blank", wait=False)
    visitor.page.add_init_script(BLOCKED)
    visitor.page.goto(page_url)
    visitor.settled("two boxes")
    visitor.set("beta", 0.2)
    visitor.mark()
    visitor.drop(cup)
    visitor.settled("your photo")
    visitor.page.reload()
    visitor.changes = 0
    visitor.settled("two boxes")
    assert visitor.number("beta") == 0.45
    assert [e for e in visitor.errors if "cuts3d" in e or "Uncaught" in e] == []
    visitor.close()


def test_a_restarted_server_is_said_and_everything_comes_back(browser, serve, port, tmp_path, cup) -> None:
    log = tmp_path / "log.txt"
    with serve(port, log) as url:
        visitor = Visitor(browser, url)
        visitor.mark()
        visitor.drop(cup)
        visitor.settled("your photo")
        visitor.set("beta", 0.2)
        photo = visitor.photo()
    visitor.page.locator("#notice").wait_for()
    assert "connection to the server was lost" in visitor.page.locator("#notice").inner_text()
    visitor.page.evaluate("globalThis.before = true")
    with serve(port, log):
        visitor.page.wait_for_function("() => globalThis.before === undefined && globalThis.atRest")
        visitor.changes = 0
        visitor.settled("your photo")
        assert visitor.photo() == photo and visitor.number("beta") == 0.2
        assert visitor.page.locator("#notice").count() == 0
        visitor.close()


def test_a_page_that_the_server_forgot_comes_back(browser, page_url) -> None:
    """Its connection broke for a moment: the server freed what it had open, and nobody told the page."""
    visitor = Visitor(browser, page_url)
    visitor.set("beta", 0.2)
    visitor.page.evaluate("globalThis.before = true")
    other = "somebody"
    visitor.page.route(
        "**/queue/join*",
        lambda route: route.continue_(post_data={**route.request.post_data_json, "session_hash": other}),
        times=1,
    )
    visitor.page.route(
        "**/queue/data*", lambda route: route.continue_(url=route.request.url.split("=")[0] + "=" + other), times=1
    )
    visitor.type_number("tau_knn", 0.2)
    visitor.page.wait_for_function("() => globalThis.before === undefined && globalThis.atRest")
    visitor.changes = 0
    visitor.settled()
    assert (visitor.number("beta"), visitor.number("tau_knn")) == (0.2, 0.2)
    visitor.close()
