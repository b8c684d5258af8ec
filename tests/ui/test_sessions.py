"""Open photos are bounded, private and freed."""

from __future__ import annotations

from cuts3d.explorer import Explorer
from cuts3d.scenes import make_scene
from ui.sessions import Session, Sessions


def session() -> Session:
    return Session(explorer=Explorer(make_scene("two boxes", size=(48, 64)).image), title="boxes")


def test_the_least_recently_used_photo_is_closed_first() -> None:
    store = Sessions(capacity=2)
    first, second = store.add(session()), store.add(session())
    assert store.get(first) is not None
    third = store.add(session())
    assert store.get(second) is None
    assert store.get(first) is not None
    assert store.get(third) is not None


def test_ids_cannot_be_guessed_and_unknown_ones_find_nothing() -> None:
    store = Sessions()
    ids = {store.add(session()) for _ in range(4)}
    assert len(ids) == 4
    assert all(len(i) >= 16 for i in ids)
    assert store.get(None) is None
    assert store.get("0") is None


def test_a_closed_photo_is_gone() -> None:
    store = Sessions()
    key = store.add(session())
    store.close(key)
    store.close(key)
    assert store.get(key) is None
