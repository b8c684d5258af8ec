"""Screenshots of the real page for the README: `python -m scripts.readme_picture` writes `assets/page.jpg`.

The page must run on http://127.0.0.1:7860 (`make app`); Debian's chromium takes the screenshots.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import sync_playwright

OUT = Path(__file__).resolve().parents[1] / "assets" / "page.jpg"
URL = "http://127.0.0.1:7860/?example=cup-of-coffee"
SIZE = {"width": 1440, "height": 860}
FLAGS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
READY = "document.querySelector('#status')?.innerText.includes('backbone:') && !document.querySelector('.pending')"


def main() -> None:
    """Put the Pipeline tab in light mode above the 3D tab in dark mode."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=FLAGS)
        shots = [shoot(browser, "light", None), shoot(browser, "dark", "3D")]
        browser.close()
    sheet = Image.new("RGB", (SIZE["width"], sum(s.height for s in shots)))
    for index, shot in enumerate(shots):
        sheet.paste(shot, (0, sum(s.height for s in shots[:index])))
    sheet.save(OUT, quality=84, optimize=True)


def shoot(browser: Any, scheme: str, tab: str | None) -> Image.Image:
    """Screenshot of one tab in one colour scheme; None: the first tab."""
    page = browser.new_page(viewport=SIZE, color_scheme=scheme)
    page.goto(URL)
    page.wait_for_function(READY, timeout=120_000)
    if tab:
        page.get_by_role("tab", name=tab, exact=True).click()
        page.wait_for_timeout(2500)
    picture = Image.open(io.BytesIO(page.screenshot())).convert("RGB")
    page.close()
    return picture.crop((0, 0, SIZE["width"], 790 if tab is None else SIZE["height"]))


if __name__ == "__main__":
    main()
