"""The page on a phone, in the dark, by keyboard alone, and as a screen reader hears it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from visitor import TABS, Visitor, assert_clean

pytestmark = pytest.mark.browser
PHONE: dict[str, Any] = {"viewport": {"width": 390, "height": 844}, "is_mobile": True, "has_touch": True}
NAMED = {
    "application", "button", "checkbox", "combobox", "link", "listbox", "radio", "radiogroup", "searchbox", "slider",
    "spinbutton", "switch", "tab", "textbox",
}  # fmt: skip


@pytest.fixture(scope="module")
def opened(browser, page_url) -> Iterator[Visitor]:
    visitor = Visitor(browser, page_url)
    visitor.open_folds()
    yield visitor
    visitor.close()


@pytest.fixture
def visitor(opened: Visitor) -> Iterator[Visitor]:
    yield opened
    assert_clean(opened)


@pytest.mark.parametrize("mode", ["light", "dark"])
def test_a_phone_never_scrolls_sideways(browser, page_url, mode: str) -> None:
    phone = Visitor(browser, page_url, color_scheme=mode, **PHONE)
    background = phone.page.evaluate("getComputedStyle(document.body).backgroundColor")
    levels = [int(x) for x in background[background.index("(") + 1 : -1].split(",")[:3]]
    assert (sum(levels) > 384) == (mode == "light"), background
    too_wide = {}
    for title in TABS:
        phone.open_tab(title)
        phone.page.wait_for_timeout(150)
        width = phone.page.evaluate("document.documentElement.scrollWidth")
        if width > 391:
            too_wide[title] = width
    assert too_wide == {}
    phone.open_tab("3D")
    turn_by_finger(phone)
    assert_clean(phone)
    phone.close()


def turn_by_finger(phone: Visitor) -> None:
    canvas = phone.page.locator("#viewer canvas")
    canvas.scroll_into_view_if_needed()
    box = canvas.bounding_box()
    assert box["width"] > 250 and box["height"] > 200
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    before, scrolled = phone.camera(), phone.page.evaluate("scrollY")
    touch = phone.context.new_cdp_session(phone.page)
    for kind, dx in (("touchStart", 0), ("touchMove", 20), ("touchMove", 60), ("touchEnd", None)):
        fingers = [] if dx is None else [{"x": x + dx, "y": y + dx / 4, "id": 0}]
        touch.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": fingers})
    after = phone.camera()
    assert after[0] != before[0] and after[2:] == before[2:]
    assert phone.page.evaluate("scrollY") == scrolled


REACHED = """() => {
  const e = document.activeElement;
  if (!e || e === document.body) return "";
  const at = e.closest("[id]")?.id ?? "";
  const inside = e.closest("#beta, #tau_knn, #examples, #preset, #upload, #viewer, #picture-photo, #histogram, #link");
  return [e.tagName, e.type ?? "", e.getAttribute("role") ?? "", inside?.id ?? at].join(" ");
}"""


REACHABLE = (
    "BUTTON submit examples",
    "INPUT radio preset",
    "INPUT number tau_knn",
    "INPUT range tau_knn",
    "INPUT range beta",
    "BUTTON submit run",
    "BUTTON submit reset",
    "DIV picture-photo",
)


def stops(visitor: Visitor, most: int = 160) -> list[str]:
    """What Tab reaches, from the top of the page."""
    visitor.page.evaluate(
        "() => { document.activeElement?.blur(); window.getSelection().removeAllRanges(); scrollTo(0, 0); }"
    )
    visitor.page.locator("#title h1").click()
    found: list[str] = []
    for _ in range(most):
        visitor.page.keyboard.press("Tab")
        stop = visitor.page.evaluate(REACHED)
        if not stop:
            break
        found.append(stop)
    return found


def test_tab_reaches_every_control(browser, page_url) -> None:
    visitor = Visitor(browser, page_url)
    found = stops(visitor)
    for wanted in REACHABLE:
        assert any(stop.split() == wanted.split() for stop in found), (wanted, found)
    assert any(" tab " in stop for stop in found), found
    assert any(stop.endswith(" upload") for stop in found), found
    visitor.page.get_by_role("tab", name="Affinity", exact=True).first.focus()
    visitor.page.keyboard.press("Enter")
    visitor.page.locator(TABS["Affinity"]).wait_for()
    assert any(stop.endswith("slider histogram") for stop in stops(visitor))
    visitor.open_tab("3D")
    reached = stops(visitor)
    assert any(stop.startswith("CANVAS") and stop.endswith("viewer") for stop in reached), reached
    assert any(stop.startswith("SELECT") and stop.endswith("viewer") for stop in reached), reached
    assert_clean(visitor)
    visitor.close()


def test_the_viewer_turns_by_arrow_keys_and_the_slider_moves(visitor) -> None:
    visitor.open_tab("3D")
    before = visitor.camera()
    visitor.page.locator("#viewer canvas").focus()
    visitor.page.keyboard.press("ArrowLeft")
    assert visitor.camera()[0] != before[0]
    visitor.mark()
    visitor.page.locator("#tau_knn input[type=range]").focus()
    visitor.page.keyboard.press("ArrowRight")
    visitor.settled()
    assert visitor.number("tau_knn") == pytest.approx(0.12)
    assert visitor.camera()[0] != before[0]


@pytest.mark.parametrize("title", list(TABS))
def test_every_control_has_a_name(visitor, title: str) -> None:
    visitor.open_tab(title)
    if title == "Export":
        visitor.page.locator("#prepare").click()
        visitor.page.locator("#files a[download]").first.wait_for()
    devtools = visitor.context.new_cdp_session(visitor.page)
    nodes = devtools.send("Accessibility.getFullAXTree")["nodes"]
    shown = [n for n in nodes if not n.get("ignored") and n["role"]["value"] in NAMED]
    assert len(shown) > 60
    nameless = [n for n in shown if not str(n.get("name", {}).get("value", "")).strip()]
    described = [devtools.send("DOM.describeNode", {"backendNodeId": n["backendDOMNodeId"]})["node"] for n in nameless]
    assert [(d["localName"], d.get("attributes")) for d in described] == []
