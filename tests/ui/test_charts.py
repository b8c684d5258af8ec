"""The charts: valid SVG that says its number, heights and positions that mean what they claim."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ui.draw.chart_parts import BOTTOM, HEIGHT, LABEL_GAP, LEFT, RIGHT, TOP, WIDTH, nice_ticks, spread
from ui.draw.charts import BINS, CHART_CSS, CHART_JS, affinity_histogram, spectrum_chart
from ui.draw.line_charts import area_chart, loss_chart

TAUS = np.linspace(0.04, 0.115, 6)
EIGENVALUES = [0.0, 0.034, 0.155, 0.18]


def parse(html: str) -> ElementTree.Element:
    """The figure as XML, SVG tags without their namespace."""
    root = ElementTree.fromstring(html)
    for node in root.iter():
        node.tag = node.tag.split("}")[-1]
    return root


def by_class(root: ElementTree.Element, name: str) -> list[ElementTree.Element]:
    return [node for node in root.iter() if name in node.get("class", "").split()]


def one(root: ElementTree.Element, path: str) -> ElementTree.Element:
    found = root.find(path)
    assert found is not None, path
    return found


def shift(node: ElementTree.Element) -> float:
    found = re.fullmatch(r"translate\((\S+) 0\)", node.get("transform", ""))
    assert found
    return float(found[1])


def every_chart() -> dict[str, str]:
    return {
        "affinity": affinity_histogram([0.1, 0.2, 0.9], [0.05, 0.1, 0.8], 0.15),
        "spectrum": spectrum_chart(EIGENVALUES),
        "area": area_chart(TAUS, np.ones((2, 6)) * 0.25, 0.115, ["1", "2"], chosen=1),
    }


@pytest.mark.parametrize("name", ["affinity", "spectrum", "area"])
def test_is_one_figure_that_says_what_it_shows(name: str) -> None:
    root = parse(every_chart()[name])
    svg = one(root, "svg")
    assert root.tag == "figure"
    assert svg.get("viewBox") == f"0 0 {WIDTH} {HEIGHT}"
    labels = [node.get("aria-label", "") for node in root.iter() if node.get("role") == "img"]
    assert len(labels) == 1
    assert re.search(r"\d", labels[0])


@given(tau=st.floats(0, 1))
def test_the_line_is_at_tau(tau: float) -> None:
    root = parse(affinity_histogram([0.2, 0.6], [0.1, 0.5], tau))
    (grip,), (band,) = by_class(root, "tau-grip"), by_class(root, "tau-band")
    assert shift(grip) == pytest.approx(LEFT + (RIGHT - LEFT) * tau, abs=0.01)
    assert shift(band) == pytest.approx((RIGHT - LEFT) * tau, abs=0.01)
    assert float(grip.get("aria-valuenow", "")) == pytest.approx(tau, abs=1e-4)
    assert (grip.get("role"), grip.get("aria-valuemin"), grip.get("aria-valuemax")) == ("slider", "0", "1")
    assert grip.get("aria-label")
    assert (root.get("data-left"), root.get("data-right")) == (str(LEFT), str(RIGHT))


def test_the_slider_is_not_inside_an_image_where_readers_cannot_reach_it() -> None:
    root = parse(every_chart()["affinity"])
    images = [node for node in root.iter() if node.get("role") == "img"]
    assert not any(by_class(image, "tau-grip") for image in images)


@given(values=st.lists(st.floats(0, 1), min_size=1, max_size=60), tau=st.floats(0, 1))
def test_percentages_and_bins_count_the_patches(values: list[float], tau: float) -> None:
    html = affinity_histogram(values, np.square(values), tau)
    root = parse(html)
    words = [one(node, "title").text or "" for node in by_class(root, "bin")]
    old, new = (sum(int(m[1]) for w in words if (m := re.search(rf"(\d+) {p}", w))) for p in ("patches", "after"))
    assert len(words) == BINS
    assert old == new == len(values)
    assert f"before: <b>{100 * np.mean(np.array(values) > tau):.1f} %</b> linked" in html


def test_heights_are_square_roots() -> None:
    counts = {0.1: 1, 0.3: 4, 0.5: 16}
    values = np.repeat(list(counts), list(counts.values()))
    (steps,) = by_class(parse(affinity_histogram(values, values, 0.15)), "before")[-1:]
    tops = {float(v) for v in re.findall(r"V([\d.]+)", steps.get("d", ""))}
    assert tops == {BOTTOM, TOP, *(BOTTOM - (BOTTOM - TOP) * s for s in (0.25, 0.5))}


@pytest.mark.parametrize("values", [[], [np.nan], [1.0], [-0.1, 1.2]])
def test_unusual_similarities_are_drawn(values: list[float]) -> None:
    html = affinity_histogram(values, values, 1.5)
    assert "nan" not in html
    assert by_class(parse(html), "tau-grip")[0].get("aria-valuenow") == "1.0000"


def test_the_second_eigenvalue_and_its_gap_are_marked() -> None:
    root = parse(spectrum_chart(EIGENVALUES))
    sticks = by_class(root, "stick")
    assert [("cut" in s.get("class", "")) for s in sticks] == [False, True, False, False]
    assert [(one(s, "title").text or "").split(" = ")[1] for s in sticks] == ["0", "0.034", "0.155", "0.18"]
    heights = [BOTTOM - float(one(s, "circle").get("cy", "")) for s in sticks]
    assert heights[0] == 0
    assert heights[2] / heights[1] == pytest.approx(0.155 / 0.034, rel=0.02)
    label = one(root, "svg").get("aria-label", "")
    assert "λ₂ = 0.034" in label
    assert "λ₂ to λ₃: 0.121" in label


@pytest.mark.parametrize(("values", "sticks"), [([], 0), ([0.0], 1), ([0.0, 0.0], 2), ([0, 1e-9, 2e-9], 3)])
def test_short_spectra_are_drawn(values: list[float], sticks: int) -> None:
    root = parse(spectrum_chart(values))
    assert len(by_class(root, "stick")) == sticks
    assert len(by_class(root, "gap")) == 2 * (sticks == 3)  # the bracket and its key


def test_one_line_per_instance_and_the_chosen_on_top() -> None:
    areas = np.array([[0.1, 0.2], [0.3, 0.3], [0.0, 0.0]])
    root = parse(area_chart([0.04, 0.1], areas, 0.1, ["1", "2", "3"], chosen=0))
    lines = by_class(root, "area-line")
    assert [line.get("class") for line in lines] == ["area-line", "area-line", "area-line chosen"]
    assert "rgb(230 159 0)" in lines[-1].get("style", "")
    assert one(lines[-1], "circle/title").text == "1: 10.0 % at τ_knn 0.04"
    assert "1 covers 20.0 %" in one(root, "svg").get("aria-label", "")
    dashed = next(n for n in by_class(root, "now") if n.tag == "line")
    assert float(dashed.get("x1", "")) == float(lines[-1].findall("circle")[-1].get("cx", ""))


@pytest.mark.parametrize(
    ("taus", "areas", "names"),
    [
        ([0.1], [[0.2]], ["1"]),
        (TAUS, np.zeros((2, 6)), ["1", "2"]),
        (TAUS, np.zeros((0, 6)), []),
        ([0.0], [[0]], ["1"]),
    ],
)
def test_single_points_and_empty_lines_are_drawn(taus, areas, names) -> None:
    html = area_chart(taus, areas, float(taus[-1]), names)
    assert "nan" not in html
    assert len(by_class(parse(html), "area-line")) == len(names)


@given(heights=st.lists(st.floats(TOP, BOTTOM), min_size=1, max_size=8))
def test_names_at_line_ends_do_not_overlap_and_stay_in_the_plot(heights: list[float]) -> None:
    places = spread(sorted(heights))
    assert np.all(np.diff(places) >= LABEL_GAP - 1e-6)
    assert places[0] >= TOP - 1e-6
    assert places[-1] <= BOTTOM + 1e-6


@given(low=st.floats(-1, 1), span=st.floats(1e-6, 1e4))
def test_ticks_are_even_and_enclose_the_data(low: float, span: float) -> None:
    ticks = nice_ticks(low, low + span)
    assert 2 <= ticks.size <= 7
    assert ticks[0] <= low + 1e-6 * span
    assert ticks[-1] >= low + span - 1e-6 * span


def test_names_are_escaped() -> None:
    root = parse(area_chart([0.1], [[0.2]], 0.1, ['<b onclick="x">&'], chosen=0))
    assert not [n for n in root.iter() if n.get("onclick")]


def test_style_and_script_are_accepted_by_gradio() -> None:
    assert f"aspect-ratio: {WIDTH} / {HEIGHT}" in CHART_CSS
    assert "@container" not in re.sub(r"/\*.*?\*/", "", CHART_CSS, flags=re.DOTALL)  # dropped by Gradio's prefixer
    assert "trigger('input'" in CHART_JS
    assert "trigger('change'" not in CHART_JS


# ---- losses


def test_a_line_of_losses_has_its_values() -> None:
    root = parse(loss_chart({"round 0": ([0, 50, 100], [4.0, 2.0, 1.0]), "b": ([0, 100], [3.0, 0.0])}))
    lines = by_class(root, "area-line")
    assert [line.find("title").text for line in lines] == ["round 0", "b"]  # pyright: ignore[reportOptionalMemberAccess]
    points = [tuple(map(float, p.split(","))) for p in lines[0].findall("polyline")[1].get("points", "").split()]
    assert [x for x, _ in points] == pytest.approx([LEFT, (LEFT + RIGHT) / 2, RIGHT], abs=0.1)
    assert [y for _, y in points] == pytest.approx([TOP, (TOP + BOTTOM) / 2, BOTTOM - (BOTTOM - TOP) / 4], abs=0.1)


def test_long_lines_are_drawn_as_means() -> None:
    losses = np.tile([1.0, 3.0], 5000)
    root = parse(loss_chart({"long": (np.arange(10_000), losses)}))
    points = by_class(root, "area-line")[0].findall("polyline")[1].get("points", "").split()
    assert 60 <= len(points) <= 120
    assert len({p.split(",")[1] for p in points}) == 1, "each point is the mean of as many high as low ones"


def test_missing_steps_and_losses_that_are_nan_are_drawn() -> None:
    assert "No step yet" in loss_chart({"now": ([], [])})
    root = parse(loss_chart({"<now>": ([1, 2, 3], [1.0, np.nan, 0.5])}, end=10))
    assert len(by_class(root, "area-line")[0].findall("polyline")[1].get("points", "").split()) == 2
