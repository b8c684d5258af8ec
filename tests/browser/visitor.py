"""A visitor of the page: opens it, uses its controls as a person does, and asks what is to be seen."""

from __future__ import annotations

import io
import re
import time
from base64 import b64encode
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from PIL import Image

PATIENCE = 60_000  # milliseconds; two cores may be shared
PICTURES = (
    "photo", "depth", "importance", "before", "after", "eigenvector", "bipartition", "partition", "confidence", "masks",
)  # fmt: skip
TABS = {  # title -> what is to be seen once it has been drawn
    "Pipeline": "#picture-masks .picture",
    "Affinity": "#histogram .affinity-chart",
    "NCut": "#spectrum .spectrum-chart",
    "3D": "#viewer .c3v[data-state=ready]",
    "Confidence": "#cuts figure img",
    "Instances": "#instances path[data-instance]",
    "Methods": "#method-table table",
    "Export": "#link input",
    "Detector": "#detections h3",
}
WATCH = """
globalThis.requestsOpen = 0;
{
  const ask = window.fetch;  // the page's own script comes later and goes through this
  window.fetch = async (...request) => {
    const url = String(request[0]?.url ?? request[0]);
    if (url.includes('/queue/join')) requestsOpen += 1;
    const response = await ask.apply(window, request).catch((error) => {
      if (url.includes('/queue/join')) requestsOpen -= 1;
      throw error;
    });
    if (url.includes('/queue/join') && !response.ok) requestsOpen -= 1;
    if (!url.includes('/queue/data') || !response.body) return response;
    const [decoder, mark] = [new TextDecoder(), '"msg":"process_completed"'];
    let text = '';
    const count = new TransformStream({
      transform(bytes, stream) {
        text += decoder.decode(bytes, { stream: true });
        const ended = text.split(mark).length - 1;
        text = text.slice(Math.max(text.lastIndexOf(mark) + 1, text.length - mark.length + 1));
        requestsOpen -= ended;
        stream.enqueue(bytes);
      },
    });
    return new Response(response.body.pipeThrough(count), response);
  };
}
globalThis.statusSeen = 0;
new MutationObserver((records) => {
  const inside = (node) => (node.nodeType === 1 ? node : node.parentElement)?.closest('#status');
  if (records.some((r) => inside(r.target))) statusSeen += 1;
}).observe(document, { subtree: true, childList: true, characterData: true });
globalThis.quietLooks = 0;  // in a row; between two of them the page works through what has come
globalThis.atRest = () => {
  quietLooks = requestsOpen || document.querySelector('#status .pending, #status progress') ? 0 : quietLooks + 1;
  return quietLooks > 20;
};
"""
AT_REST = "() => atRest()"
SETTLED = """([changes, words]) => {
  const box = document.querySelector('#status');
  if (!atRest() || !box || statusSeen <= changes) return false;
  return ['backbone:', words].every((part) => box.innerText.includes(part));
}"""
MADE = """
const made = (contents) => {
  const data = new DataTransfer();
  for (const [name, text] of contents)
    data.items.add(new File([Uint8Array.from(atob(text), (c) => c.charCodeAt(0))], name, { type: '' }));
  return data;
};
"""
DROP = f"""([place, contents, html]) => {{ {MADE}
  const data = made(contents);
  if (html) data.setData('text/html', html);
  const events = ['dragenter', 'dragover', 'drop'].map((name) => [
    new DragEvent(name, {{ bubbles: true, cancelable: true, dataTransfer: data }}), document.querySelector(place)]);
  for (const [event, target] of events)
    if (target.dispatchEvent(event)) throw new Error(event.type + ': the browser would leave the page');
}}"""
PASTE = f"""([contents]) => {{ {MADE}
  document.activeElement.dispatchEvent(
    new ClipboardEvent('paste', {{ bubbles: true, cancelable: true, clipboardData: made(contents) }}));
}}"""
STREAMS = ("/queue/data", "/heartbeat", "/upload_progress")  # Gradio ends them, which the browser calls aborted


class Visitor:
    """One browser context with the page open in it.

    Attributes:
        errors: What the console, the scripts and the network complained about.
        hosts: Every host that was asked for something.
        requests: Addresses of all requests.
    """

    def __init__(self, browser: Any, url: str, *, wait: bool = True, **options: Any) -> None:
        settings: dict[str, Any] = {"viewport": {"width": 1440, "height": 900}, "color_scheme": "light"}
        self.context = browser.new_context(**(settings | options))
        self.context.set_default_timeout(PATIENCE)
        self.page = self.context.new_page()
        self.page.add_init_script(WATCH)
        self.errors: list[str] = []
        self.hosts: set[str] = set()
        self.requests: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", lambda m: self.errors.append(m.text) if m.type == "error" else None)
        self.page.on("requestfailed", self._failed)
        self.page.on("response", lambda r: self.errors.append(f"{r.status} {r.url}") if r.status >= 400 else None)
        self.page.on("request", self._asked)
        self.page.goto(url)
        self.changes = 0
        self.moved = False  # whether a parameter is another than at first
        if wait:
            self.settled()

    def close(self) -> None:
        self.context.close()

    def _asked(self, request: Any) -> None:
        if not request.url.endswith("/app_id"):  # the page looks whether its server is there
            self.requests.append(request.url)
        parts = urlsplit(request.url)
        self.hosts.add(parts.hostname or parts.scheme)

    def _failed(self, request: Any) -> None:
        if not any(stream in request.url for stream in STREAMS):
            self.errors.append(f"failed: {request.url} {request.failure}")

    # what is to be seen

    def wait_for(self, true: Callable[[], Any]) -> None:
        """Wait until something in the test itself is true; the browser's events arrive meanwhile."""
        end = time.monotonic() + PATIENCE / 1000
        while not true() and time.monotonic() < end:
            self.page.wait_for_timeout(20)
        assert true()

    def rest(self) -> None:
        """Wait until every request has its whole answer and the page has taken it."""
        self.page.evaluate("quietLooks = 0")
        self.page.wait_for_function(AT_REST)

    def mark(self) -> None:
        """What the status line says from now on counts as new; first wait until nothing older can change it."""
        self.rest()
        self.changes = self.page.evaluate("statusSeen")

    def settled(self, words: str = "") -> str:
        """Wait until the status line has changed since `mark`, says `words` and is final; gives what it says."""
        self.page.evaluate("quietLooks = 0")
        self.page.wait_for_function(SETTLED, arg=[self.changes, words])
        self.changes = self.page.evaluate("statusSeen")
        return self.status()

    def status(self) -> str:
        return self.page.locator("#status").inner_text()

    def source(self, name: str) -> str | None:
        """What a picture is made of: its pixels and rings. None where it is not there."""
        return self.page.evaluate(
            "id => [...document.querySelectorAll(id + ' .picture')].map((p) => p.outerHTML)[0] ?? null",
            f"#picture-{name}",
        )

    def pixels_of(self, name: str) -> str | None:
        """The image of a picture, without its rings."""
        return self.page.evaluate(
            "id => document.querySelector(id + ' .pixels')?.getAttribute('src') ?? null", f"#picture-{name}"
        )

    def sources(self) -> dict[str, str | None]:
        return {name: self.source(name) for name in PICTURES}

    def photo(self) -> str:
        return self.page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--photo')")

    def wait_for_change(self, name: str, old: str | None) -> None:
        """Wait until a picture's pixels are others than `old`."""
        self.page.wait_for_function(
            "([id, old]) => ![old, null, undefined].includes(document.querySelector(id)?.getAttribute('src'))",
            arg=[f"#picture-{name} .pixels", old],
        )

    def patch(self) -> tuple[int, int]:
        """Row and column of the chosen patch, from 1, as the photo's description says them."""
        words = self.page.locator("#picture-photo .picture").get_attribute("aria-label")
        row, column = re.findall(r"(?:row|column) (\d+)", words or "")
        return int(row), int(column)

    def wait_for_patch(self, patch: tuple[int, int]) -> None:
        row, column = patch
        self.page.wait_for_function(
            "words => new RegExp(words).test(document.querySelector('#picture-photo .picture').ariaLabel)",
            arg=rf"row {row} of \d+, column {column} of",
        )

    def number(self, name: str) -> float:
        return float(self.page.locator(f"#{name} input[type=number]").input_value())

    # what a person does

    def open_tab(self, title: str) -> None:
        tab = self.page.get_by_role("tab", name=title, exact=True).first
        if tab.count() and tab.is_visible():
            tab.click()
        else:
            self.page.locator("#tabs .overflow-menu > button").first.click()
            self.page.locator("#tabs .overflow-dropdown button", has_text=title).first.click()
        self.page.locator(TABS[title]).first.wait_for()

    def type_number(self, name: str, value: float) -> None:
        self.moved = True
        field = self.page.locator(f"#{name} input[type=number]")
        field.fill(f"{value:g}")
        field.press("Enter")

    def set(self, name: str, value: float) -> str:
        """Type a parameter's value and wait for the result."""
        self.mark()
        self.type_number(name, value)
        return self.settled()

    def drag(self, selector: str, dx: float, dy: float, *, at: float = 0.5, steps: int = 6) -> None:
        """Drag from a place of an element: `at` of its width, half its height."""
        target = self.page.locator(selector)
        target.scroll_into_view_if_needed()
        box = target.bounding_box()
        x, y = box["x"] + at * box["width"], box["y"] + box["height"] / 2
        self.page.mouse.move(x, y)
        self.page.mouse.down()
        self.page.mouse.move(x + dx, y + dy, steps=steps)
        self.page.mouse.up()

    def drag_range(self, name: str, value: float) -> None:
        """Drag a slider's thumb to about a value."""
        self.moved = True
        handle = f"#{name} input[type=range]"
        low, high, now = (
            float(self.page.locator(handle).evaluate(f"e => e.{part}")) for part in ("min", "max", "value")
        )
        width = self.page.locator(handle).bounding_box()["width"] - 16  # the thumb's middle stays inside
        here, there = ((v - low) / (high - low) * width for v in (now, value))
        self.drag(handle, there - here, 0, at=(8 + here) / (width + 16), steps=8)

    def open_example(self, place: int) -> None:
        self.page.locator("#examples .thumbnail-item").nth(place).click()

    def upload(self, file: Any, where: str = "#upload") -> None:
        """Choose a file; a photo that is there already is removed first, as a visitor must."""
        remove = self.page.locator(f"{where} button[aria-label='Remove Image'], {where} button[aria-label='Clear']")
        if remove.count() and remove.first.is_visible():
            remove.first.click()
            remove.first.wait_for(state="detached")
        self.page.locator(f"{where} input[type=file]").set_input_files(str(file))

    def drop(self, *files: Path, on: str = "#results", html: str = "") -> None:
        """Drop files on a place of the page, or what a browser gives for a picture of another page."""
        contents = [(file.name, b64encode(file.read_bytes()).decode()) for file in files]
        self.page.evaluate(DROP, [on, contents, html])

    def paste(self, file: Path) -> None:
        """Paste a file where the focus is."""
        self.page.evaluate(PASTE, [[(file.name, b64encode(file.read_bytes()).decode())]])

    def preview(self) -> np.ndarray:
        """What the box of the photo shows, [h, w, 3]."""
        picture = self.page.locator("#upload img")
        picture.wait_for()
        self.page.wait_for_function("() => document.querySelector('#upload img')?.naturalWidth > 0")
        return np.asarray(Image.open(io.BytesIO(picture.screenshot())).convert("RGB"))

    def reload(self, words: str = "") -> str:
        """Load the page again and wait for its result."""
        self.page.reload()
        self.changes = 0
        return self.settled(words)

    def pick_from(self, elem_id: str, text: str) -> None:
        """Choose an entry of a dropdown."""
        self.page.locator(f"#{elem_id} input").click()
        self.page.get_by_role("option", name=text, exact=True).click()

    def reset(self) -> None:
        """Bring all parameters back."""
        self.mark()
        self.page.locator("#reset").click()
        self.settled()
        self.moved = False

    def open_folds(self) -> None:
        """Open every folded group of parameters."""
        self.page.get_by_role("button", name="All parameters, by stage").click()
        folds = self.page.locator("#all-parameters .group > button")
        folds.first.wait_for()
        for fold in folds.all():
            fold.click()
        self.page.locator("#crf_min_iou input[type=number]").wait_for()

    # the viewer

    def viewer(self, code: str) -> Any:
        return self.page.evaluate(f"document.querySelector('#viewer .c3v').viewer.{code}")

    def camera(self) -> list[Any]:
        state = self.viewer("state()")
        return [state[name] for name in ("yaw", "pitch", "zoom", "target", "perspective")]

    def canvas_pixels(self) -> np.ndarray:
        self.page.wait_for_timeout(300)  # a moving cloud is drawn in full once it rests
        return np.asarray(
            Image.open(io.BytesIO(self.page.locator("#viewer canvas").screenshot())).convert("RGB")
        ).astype(int)


def changed(before: np.ndarray, after: np.ndarray) -> float:
    """Share of the pixels that differ visibly."""
    return float((np.abs(before - after).max(axis=-1) > 12).mean())


def assert_clean(visitor: Visitor) -> None:
    """Nothing was complained about, and nothing outside this machine was asked."""
    errors, visitor.errors = visitor.errors, []
    assert not errors, errors
    assert visitor.hosts <= {"127.0.0.1", "data", "blob", "file"}, visitor.hosts
