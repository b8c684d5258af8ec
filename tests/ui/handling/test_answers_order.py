"""An older answer never replaces a newer one, in whatever order answers are ready."""

from __future__ import annotations

import random
import threading
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import gradio as gr
import pytest
from made_handling import moved, text

from ui.events import looking, opening, visitors
from ui.events.requests import HANDLERS
from ui.events.runs import redraw
from ui.events.wiring import _call
from ui.session.answers import STEP, AllAnswers, Answers, next_step

ANN = cast(Any, SimpleNamespace(session_hash="ann"))
SKIPPED = gr.skip()
PATCH = HANDLERS["move_patch"]


@pytest.fixture(autouse=True)
def answers(monkeypatch) -> AllAnswers:
    store = AllAnswers()
    store.begin("ann")
    monkeypatch.setattr(visitors, "ANSWERS", store)
    return store


def message(**fields: Any) -> Any:
    return SimpleNamespace(**fields)


def put(page: dict[str, Any], names: tuple[str, ...], row: list[Any]) -> None:
    """What Gradio does with a row."""
    page.update({name: value for name, value in zip(names, row, strict=True) if value != SKIPPED})


def test_the_answer_to_the_third_key_does_not_take_back_the_fourth(opened):
    """The third is computed first and ready last, as on a busy machine."""
    computed, ready, page = threading.Event(), threading.Event(), {}

    def late(*arguments: Any) -> Any:
        update = looking.move_patch(*arguments)
        computed.set()
        ready.wait(30)
        return update

    def third_key() -> None:
        for row in _call(replace(PATCH, answer=late), 0, ("rows", "columns"))(ANN, message(rows=0, columns=1)):
            put(page, PATCH.outputs, row)

    third = threading.Thread(target=third_key)
    third.start()
    assert computed.wait(30)
    for row in _call(PATCH, 0, ("rows", "columns"))(ANN, message(rows=0, columns=1)):
        put(page, PATCH.outputs, row)
    shown = dict(page)
    ready.set()
    third.join(30)
    row, column = opened.view.patch
    assert f"row {row + 1} of" in page["photo"] and f"column {column + 1} of" in page["photo"]
    assert page == shown


def test_an_answer_waits_until_the_one_before_it_is_sent(opened):
    sent: list[str] = []
    first = _call(PATCH, 0, ("rows", "columns"))(ANN, message(rows=0, columns=1))
    next(first)

    def second() -> None:
        for _ in _call(PATCH, 0, ("rows", "columns"))(ANN, message(rows=0, columns=-1)):
            sent.append("second")

    thread = threading.Thread(target=second)
    thread.start()
    thread.join(0.5)
    sent.append("first")
    list(first)
    thread.join(30)
    assert sent[0] == "first" and "second" in sent


def test_an_answer_that_never_ends_lets_the_next_one_through(opened, answers):
    """Gradio closes the answers of a connection that broke."""
    first = _call(PATCH, 0, ("rows", "columns"))(ANN, message(rows=0, columns=1))
    next(first)
    assert answers.of("ann")._turn.locked()
    first.close()  # pyright: ignore[reportAttributeAccessIssue]
    assert not answers.of("ann")._turn.locked()


@pytest.mark.parametrize("seed", range(8))
def test_whatever_the_order_the_page_shows_the_newest_of_everything(opened, answers, values, seed):
    """Updates leave out what did not change, so a dropped one must not take along what only it had."""
    rng = random.Random(seed)
    looking.show_tab("ann", "affinity")
    opened.drawn.keys.clear()
    updates = [redraw(opened)]
    for _ in range(12):
        kind = rng.choice(["patch", "instance", "run"])
        if kind == "patch":
            updates.append(looking.pick_patch("ann", rng.random(), rng.random()))
        elif kind == "instance":
            updates.append(looking.choose_instance("ann", rng.choice([1, 2])))
        else:
            updates += list(opening.change("ann", moved(values, beta=rng.choice([0.2, 0.45, 0.7]))))
    page: dict[str, Any] = {}
    for update in rng.sample(updates, len(updates)):
        with answers.of("ann").sending(update, next_step()) as newer:
            page.update(newer)
    opened.drawn.keys.clear()
    fresh = {name: value for name, value in redraw(opened).items() if name != STEP}
    assert {name: str(page[name]) for name in fresh} == {name: str(value) for name, value in fresh.items()}


def test_an_answer_about_the_photo_before_is_not_shown(opened, answers, files, values):
    late = looking.pick_patch("ann", 0.9, 0.1)
    page: dict[str, Any] = {}
    updates = opening.open_upload("ann", files.other_photo, files.depth, "relative", values)
    blank = next(updates)
    with opened.lock:
        opened.drawn.keys.clear()
        later = redraw(opened)  # it took the photo before this one was opened, and drew it after
    for update in (blank, late, later):
        with answers.of("ann").sending(update, next_step()) as newer:
            page.update(newer)
    assert page["photo"] == blank["photo"] and page["before"] == blank["before"]
    assert "instance" in text(list(updates)[-1])


def test_a_late_answer_does_not_undo_the_choice_of_an_instance(opened, answers, values):
    """A run that ended before the click sets the selector to what was chosen then."""
    (run,) = opening.change("ann", moved(values, beta=0.4))
    click = looking.choose_instance("ann", "2")
    page: dict[str, Any] = {}
    for update in (click, run):
        with answers.of("ann").sending(update, next_step()) as newer:
            page.update(newer)
    assert page["chosen"]["value"] == "2"


def test_a_tab_that_was_opened_by_hand_stays_open(opened, answers):
    asked = next_step()
    update = looking.open_tab("ann", "ncut")
    answers.of("ann").claim(("tabs",), next_step())
    with answers.of("ann").sending(update, asked) as newer:
        assert newer == {}


def test_what_was_not_asked_about_an_open_photo_goes_by_when_it_was_asked():
    both, page = Answers(), {}
    older, newer = next_step(), next_step()
    for update, step in (({"preset": "Fine"}, newer), ({"preset": "Paper"}, older)):
        with both.sending(update, step) as values:
            page.update(values)
    assert page == {"preset": "Fine"}


def test_the_store_forgets_who_left_and_who_was_away_longest():
    store = AllAnswers(capacity=2)
    ann = store.begin("ann")
    store.begin("bob")
    assert store.of("ann") is ann
    store.begin("cid")
    assert store.of("ann") is ann and store.of("bob") is None
    store.forget("ann")
    assert store.of("ann") is None


def test_a_page_that_the_server_does_not_know_loads_again(opened, answers):
    """Its server was restarted, or closed what it had open when the connection broke."""
    answers.forget("ann")
    patch = opened.view.patch
    (row,) = _call(PATCH, 0, ("rows", "columns"))(ANN, message(rows=0, columns=1))
    page: dict[str, Any] = {}
    put(page, PATCH.outputs, row)
    assert set(page) == {"status"} and "data-load-again" in page["status"]
    assert opened.view.patch == patch
