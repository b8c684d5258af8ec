"""How a notebook shows a segmentation."""

from __future__ import annotations

import base64
import dataclasses
import io
import re
import sys
from html.parser import HTMLParser

import numpy as np
import plotly.graph_objects as go
from PIL import Image

from cuts3d.io.overlays import draw_overlay


class Cells(HTMLParser):
    """Texts of the cells of a table, row by row."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[list[str]] = []

    def handle_starttag(self, tag, attrs):
        if tag == "tr":
            self.rows.append([])
        elif tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_data(self, data):
        if self.rows and self.rows[-1]:
            self.rows[-1][-1] += data


def test_a_segmentation_shows_its_masks_and_a_table(result):
    html = result._repr_html_()
    encoded = re.search(r'src="data:image/jpeg;base64,([^"]+)"', html)
    assert encoded is not None
    shown = np.asarray(Image.open(io.BytesIO(base64.b64decode(encoded[1]))).convert("RGB"))
    assert np.abs(shown.astype(int) - draw_overlay(result)).mean() < 8  # a JPEG of the overlay
    parser = Cells()
    parser.feed(html.partition("<table")[2].partition("</table>")[0])
    assert len(parser.rows) == 1 + len(result.instances)
    for row, one in zip(parser.rows[1:], result.instances, strict=True):
        assert row[1] == f"{100 * one.mask.mean():.1f}"
        assert row[2:4] == [f"{one.score:.2f}", f"{one.mean_confidence:.2f}"]
        assert row[4] == ", ".join(map(str, one.bbox))


def test_it_needs_no_plotly_and_escapes_what_others_wrote(result, monkeypatch):
    for name in [name for name in sys.modules if name.split(".")[0] == "plotly"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "plotly", None)
    depth = dataclasses.replace(result.depth, estimator="<script>alert(1)</script>")
    html = dataclasses.replace(result, depth=depth)._repr_html_()
    assert "&lt;script&gt;" in html
    assert "<script>" not in html


def test_a_segmentation_without_instances_says_so(result):
    html = dataclasses.replace(result, instances=(), confidences=())._repr_html_()
    assert "<b>0 instances</b>" in html
    assert "<table" not in html


def test_show_and_show_3d_draw_the_figures_of_the_result(result, monkeypatch):
    shown = []
    monkeypatch.setattr(go.Figure, "show", lambda figure: shown.append(figure))  # noqa: PLW0108 - it gets `self`
    result.show()
    result.show_3d(theme="dark")
    assert [figure.data[0].type for figure in shown] == ["image", "scatter3d"]
