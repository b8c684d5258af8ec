"""The same layers as HTML and as pixels: well-formed, escaped, and of one look."""

from __future__ import annotations

import base64
import io
import re
import xml.etree.ElementTree as ET
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from cuts3d.figures.colours import AFFINITY, CONFIDENCE, Scale
from ui.draw.picture import Label, Mark, Picture, shade
from ui.draw.render import MARK_COLOURS, SIDE, data_uri, legend, page_shape, photo_uri, to_html, to_image, waiting

TEXTS = st.text(st.characters(exclude_categories=["C"]), max_size=20)
PIXELS = hnp.arrays(
    np.uint8, st.tuples(st.integers(1, 6), st.integers(1, 6), st.sampled_from([3, 4])), elements=st.integers(0, 255)
)
SHARES = st.floats(0, 1)
MARKS = st.builds(Mark, SHARES, SHARES, st.sampled_from(sorted(MARK_COLOURS)))
LABELS = st.builds(Label, SHARES, SHARES, TEXTS, st.tuples(*[st.integers(0, 255)] * 3))
PICTURES = st.builds(
    Picture,
    alt=TEXTS,
    photo=st.booleans(),
    pixels=st.none() | PIXELS,
    smooth=st.booleans(),
    marks=st.lists(MARKS, max_size=3).map(tuple),
    labels=st.lists(LABELS, max_size=3).map(tuple),
    scale=st.sampled_from([None, AFFINITY, CONFIDENCE]),
)
SHAPES = st.tuples(st.integers(8, 1600), st.integers(8, 1600))


def tree(fragment: str) -> ET.Element:
    """The fragment as XML; `img` is the one element of it that HTML does not close."""
    closed = re.sub(r"<img([^>]*[^/>])>", r"<img\1/>", fragment)
    return ET.fromstring(f"<root>{closed}</root>")


def decoded(uri: str) -> np.ndarray:
    head, _, body = uri.partition(",")
    assert re.fullmatch(r"data:image/(png|webp);base64", head)
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(body, validate=True))))


@given(PIXELS)
def test_a_png_of_pixels_holds_these_pixels(pixels):
    np.testing.assert_array_equal(decoded(data_uri(pixels)), pixels)
    np.testing.assert_array_equal(decoded(data_uri(pixels, compress_level=1)), pixels)


def test_the_photo_is_sent_as_webp_at_the_page_s_size(photo):
    uri = photo_uri(photo.image)
    assert uri.startswith("data:image/webp;")
    back = decoded(uri)
    assert back.shape == (540, 720, 3)
    large = np.asarray(Image.fromarray(photo.image).resize((720, 540), Image.Resampling.BILINEAR))
    assert np.abs(back.astype(float) - large).mean() < 8


@given(SHAPES)
def test_a_picture_keeps_the_photo_s_proportions_at_one_longer_side(shape):
    h, w = page_shape(shape)
    assert max(h, w) == SIDE
    assert min(h, w) >= 1
    assert h == pytest.approx(SIDE * shape[0] / max(shape), abs=1)
    assert w == pytest.approx(SIDE * shape[1] / max(shape), abs=1)


@given(PICTURES, SHAPES)
def test_html_of_a_picture_is_well_formed_and_has_every_layer_once(picture, shape):
    root = tree(to_html(picture, shape))
    box = root.find("div[@class='picture']")
    assert box is not None
    assert box.attrib["role"] == "img"
    assert box.attrib["aria-label"] == picture.alt
    assert box.attrib["style"] == f"aspect-ratio:{shape[1]}/{shape[0]}"
    assert (box.find("div[@class='photo']") is not None) == picture.photo
    assert len(box.findall("img")) == (picture.pixels is not None)
    assert len(box.findall("svg")) == bool(picture.marks)
    assert [b.text or "" for b in box.findall("b")] == [label.text for label in picture.labels]
    assert len(root.findall("div[@class='legend']")) == (picture.scale is not None)


class Balance(HTMLParser):
    """Reads as a browser does; knows which elements need no end."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.problems: list[str] = []

    def handle_starttag(self, tag, attrs):
        if tag != "img":
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        if tag != "circle":  # only SVG's own elements may close themselves
            self.problems.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.problems.append(tag)


@given(PICTURES)
def test_html_of_a_picture_is_balanced_for_a_browser(picture):
    reader = Balance()
    reader.feed(to_html(picture, (90, 120)) + waiting((90, 120)))
    reader.close()
    assert reader.open == []
    assert reader.problems == []


@pytest.mark.parametrize("text", ['"><script>alert(1)</script>', "a & b", "<b>", "'"])
def test_text_is_escaped(text):
    picture = Picture(alt=text, labels=(Label(0.5, 0.5, text, (1, 2, 3)),), scale=Scale("Viridis", text, text))
    root = tree(to_html(picture, (10, 10)))
    assert root.find(".//script") is None
    assert root[0].attrib["aria-label"] == text
    assert [span.text for span in root.findall(".//span")] == [text, text]
    assert [b.text for b in root.findall("div/b")] == [text]


@given(MARKS, SHAPES)
def test_a_ring_is_at_its_position_in_pixels_of_the_photo(mark, shape):
    svg = tree(to_html(Picture(alt="", marks=(mark,)), shape)).find(".//svg")
    assert svg is not None
    assert svg.attrib["viewBox"] == f"0 0 {shape[1]} {shape[0]}"
    back, ring = svg.findall("circle")
    assert ring.attrib["class"] == f"ring {mark.kind}"
    for circle in (back, ring):
        assert float(circle.attrib["cx"]) == pytest.approx(mark.x * shape[1], abs=0.06)
        assert float(circle.attrib["cy"]) == pytest.approx(mark.y * shape[0], abs=0.06)
        assert 0 < float(circle.attrib["r"]) < max(shape) / 20


def test_patches_stay_squares_without_loss_and_smooth_pictures_are_webp():
    pixels = np.random.default_rng(0).integers(0, 256, (5, 7, 4), dtype=np.uint8)
    for smooth in (False, True):
        image = tree(to_html(Picture(alt="", pixels=pixels, smooth=smooth), (50, 70))).find(".//img")
        assert image is not None
        assert image.attrib["alt"] == ""
        assert image.attrib["class"].split() == ["pixels", "smooth"][: 1 + smooth]
        assert image.attrib["src"].startswith("data:image/webp" if smooth else "data:image/png")
        assert decoded(image.attrib["src"]).shape[:2] == (5, 7)
        if not smooth:
            np.testing.assert_array_equal(decoded(image.attrib["src"]), pixels)


def test_a_legend_runs_from_the_scale_s_first_colour_with_words_at_both_ends():
    root = tree(legend(AFFINITY))
    assert [span.text for span in root.findall(".//span")] == ["unlike", "alike"]
    bar = root.find(".//i")
    assert bar is not None
    colours = [tuple(map(int, found)) for found in re.findall(r"rgb\((\d+),(\d+),(\d+)\)", bar.attrib["style"])]
    assert colours[0] == (68, 1, 84)  # Viridis
    assert len(colours) == len(set(colours)) >= 8
    assert legend(None) == ""


def test_a_legend_ends_with_the_scale_s_last_colour():
    colours = re.findall(r"rgb\((\d+),(\d+),(\d+)\)", legend(AFFINITY))
    assert tuple(map(int, colours[-1])) == (253, 231, 37)


# ---- pixels


def inside(image: np.ndarray, y: float, x: float) -> np.ndarray:
    return image[int(y * image.shape[0]), int(x * image.shape[1])]


@given(PICTURES)
def test_every_picture_can_be_saved(picture):
    photo = np.full((30, 40, 3), 90, dtype=np.uint8)
    image = to_image(picture, photo)
    assert image.shape == (540, 720, 3)
    assert image.dtype == np.uint8


@pytest.mark.parametrize("size", [(8, 8), (8, 1600), (1600, 8), (120, 160)])
def test_pixels_have_the_page_s_size_for_every_photo(size):
    photo = np.full((*size, 3), 200, dtype=np.uint8)
    assert to_image(Picture(alt="", photo=True), photo).shape == (*page_shape(size), 3)


def test_the_photo_shows_where_the_layer_is_transparent_and_the_layer_where_it_is_opaque():
    photo = np.full((40, 40, 3), (10, 200, 30), dtype=np.uint8)
    pixels = np.zeros((2, 2, 4), dtype=np.uint8)
    pixels[0, 1] = (250, 0, 0, 255)
    pixels[1, 0] = (250, 0, 0, 51)
    image = to_image(Picture(alt="", photo=True, pixels=pixels), photo)
    np.testing.assert_array_equal(inside(image, 0.25, 0.25), (10, 200, 30))
    np.testing.assert_array_equal(inside(image, 0.25, 0.75), (250, 0, 0))
    np.testing.assert_allclose(
        inside(image, 0.75, 0.25), 0.2 * np.array([250, 0, 0]) + 0.8 * np.array([10, 200, 30]), atol=1
    )
    np.testing.assert_array_equal(inside(image, 0.75, 0.75), (10, 200, 30))


def test_without_the_photo_the_background_is_black():
    photo = np.full((40, 40, 3), 200, dtype=np.uint8)
    assert not to_image(Picture(alt=""), photo).any()
    assert (to_image(Picture(alt="", pixels=shade(np.ones((2, 2), bool))), photo) == 0).all()


def test_opaque_pixels_hide_the_photo_and_stay_squares():
    photo = np.full((40, 60, 3), 200, dtype=np.uint8)
    pixels = np.random.default_rng(4).integers(0, 256, (2, 3, 3), dtype=np.uint8)
    image = to_image(Picture(alt="", photo=True, pixels=pixels), photo)
    np.testing.assert_array_equal(image, np.repeat(np.repeat(pixels, 240, axis=0), 240, axis=1))


@pytest.mark.parametrize("kind", MARK_COLOURS)
def test_a_ring_is_drawn_in_its_colour_and_its_centre_is_free(kind):
    photo = np.full((60, 80, 3), 128, dtype=np.uint8)
    image = to_image(Picture(alt="", photo=True, marks=(Mark(0.25, 0.5, kind),)), photo)
    ring = (image == MARK_COLOURS[kind]).all(axis=2)
    rows, columns = np.nonzero(ring)
    assert rows.size > 50
    assert rows.mean() == pytest.approx(0.25 * image.shape[0], abs=1.5)
    assert columns.mean() == pytest.approx(0.5 * image.shape[1], abs=1.5)
    np.testing.assert_array_equal(inside(image, 0.25, 0.5), (128, 128, 128))


def test_marks_of_every_kind_on_the_page_have_a_colour_in_files():
    from typing import get_args

    from ui.draw.picture import MarkKind

    assert set(MARK_COLOURS) == set(get_args(MarkKind))


def test_a_number_is_written_at_its_position_in_its_colour():
    photo = np.full((60, 80, 3), 128, dtype=np.uint8)
    image = to_image(Picture(alt="", photo=True, labels=(Label(0.5, 0.25, "8", (230, 159, 0)),)), photo)
    changed = (image != 128).any(axis=2)
    rows, columns = np.nonzero(changed)
    assert rows.mean() == pytest.approx(270, abs=4)
    assert columns.mean() == pytest.approx(180, abs=4)
    assert (image == (230, 159, 0)).all(axis=2).any()


def test_a_waiting_picture_has_the_photo_s_proportions():
    box = tree(waiting((90, 120, 3)))[0]
    assert box.attrib == {"class": "picture waiting", "style": "aspect-ratio:120/90"}
