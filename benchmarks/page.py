"""The page in headless Chromium (software GL): first result, transfer size, frame rate, eight visitors at once."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.server import serve

FLAGS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
COARSE = "document.querySelector('#status')?.innerText.includes('backbone:')"
DONE = f"{COARSE} && !document.querySelector('#status .pending')"
VISITORS = 8
PATIENCE = 300_000


def run() -> list[str]:
    from playwright.sync_api import sync_playwright

    with (
        tempfile.TemporaryDirectory(prefix="cuts3d-page-") as folder,
        serve(Path(folder)) as server,
        sync_playwright() as playwright,
    ):
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        lines = [f"| `python app.py` until it answers | {server.seconds:.1f} s |"]
        lines += _first_visit(browser, server.url, "first visit, networks loading")
        lines += _first_visit(browser, server.url, "a later visit")
        lines += _frames(browser, server.url)
        lines += _many(browser, server.url)
        browser.close()
    return lines


def _first_visit(browser: Any, url: str, name: str) -> list[str]:
    """Time from opening the page to the masks, and the size of what was sent."""
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    sizes: list[float] = []
    devtools = page.context.new_cdp_session(page)
    devtools.send("Network.enable")
    devtools.on("Network.loadingFinished", lambda event: sizes.append(event["encodedDataLength"]))
    start = time.perf_counter()
    page.goto(url)
    page.wait_for_function(COARSE, timeout=PATIENCE)
    coarse = time.perf_counter() - start
    page.wait_for_function(DONE, timeout=PATIENCE)
    done = time.perf_counter() - start
    page.wait_for_timeout(500)
    page.context.close() if page.context.pages == [page] else page.close()
    return [
        f"| {name}: masks, then after the CRF | {coarse:.1f} s, {done:.1f} s |",
        f"| {name}: requests, weight | {len(sizes)}, {sum(sizes) / 1e6:.2f} MB |",
    ]


def _frames(browser: Any, url: str) -> list[str]:
    """Frame rate of the largest cloud, drawn completely and as it is drawn while it moves."""
    page = browser.new_page(viewport={"width": 1440, "height": 900})
    page.goto(f"{url}?example=astronaut")
    page.wait_for_function(DONE, timeout=PATIENCE)
    page.get_by_role("tab", name="3D", exact=True).click()
    page.wait_for_function("document.querySelector('.c3v')?.dataset.state === 'ready'", timeout=PATIENCE)
    points = page.evaluate("document.querySelector('.c3v').viewer.state().points")
    whole = page.evaluate("document.querySelector('.c3v').viewer.bench(20)")
    moving = page.evaluate("document.querySelector('.c3v').viewer.bench(20, 2)")
    page.close()
    return [
        f"| viewer, {points:,} points, software GL, still | {whole:.0f} ms, {1000 / whole:.0f} frames a second |",
        f"| viewer, the same while it moves | {moving:.0f} ms, {1000 / moving:.0f} frames a second |",
    ]


def _many(browser: Any, url: str) -> list[str]:
    """Visitors who arrive at the same time; each has its own browser context."""
    contexts = [browser.new_context(viewport={"width": 1000, "height": 700}) for _ in range(VISITORS)]
    start, times, positions = time.perf_counter(), {}, set()
    pages = [context.new_page() for context in contexts]
    for page in pages:
        page.goto(url, wait_until="commit")
    while len(times) < VISITORS:
        for index, page in enumerate(pages):
            text = page.evaluate("document.querySelector('#status')?.innerText ?? ''")
            positions |= {word for word in text.split() if "/" in word and word.replace("/", "").isdigit()}
            if index not in times and "backbone:" in text:
                times[index] = time.perf_counter() - start
        time.sleep(0.05)
    for context in contexts:
        context.close()
    seconds = sorted(times.values())
    shown = ", ".join(sorted(positions)) or "none"
    median = statistics.median(seconds)
    return [
        f"| {VISITORS} visitors at once: first, median, last | {seconds[0]:.1f}, {median:.1f}, {seconds[-1]:.1f} s |",
        f"| positions in the queue that they were shown | {shown} |",
    ]
