"""The report of `cuts3d segment --figures`: it opens without a network and draws every chart."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from cuts3d import Explorer
from cuts3d.errors import InputError
from cuts3d.figures.report import report_html, report_sections

pytestmark = pytest.mark.browser


@pytest.fixture
def explorer(photo, pixel_config) -> Explorer:
    opened = Explorer(photo.image, pixel_config, depth=photo.depth)
    opened.update()
    return opened


@pytest.mark.parametrize("width", [1200, 390], ids=["desktop", "phone"])
def test_the_report_opens_offline_and_draws_all_charts(explorer, browser, tmp_path: Path, width):
    path = tmp_path / "report.html"
    path.write_text(report_html(explorer, title="</script> & photo"), encoding="utf-8")
    context = browser.new_context(offline=True, viewport={"width": width, "height": 900}, color_scheme="dark")
    try:
        page = context.new_page()
        page.set_default_timeout(120_000)
        said, asked = [], []
        page.on("console", lambda message: said.append(message.text) if message.type == "error" else None)
        page.on("pageerror", lambda error: said.append(str(error)))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(path.as_uri())
        count = len(list(report_sections(explorer)))
        page.wait_for_function(f"document.querySelectorAll('.chart .main-svg').length >= {count}")
        drawn = page.evaluate("places.map(p => p.data.length > 0 && p.querySelector('.main-svg') !== null)")
        assert drawn == [True] * count
        assert page.evaluate("places.every(p => p.layout.template.layout.paper_bgcolor === '#12161c')")
        page.click("#theme")
        assert page.evaluate("places.every(p => p.layout.template.layout.paper_bgcolor === '#ffffff')")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        assert page.title() == "</script> & photo"
        assert said == []
        assert [url for url in asked if not url.startswith(("file:", "data:", "blob:"))] == []
    finally:
        context.close()


def test_dragging_tau_counts_the_links_again(explorer, browser, tmp_path: Path):
    path = tmp_path / "report.html"
    path.write_text(report_html(explorer, title="photo"), encoding="utf-8")
    page = browser.new_page()
    try:
        page.set_default_timeout(120_000)
        page.goto(path.as_uri())
        place = "places.find(p => (p.layout.shapes || []).some(s => s.name === 'tau_ncut'))"
        page.evaluate(f"Plotly.relayout({place}, {{'shapes[0].x0': 0.9, 'shapes[0].x1': 0.9}})")
        page.wait_for_function(f"{place}.layout.shapes[0].label.text === 'τ_ncut 0.900'")
        values = page.evaluate(f"{place}.layout.meta.after")
        linked = 100 * sum(value > 0.9 for value in values) / len(values)
        assert page.evaluate(f"{place}.data[1].name") == f"after sharpening: {linked:.1f} % linked"
    finally:
        page.close()


def test_plotly_is_in_the_report_once_and_nothing_is_loaded(explorer):
    html = report_html(explorer, title="photo")
    assert html.count("plotly.js v") == 1
    assert not re.search(r"<(?:script|link|img)\b[^>]*(?:src|href)=[\"']https?:", html)


def test_a_photo_that_was_not_segmented_has_no_report(photo, pixel_config):
    with pytest.raises(InputError, match="needs a complete run"):
        report_html(Explorer(photo.image, pixel_config, depth=photo.depth), title="photo")
