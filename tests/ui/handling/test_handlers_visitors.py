"""Several visitors and several requests at once, and photos that were closed."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from made_handling import (
    Updates,
    computed,
    moved,
    news,
    open_squares,
    text,
)

from ui.events import looking, opening, results, visitors
from ui.session.sessions import Sessions
from ui.tabs.pipeline import CARDS


def test_two_visitors_at_once_get_what_each_would_get_alone(files, values):
    def ann(visitor: str) -> Iterator[dict[str, Any]]:
        return open_squares(visitor, files, values)

    def bob(visitor: str) -> Iterator[dict[str, Any]]:
        return opening.open_upload(visitor, files.other_photo, None, "relative", moved(values, depth="none"))

    def steady(updates: Updates) -> list[dict[str, Any]]:
        return [{n: v for n, v in news(u).items() if n not in ("status", "upload")} for u in updates]

    alone = {"ann": steady(list(ann("x"))), "bob": steady(list(bob("y")))}
    mixed: dict[str, Updates] = {"ann": [], "bob": []}
    running = {"ann": ann("ann"), "bob": bob("bob")}
    while running:
        for name in list(running):
            update = next(running[name], None)
            if update is None:
                running.pop(name)
            else:
                mixed[name].append(update)
    assert alone["ann"][0]["photo_source"] != alone["bob"][0]["photo_source"]
    for name, updates in mixed.items():
        assert steady(updates) == alone[name]


def test_nothing_of_one_visitor_moves_what_another_sees(opened, files, values):
    list(opening.open_upload("bob", files.other_photo, None, "relative", moved(values, depth="none")))
    before, patch = opened.explorer.results, opened.view.patch
    list(opening.change("bob", moved(values, depth="none", tau_knn=0.3)))
    looking.pick_patch("bob", 0.0, 0.0)
    looking.choose_instance("bob", 2)
    visitors.close("bob")
    assert opened.explorer.results is before
    assert (opened.view.patch, opened.view.instance) == (patch, 0)
    assert news(looking.show_tab("ann", "pipeline")) == {}


@pytest.mark.parametrize("steps", [1, 2, 4, 7, 9])
def test_a_newer_change_stops_an_older_run_for_good(files, values, sessions, steps):
    older = open_squares("ann", files, values)
    for _ in range(steps):
        next(older)
    newest = moved(values, tau_knn=0.3)
    updates = list(opening.change("ann", newest))
    assert re.match(r"\d+ instance", text(updates[-1]))
    calls = sessions.get("ann").explorer.calls.copy()
    assert list(older) == []
    assert sessions.get("ann").explorer.calls == calls
    assert sessions.get("ann").explorer.config.local_cut.tau_knn == 0.3
    assert {"depth", "masks", "partition"} <= set(sessions.get("ann").drawn.keys)


@pytest.mark.parametrize("steps", [1, 3, 8])
def test_a_newer_photo_stops_the_run_of_the_former_one(files, values, steps):
    older = open_squares("ann", files, values)
    for _ in range(steps):
        next(older)
    assert len(list(opening.open_upload("ann", files.other_photo, files.depth, "relative", values))) > 5
    assert list(older) == []


def test_the_pictures_of_an_interrupted_run_and_of_the_newer_one_make_a_whole_page(files, values):
    older = open_squares("ann", files, values)
    updates = [next(older) for _ in range(4)]
    updates += list(opening.change("ann", moved(values, tau_knn=0.3)))
    updates += list(older)
    page = {name: value for update in updates for name, value in update.items()}
    list(open_squares("bob", files, moved(values, tau_knn=0.3)))
    shown = visitors.SESSIONS.get("bob")
    assert shown is not None
    for name in CARDS:
        assert "waiting" not in page[name], name


class CountedLock:
    """A lock that tells before which entry it stands."""

    def __init__(self, before: Callable[[int], None]) -> None:
        self.lock, self.before, self.entries = threading.Lock(), before, 0

    def __enter__(self) -> None:
        self.entries += 1
        self.before(self.entries)
        self.lock.acquire()

    def __exit__(self, *_: object) -> None:
        self.lock.release()


@pytest.mark.parametrize("entry", [1, 2])
def test_an_older_run_sends_nothing_once_a_newer_one_is_done_between_any_two_of_its_locks(
    files, values, sessions, entry
):
    """Entry 2 is that of drawing: the step before it was still wanted when it was computed."""
    older = open_squares("ann", files, values)
    next(older)
    next(older)
    session = sessions.get("ann")

    def newer(number: int) -> None:
        if number == entry:
            assert re.match(r"\d+ instance", text(list(opening.change("ann", moved(values, tau_knn=0.3)))[-1]))

    session.lock = CountedLock(newer)
    assert list(older) == []


def test_the_crf_waits_for_a_pause_and_gives_way_to_a_newer_request(opened, values, monkeypatch):
    list(opening.change("ann", moved(values, crf=True)))
    monkeypatch.setattr(opening, "time", SimpleNamespace(sleep=lambda _: opened.tickets.take()))
    calls, updates = computed(opened, lambda: list(opening.refine("ann")))
    assert updates == []
    assert not calls


def test_the_crf_gives_way_at_every_step(opened, values):
    list(opening.change("ann", moved(values, crf=True, crf_iterations=2)))
    opened.lock = CountedLock(lambda _: None)  # pyright: ignore[reportAttributeAccessIssue]
    assert len(list(opening.refine("ann"))) == 1
    entries = opened.lock.entries  # pyright: ignore[reportAttributeAccessIssue]
    assert entries > 5
    for last in range(1, entries + 1):
        list(opening.change("ann", moved(values, crf=True, crf_iterations=2)))
        opened.lock = CountedLock(lambda n, last=last: opened.tickets.take() if n == last else None)  # pyright: ignore
        assert list(opening.refine("ann")) == [], f"a newer request before entry {last} of {entries}"


def test_the_status_names_the_crf_only_where_one_ran(opened, values):
    list(opening.change("ann", values))
    for update in opening.refine("ann"):  # the CRF is off
        assert "CRF" not in text(update)
    with_crf = moved(values, crf=True, crf_iterations=2)
    list(opening.change("ann", with_crf))
    assert "CRF" in text(next(opening.refine("ann")))
    list(opening.change("ann", with_crf))
    for update in opening.refine("ann"):  # all masks are remembered
        assert "CRF" not in text(update)


def test_a_crf_that_gives_way_leaves_the_newer_run_s_cost_alone(opened, values, monkeypatch):
    newer = opening.run("ann", moved(values, beta=0.1))

    def pause(_: float) -> None:
        for _ in range(5):
            next(newer)

    monkeypatch.setattr(opening, "time", SimpleNamespace(sleep=pause))
    assert list(opening.refine("ann")) == []
    assert "importance" in text(list(newer)[-1]), "it was computed by this very run"


def test_nothing_is_refined_before_there_are_masks(files, values):
    older = open_squares("ann", files, values)
    next(older)
    next(older)
    assert list(opening.refine("ann")) == []
    assert list(opening.refine("nobody")) == []
    assert list(older), "the run goes on"


def test_an_evicted_photo_opens_again_from_its_source(files, values, monkeypatch):
    monkeypatch.setattr(visitors, "SESSIONS", store := Sessions(capacity=1))
    first = list(open_squares("ann", files, values))
    list(opening.open_upload("bob", files.other_photo, None, "relative", moved(values, depth="none")))
    assert store.get("ann") is None
    again = list(opening.change("ann", values))
    assert again[0]["photo_source"] == first[0]["photo_source"]
    assert again[-1]["masks"] == first[-1]["masks"]
    session = store.get("ann")
    assert session is not None
    assert session.explorer.depth is not None
    assert store.get("bob") is None


def test_an_upload_whose_file_has_gone_is_one_sentence_that_names_no_folder(tmp_path, files, values, monkeypatch):
    monkeypatch.setattr(visitors, "SESSIONS", Sessions(capacity=1))
    file = tmp_path / "holiday.png"
    file.write_bytes(Path(files.photo).read_bytes())
    list(opening.open_upload("ann", str(file), None, "relative", moved(values, depth="none")))
    list(open_squares("bob", files, values))
    file.unlink()
    (update,) = opening.change("ann", values)
    assert "upload it again" in text(update) and "settings are kept" in text(update)
    assert str(tmp_path) not in update["status"]
    assert "data-send-again" in update["status"], "the page sends it again where the browser still has it"


def test_a_visitor_whose_photo_was_closed_reads_how_to_open_it(files, values, monkeypatch):
    monkeypatch.setattr(visitors.SESSIONS, "capacity", 1)
    list(open_squares("ann", files, values))
    list(open_squares("bob", files, values))
    for updates in (results.prepare_files("ann"), results.compare_depths("ann", ["none"])):
        (update,) = updates
        assert "Press Run" in text(update)


def test_a_visitor_without_a_photo_reads_that_one_must_be_chosen(values):
    for update in opening.change("nobody", values):
        assert "Choose an example" in text(update)
    for update in opening.change_depth("nobody", None, "relative", values):
        assert "photo first" in text(update)
    for update in opening.change_depth("nobody", "depth.npy", "relative", values):
        assert "Open its photo" in text(update)
    for update in results.prepare_files("nobody"):
        assert "photo first" in text(update)
    for update in opening.open_upload("nobody", None, None, "relative", values):
        assert "Upload a photo" in text(update)
    assert looking.pick_patch("nobody", 0.5, 0.5) == {}
    assert looking.move_patch("nobody", 1, 0) == {}
    assert looking.choose_instance("nobody", 1) == {}
    assert looking.show_tab("nobody", "export") == {}
    assert looking.compare_pictures("nobody", "photo", "masks") == {}
    assert visitors.SESSIONS.get("nobody") is None


def test_a_visitor_who_left_has_nothing_open_and_nothing_running(files, values, sessions):
    running = open_squares("ann", files, values)
    next(running)
    next(running)
    session = sessions.get("ann")
    visitors.close("ann")
    calls = session.explorer.calls.copy()
    assert sessions.get("ann") is None
    assert list(running) == [], "the run goes on for nobody"
    assert session.explorer.calls == calls
    assert "Choose an example" in text(next(opening.change("ann", values)))
