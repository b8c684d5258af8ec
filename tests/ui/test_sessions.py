"""Open photos are bounded, freed, and known by where they came from; newer requests outrank older ones."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from cuts3d.run.explorer import Explorer
from ui.session import sessions
from ui.session.sessions import MAX_IDLE, Session, Sessions, Source


def session(title: str = "photo", **changes) -> Session:
    image = np.zeros((16, 16, 3), dtype=np.uint8)
    return Session(explorer=Explorer(image), source=Source(title=title, path=f"{title}.png"), **changes)


@pytest.mark.parametrize("capacity", [1, 2, 5])
def test_the_number_of_open_photos_is_bounded_and_the_latest_are_kept(capacity):
    store = Sessions(capacity=capacity)
    for n in range(9):
        store.put(f"visitor {n}", session())
    still_open = [n for n in range(9) if store.get(f"visitor {n}") is not None]
    assert still_open == list(range(9 - capacity, 9))


def test_the_least_recently_used_photo_is_closed_first():
    store = Sessions(capacity=2)
    store.put("ann", session())
    store.put("bob", session())
    assert store.get("ann") is not None  # ann's is now the more recent
    store.put("cid", session())
    assert store.get("bob") is None
    assert store.get("ann") is not None
    assert store.get("cid") is not None


def test_another_photo_of_a_visitor_replaces_the_first():
    store = Sessions(capacity=2)
    first, second = session("first"), session("second")
    store.put("bob", session())
    store.put("ann", first)
    store.put("ann", second)
    assert store.get("ann") is second
    assert store.get("bob") is not None
    known = store.source("ann")
    assert known is not None
    assert known.title == "second"


def test_idle_photos_are_closed_when_the_next_is_opened():
    store = Sessions()
    store.put("idle", session())
    store.put("busy", session())
    idle = store.get("idle")
    assert idle is not None
    assert store.get("busy") is not None
    idle.used = time.monotonic() - MAX_IDLE - 1
    store.put("new", session())
    assert store.get("idle") is None
    assert store.get("busy") is not None
    assert store.get("new") is not None


def test_asking_for_a_photo_makes_it_no_longer_idle():
    store = Sessions()
    old = session(used=time.monotonic() - MAX_IDLE + 60)
    store.put("ann", old)
    before = old.used
    assert store.get("ann") is old
    assert old.used > before + MAX_IDLE / 2


def test_the_source_of_a_closed_photo_is_still_known():
    store = Sessions(capacity=1)
    ann = session("ann's")
    store.put("ann", ann)
    store.put("bob", session())
    assert store.get("ann") is None
    assert store.source("ann") is ann.source


def test_sources_are_bounded_too(monkeypatch):
    monkeypatch.setattr(sessions, "MAX_SOURCES", 3)
    store = Sessions(capacity=1)
    for n in range(7):
        store.put(f"visitor {n}", session())
    assert [n for n in range(7) if store.source(f"visitor {n}") is not None] == [4, 5, 6]


def test_a_visitor_who_left_is_forgotten():
    store = Sessions()
    store.put("ann", session())
    store.put("bob", session())
    store.close("ann")
    store.close("ann")
    assert store.get("ann") is None
    assert store.source("ann") is None
    assert store.get("bob") is not None


def test_an_unknown_visitor_has_nothing():
    store = Sessions()
    store.put("ann", session())
    for stranger in ("", "0", "None", "Ann"):
        assert store.get(stranger) is None
        assert store.source(stranger) is None


def test_only_the_newest_ticket_counts():
    one = session()
    tickets = [one.tickets.take() for _ in range(5)]
    assert len(set(tickets)) == 5
    assert [one.tickets.is_newest(t) for t in tickets] == [False] * 4 + [True]
    assert one.tickets.newest == tickets[-1]


def test_tickets_of_two_photos_are_independent():
    ann, bob = session(), session()
    ticket = ann.tickets.take()
    bob.tickets.take()
    bob.tickets.take()
    assert ann.tickets.is_newest(ticket)


def test_many_visitors_at_once_keep_the_bound():
    store = Sessions(capacity=3)
    shared = [session(str(n)) for n in range(6)]
    problems: list[BaseException] = []

    def visit(number: int) -> None:
        try:
            for _ in range(200):
                store.put(f"visitor {number}", shared[number])
                found = store.get(f"visitor {number}")
                assert found is None or found is shared[number]
        except BaseException as error:
            problems.append(error)

    threads = [threading.Thread(target=visit, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems
    assert sum(store.get(f"visitor {n}") is not None for n in range(6)) == 3


def test_large_photos_close_the_oldest_sooner(monkeypatch):
    monkeypatch.setattr(sessions, "MAX_PIXELS", 3 * 16 * 16)
    store = Sessions(capacity=9)
    for n in range(5):
        store.put(f"visitor {n}", session())
    assert [n for n in range(5) if store.get(f"visitor {n}") is not None] == [2, 3, 4]
    monkeypatch.setattr(sessions, "MAX_PIXELS", 10)
    store.put("last", session())
    assert store.get("last") is not None, "the newest stays, whatever its size"
