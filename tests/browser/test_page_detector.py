"""The Detector tab in a real browser: it opens, the threshold moves it, a training begins and is cancelled."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from visitor import Visitor, assert_clean

WEIGHTS = Path(__file__).resolve().parents[2] / "cuts3d" / "data" / "detector_light.safetensors"
PATIENCE = 180_000  # milliseconds; a network is loaded on cores that may be shared
LOOKED = "() => document.querySelector('#detections section') && !document.querySelector('#detections .waiting')"

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not WEIGHTS.is_file(), reason=f"no detector is shipped yet: '{WEIGHTS.name}' is missing"),
]


@pytest.fixture(scope="module")
def opened(browser, page_url) -> Iterator[Visitor]:
    visitor = Visitor(browser, page_url + "?example=astronaut&image_size=224")
    visitor.page.set_default_timeout(PATIENCE)
    visitor.open_tab("Detector")
    visitor.page.wait_for_function(LOOKED, timeout=PATIENCE)
    yield visitor
    visitor.close()


@pytest.fixture
def visitor(opened: Visitor) -> Iterator[Visitor]:
    yield opened
    assert_clean(opened)


def shapes(visitor: Visitor) -> int:
    return visitor.page.locator("#detections path").count()


def test_detections_stand_beside_the_pseudo_masks(visitor: Visitor) -> None:
    headings = visitor.page.locator("#detections h3").all_inner_texts()
    assert headings[0] == "Pseudo-masks"
    assert headings[-1] == "Detector, final"
    assert visitor.page.locator("#detections section").last.locator("path").count() >= 1
    assert "EfficientNet-Lite0" in visitor.page.locator("#detections .about").last.inner_text()
    assert "10.7" in visitor.page.locator("#training-report").inner_text()


def test_one_object_lights_up_in_every_picture(visitor: Visitor) -> None:
    visitor.page.locator("#detections path[data-instance='0']").first.focus()
    visitor.page.keyboard.press("Tab")  # a key, so that the focus is shown
    visitor.page.wait_for_function("() => document.querySelector('#detections path.hot')")
    lit = visitor.page.evaluate(
        "() => new Set([...document.querySelectorAll('#detections path.hot')].map((p) => p.dataset.instance)).size"
    )
    assert lit == 1
    visitor.page.locator("#detect").focus()


def test_the_threshold_moves_what_is_shown(visitor: Visitor) -> None:
    field = visitor.page.locator("#score-threshold input[type=number]")
    before = shapes(visitor)
    field.fill("0.1")
    field.press("Enter")
    visitor.page.wait_for_function("n => document.querySelectorAll('#detections path').length > n", arg=before)
    field.fill("0.5")
    field.press("Enter")
    visitor.page.wait_for_function("n => document.querySelectorAll('#detections path').length === n", arg=before)


def test_a_training_begins_and_is_cancelled(visitor: Visitor) -> None:
    visitor.page.locator("#train").click()
    progress = visitor.page.locator("#training-progress")
    progress.locator("text=Pseudo-labels").wait_for()
    visitor.page.locator("#cancel-training").click()
    progress.locator("text=Cancelled after").wait_for()
    assert not visitor.page.locator("#trained-file").is_visible()
