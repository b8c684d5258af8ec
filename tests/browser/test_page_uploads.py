"""Files that come to the page in any way, and numbers that a control cannot have."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from visitor import Visitor, assert_clean

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
def opened(browser, page_url) -> Iterator[Visitor]:
    visitor = Visitor(browser, page_url)
    yield visitor
    visitor.close()


@pytest.fixture
def visitor(opened: Visitor) -> Iterator[Visitor]:
    """The one open page, at its first example; whatever a test makes it complain about is that test's failure."""
    opened.page.evaluate("document.getElementById('notice')?.remove()")
    if "two boxes" not in opened.status():
        opened.mark()
        opened.open_example(0)
        opened.settled("two boxes")
    yield opened
    assert_clean(opened)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import skimage.data

    path = tmp_path_factory.mktemp("photos")
    cup = np.asarray(skimage.data.coffee())
    Image.fromarray(cup).save(path / "cup.jpg")
    Image.fromarray(cup).save(path / "cup.tif")
    Image.fromarray(np.asarray(skimage.data.chelsea())).save(path / "cat.png")
    np.save(path / "depth.npy", np.tile(np.linspace(0, 1, 60, dtype=np.float32), (40, 1)))
    np.save(path / "wide.npy", np.zeros((10, 90), np.float32))
    return path


def test_a_file_beside_the_box_is_an_upload(visitor, folder) -> None:
    photo = visitor.photo()
    visitor.mark()
    visitor.drop(folder / "cup.jpg", on="#results")
    visitor.settled("your photo")
    assert visitor.photo() != photo
    assert visitor.preview().std() > 20
    assert not visitor.page.evaluate("document.documentElement.hasAttribute('data-dropping')")


@pytest.mark.parametrize("place", ["#upload", "#title", "#stages", "#controls"])
def test_a_file_anywhere_is_an_upload(visitor, folder, place: str) -> None:
    visitor.mark()
    visitor.drop(folder / "cat.png", on=place)
    visitor.settled("your photo")


def test_the_page_says_where_a_file_may_be_dropped(visitor) -> None:
    over = """name => { const data = new DataTransfer(); data.items.add(new File(['x'], 'x.png'));
      document.body.dispatchEvent(new DragEvent(name, { bubbles: true, cancelable: true, dataTransfer: data })); }"""
    visitor.page.evaluate(over, "dragenter")
    shown = "getComputedStyle(document.documentElement, '::after').content"
    assert "Drop a photo" in visitor.page.evaluate(shown)
    visitor.page.evaluate(over, "dragleave")
    assert visitor.page.evaluate(shown) == "none"


def test_a_photo_is_pasted_anywhere_but_in_a_text_field(visitor, folder) -> None:
    visitor.page.locator("#beta input[type=number]").focus()
    visitor.paste(folder / "cup.jpg")
    visitor.rest()
    assert "two boxes" in visitor.status()
    visitor.page.locator("#run").focus()
    visitor.mark()
    visitor.paste(folder / "cup.jpg")
    visitor.settled("your photo")


def test_a_picture_of_another_page_that_holds_its_pixels_is_an_upload(visitor, folder) -> None:
    pixels = b64encode((folder / "cat.png").read_bytes()).decode()
    visitor.mark()
    visitor.drop(html=f'<img src="data:image/png;base64,{pixels}">')
    visitor.settled("your photo")


def test_a_picture_of_another_page_of_which_only_the_address_comes_gets_a_sentence(visitor) -> None:
    visitor.drop(html='<img src="https://example.org/cat.png">')
    visitor.page.locator("#notice").wait_for()
    assert "Save the picture" in visitor.page.locator("#notice").inner_text()
    visitor.rest()
    assert "two boxes" in visitor.status()


def test_a_photo_and_its_depth_map_are_dropped_together(visitor, folder) -> None:
    visitor.mark()
    visitor.drop(folder / "cup.jpg", folder / "depth.npy")
    visitor.settled("depth.npy")
    assert "your photo" in visitor.status()


def test_a_depth_map_goes_to_its_own_box(visitor, folder) -> None:
    visitor.drop(folder / "wide.npy")
    alert = visitor.page.locator("#status [role=alert]")
    alert.wait_for()
    visitor.page.get_by_role("button", name="Your own depth map").click()
    visitor.page.locator("#depth-file", has_text="wide").wait_for()
    visitor.page.get_by_role("button", name="Your own depth map").click()
    visitor.mark()
    visitor.open_example(0)
    visitor.settled("two boxes")


def test_of_two_photos_the_first_is_taken_and_the_page_says_so(visitor, folder) -> None:
    visitor.mark()
    visitor.drop(folder / "cup.jpg", folder / "cat.png")
    visitor.settled("your photo")
    assert "one photo" in visitor.page.locator("#notice").inner_text()


def test_a_tiff_has_a_preview(visitor, folder) -> None:
    visitor.mark()
    visitor.upload(folder / "cup.tif")
    visitor.settled("your photo")
    assert visitor.preview().std() > 20
    assert ".heic" in visitor.page.locator("#sent-photo input[type=file]").get_attribute("accept")


def test_a_file_that_is_no_photo_leaves_no_broken_picture(visitor, tmp_path) -> None:
    file = tmp_path / "holiday.jpg"
    file.write_text("no picture")
    visitor.drop(file)
    visitor.page.locator("#status [role=alert]").wait_for()
    visitor.rest()
    assert visitor.page.locator("#upload img").count() == 0
    visitor.mark()
    visitor.open_example(0)
    visitor.settled("two boxes")


# ---- numbers


def typed(visitor: Visitor, name: str, text: str) -> str:
    """Type a number key by key; gives what the control says below it."""
    field = visitor.page.locator(f"#{name} input[type=number]")
    field.click(click_count=3)
    visitor.page.keyboard.type(text)
    visitor.page.keyboard.press("Enter")
    visitor.rest()
    note = visitor.page.locator(f"#{name} .range-note")
    return note.inner_text() if note.count() else ""


def test_a_number_out_of_range_is_said_at_its_control_and_what_runs_stays(visitor) -> None:
    before, asked = visitor.sources(), len(visitor.requests)
    assert typed(visitor, "beta", "5") == "β is between 0 and 1; 0.45 is used."
    assert visitor.number("beta") == 0.45
    assert visitor.page.locator(".toast-body").count() == 0
    assert visitor.sources() == before and len(visitor.requests) == asked
    assert typed(visitor, "tau_knn", "0") == "τ_knn is between 0.01 and 0.4; 0.115 is used."
    assert typed(visitor, "beta", "-1") == "β is between 0 and 1; 0.45 is used."


def test_a_field_that_is_left_out_of_range_is_said_too(visitor) -> None:
    field = visitor.page.locator("#beta input[type=number]")
    field.fill("7")
    visitor.page.locator("#title").click()
    assert "0.45 is used" in visitor.page.locator("#beta .range-note").inner_text()
    assert visitor.number("beta") == 0.45


def test_an_empty_field_returns_to_what_runs(visitor) -> None:
    field = visitor.page.locator("#beta input[type=number]")
    field.fill("")
    field.press("Tab")
    assert visitor.page.locator("#beta .range-note").inner_text() == "β needs a number; 0.45 is used."
    assert visitor.number("beta") == 0.45


def test_a_number_in_range_takes_the_sentence_away(visitor) -> None:
    typed(visitor, "beta", "5")
    visitor.mark()
    assert typed(visitor, "beta", "0.3") == ""
    assert visitor.number("beta") == 0.3
    visitor.reset()


@pytest.mark.parametrize("name", ["score-threshold", "training-steps"])
def test_every_number_on_the_page_is_watched(visitor, name: str) -> None:
    visitor.open_tab("Detector")
    assert "is used" in typed(visitor, name, "9000")
    visitor.open_tab("Pipeline")
