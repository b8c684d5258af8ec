"""Only what changed is sent: the same objects and equal numbers are not drawn twice."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cuts3d.run.explorer import Explorer
from ui.draw.picture import Picture, shade
from ui.session.drawing import Drawing
from ui.session.sessions import Session, Source

ARRAYS = [np.zeros(3), np.zeros(3)]  # equal, and two objects
PARTS = st.one_of(
    st.sampled_from(ARRAYS),
    st.none(),
    st.integers(-2, 2),
    st.sampled_from(["a", "b", ""]),
    st.tuples(st.integers(0, 1)),
)
KEYS = st.lists(PARTS, max_size=3).map(tuple)


def blank_session() -> Session:
    return Session(explorer=Explorer(np.zeros((20, 30, 3), np.uint8)), source=Source(title="black"))


@pytest.fixture
def drawing(photo, pixel_config) -> Drawing:
    explorer = Explorer(photo.image, pixel_config, depth=photo.depth)
    explorer.update()
    return Drawing(Session(explorer=explorer, source=Source(title="squares")))


def same(a: Any, b: Any) -> bool:
    return a is b if isinstance(a, np.ndarray) or isinstance(b, np.ndarray) else a == b


@given(KEYS, KEYS)
def test_an_output_is_drawn_again_exactly_when_its_key_differs(first, second):
    session = blank_session()
    before, after = Drawing(session), Drawing(session)
    before.put("x", first, lambda: "first")
    after.put("x", second, lambda: "second")
    unchanged = len(first) == len(second) and all(same(a, b) for a, b in zip(first, second, strict=True))
    assert before.update == {"x": "first"}
    assert after.update == ({} if unchanged else {"x": "second"})


def test_equal_arrays_that_are_two_objects_are_drawn_again():
    session = blank_session()
    Drawing(session).put("x", (ARRAYS[0],), lambda: 1)
    again = Drawing(session)
    again.put("x", (ARRAYS[1],), lambda: 2)
    assert again.update == {"x": 2}


def test_an_unchanged_output_is_not_computed():
    session = blank_session()
    Drawing(session).put("x", (1, "a"), lambda: 1)
    Drawing(session).put("x", (1, "a"), lambda: pytest.fail("made again"))


def test_outputs_are_independent():
    drawing = Drawing(blank_session())
    drawing.put("x", (1,), lambda: "x")
    drawing.put("y", (1,), lambda: "y")
    drawing.put("x", (1,), lambda: "again")
    assert drawing.update == {"x": "x", "y": "y"}


def test_an_output_that_failed_is_drawn_the_next_time():
    session = blank_session()
    with pytest.raises(ZeroDivisionError):
        Drawing(session).put("x", (1,), lambda: 1 / 0)
    again = Drawing(session)
    again.put("x", (1,), lambda: "made")
    assert again.update == {"x": "made"}


def test_visitors_are_independent():
    key = (ARRAYS[0],)
    Drawing(blank_session()).put("x", key, lambda: 1)
    other = Drawing(blank_session())
    other.put("x", key, lambda: 2)
    assert other.update == {"x": 2}


def test_a_picture_is_sent_as_html_and_kept_as_layers():
    drawing = Drawing(blank_session())
    picture = Picture(alt="nothing & more", pixels=shade(np.ones((2, 2), bool)))
    drawing.picture("x", (1,), lambda: picture)
    assert drawing.session.drawn.pictures["x"] is picture
    assert 'aria-label="nothing &amp; more"' in drawing.update["x"]
    assert "aspect-ratio:30/20" in drawing.update["x"]


def test_a_missing_result_is_none():
    drawing = Drawing(blank_session())
    assert drawing.result("depth") is None
    assert drawing.cuts == []
    assert (drawing.chosen, drawing.ncut) == (0, 0)


def test_cuts_are_those_with_a_confidence(drawing):
    results = drawing.session.explorer.results
    count = len(drawing.cuts)
    assert count >= 2
    assert [(cut, confidence) for cut, confidence in drawing.cuts] == [
        (results["local_cut", n], results["confidence", n]) for n in range(count)
    ]
    for unfinished in (("coarse", 0), ("segmentation", 0), ("confidence", count - 1)):
        results.pop(unfinished)
    assert len(drawing.cuts) == count - 1, "during a run, a cut counts once it has its confidence"


@pytest.mark.parametrize("instance", [-3, 0, 1, 2, 99])
def test_the_chosen_instance_is_one_that_is_there_and_comes_from_its_ncut(drawing, instance):
    drawing.session.look(instance=instance)
    count = len(drawing.cuts)
    assert drawing.chosen == int(np.clip(instance, 0, count - 1))
    coarse = drawing.result("coarse")
    expected = [i.ncut for i in coarse.instances if i.number == drawing.chosen + 1]
    assert [drawing.ncut] == (expected or [0])


def test_a_drawing_keeps_the_results_of_its_run(drawing):
    """A newer run starts a new set of results; a drawing never mixes two."""
    coarse = drawing.result("coarse")
    next(drawing.session.explorer.stages(beta=0.2))
    assert drawing.result("coarse") is coarse
    assert Drawing(drawing.session).result("coarse") is None
