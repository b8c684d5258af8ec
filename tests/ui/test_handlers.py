"""Handlers without a browser: they send what changed and nothing else, in order, to whom it belongs."""

from __future__ import annotations

import json
import re
import threading
import time
import xml.etree.ElementTree as ET
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from helpers import Photo
from PIL import Image

import cuts3d.iteration
from cuts3d.baselines import BASELINES
from cuts3d.config import parameter_type
from cuts3d.errors import InputError
from ui import controls, handlers, runs
from ui.controls import ALL, values_from
from ui.drawing import Drawing
from ui.sessions import Session, Sessions
from ui.stages.pipeline import CARDS

Updates = list[dict[str, Any]]
EARLY = ("features", "depth", "importance", "affinity", "sharpened")
TAB_OUTPUTS = {
    "pipeline": set(),
    "affinity": {"difference", "histogram"},
    "ncut": {"spectrum", "ncut_facts"},
    "3d": {"viewer"},
    "depth": {"depth_facts"},
    "confidence": {"cuts", "heatmap", "areas"},
    "instances": {"coarse", "instances", "compare"},
    "methods": {"ours", "neighbour", "methods", "method_table"},
    "export": {"python", "shell", "link", "files"},
    "detector": {"detections"},
}
WITH_STAGE = {  # progress line -> pictures that come with it
    "Estimating depth": {"photo"},
    "Spatial importance": {"depth"},
    "Affinity": {"importance"},
    "Sharpening the affinity": {"before"},
    "Normalised cut": {"after"},
    "Cutting in 3D": {"eigenvector", "bipartition", "partition"},
    "Spatial confidence": set(),
    "Masks": {"bipartition", "partition"},
}


@dataclass(frozen=True)
class Files:
    photo: str
    other_photo: str
    depth: str
    folder: Path


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory, photo: Photo) -> Files:
    folder = tmp_path_factory.mktemp("uploads")
    Image.fromarray(photo.image).save(folder / "squares.png")
    Image.fromarray(photo.image[:, ::-1].copy()).save(folder / "turned.png")
    np.save(folder / "depth.npy", photo.depth.values)
    return Files(*(str(folder / name) for name in ("squares.png", "turned.png", "depth.npy")), folder=folder)


@pytest.fixture(autouse=True)
def sessions(monkeypatch: pytest.MonkeyPatch) -> Sessions:
    """A store of this test's own, and no pause before the CRF."""
    store = Sessions()
    monkeypatch.setattr(handlers, "SESSIONS", store)
    monkeypatch.setattr(handlers, "STILL", 0.0)
    return store


@pytest.fixture
def values(pixel_config) -> list[Any]:
    """The sidebar set for the drawn photo, its depth map in use, no CRF."""
    return values_from(pixel_config.to_dict(), own_depth=True)


@pytest.fixture
def opened(files, values, sessions) -> Session:
    """Ann's photo, open and segmented."""
    updates = list(open_squares("ann", files, values))
    assert "instance" in updates[-1]["status"], updates[-1]["status"]
    session = sessions.get("ann")
    assert session is not None
    return session


def open_squares(visitor: str, files: Files, values: list[Any]) -> Iterator[dict[str, Any]]:
    return handlers.open_upload(visitor, files.photo, files.depth, "relative", values)


def moved(values: list[Any], **changes: Any) -> list[Any]:
    """The sidebar with some controls moved."""
    names = [control.name for control in ALL]
    assert set(changes) <= set(names)
    return [changes.get(name, value) for name, value in zip(names, values, strict=True)]


def sent(updates: Updates) -> set[str]:
    return {name for update in updates for name in update}


def text(update: dict[str, Any]) -> str:
    """What a reader of the status line sees."""
    return re.sub(r"\s+", " ", "".join(ET.fromstring(update["status"]).itertext()))


def is_error(update: dict[str, Any]) -> bool:
    return 'role="alert"' in update["status"]


def only_sentence(updates: Updates) -> str:
    """The sentence of a run that was refused: one error and no picture."""
    assert len(updates) == 1
    assert set(updates[0]) == {"status"}
    assert is_error(updates[0])
    words = text(updates[0])
    assert len(words) > 15
    assert "Something went wrong" not in words, "an error that nobody foresaw"
    return words


def computed(session: Session, run: Callable[[], Updates]) -> tuple[Counter[str], Updates]:
    before = session.explorer.calls.copy()
    updates = run()
    return session.explorer.calls - before, updates


# ---- the first run


@pytest.fixture(scope="module")
def example() -> tuple[Updates, Updates]:
    """An example with the default networks: its run, and the CRF after it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(handlers, "SESSIONS", Sessions())
        patch.setattr(handlers, "STILL", 0.0)
        walk = list(handlers.open_example("ann", "two boxes", values_from({})))
        return walk, list(handlers.refine("ann"))


def test_an_example_names_every_stage_in_order(example):
    walk, _ = example
    running = [text(u).rstrip(" …") for u in walk if "<progress" in u["status"]]
    assert running == ["Loading the networks", *WITH_STAGE]
    shares = [int(m[1]) for u in walk if (m := re.search(r'value="(\d+)"', u["status"]))]
    assert shares == sorted(set(shares))
    assert shares[0] > 0
    assert shares[-1] < 100


def test_pictures_of_an_example_come_with_their_stage(example):
    walk, _ = example
    for update in walk[1:-1]:
        assert set(update) - {"status"} == WITH_STAGE[text(update).rstrip(" …")]
    assert {"confidence", "masks", "chosen"} <= set(walk[-1])


def test_the_new_photo_comes_first_and_clears_what_was_there(example):
    first = example[0][0]
    assert "data:image/webp;base64," in first["photo_source"]
    assert all("waiting" in first[name] for name in handlers.PICTURES)
    assert set(handlers.PICTURES) >= set(CARDS)


def test_every_picture_of_the_overview_comes(example):
    walk, _ = example
    for name in CARDS:
        pictures = [u[name] for u in walk[1:] if name in u]
        assert pictures, name
        assert 'role="img"' in pictures[-1]


def test_masks_before_the_crf_come_first_and_say_that_they_are_not_final(example):
    walk, crf = example
    assert re.match(r"\d+ instances? in two boxes", text(walk[-1]))
    assert "pending" in walk[-1]["status"]
    assert len(crf) == 1
    assert "pending" not in crf[0]["status"]
    assert re.match(r"\d+ instances? in two boxes", text(crf[0]))
    assert "CRF" in text(crf[0])
    assert crf[0]["masks"] != walk[-1]["masks"]
    assert not set(crf[0]) & {"photo", "depth", "before", "after", "eigenvector", "partition", "confidence"}


# ---- a moved control


def test_tau_knn_redraws_the_cut_and_runs_nothing_before_it(opened, values):
    calls, updates = computed(opened, lambda: list(handlers.change("ann", moved(values, tau_knn=0.3))))
    assert not any(calls[stage] for stage in (*EARLY, "ncut", "graph"))
    assert calls["local_cut"] >= 1
    assert {"partition", "confidence", "masks", "bipartition"} <= sent(updates)
    assert not sent(updates) & {"photo", "depth", "importance", "before", "after", "eigenvector", "photo_source"}


def test_beta_redraws_from_the_importance_on(opened, values):
    calls, updates = computed(opened, lambda: list(handlers.change("ann", moved(values, beta=0.1))))
    assert not any(calls[stage] for stage in ("features", "depth", "affinity"))
    assert calls["importance"] == calls["sharpened"] == 1
    assert {"importance", "after"} <= sent(updates)
    assert not sent(updates) & {"photo", "depth", "before", "photo_source"}


def test_no_move_computes_nothing_and_says_so(opened, values):
    calls, updates = computed(opened, lambda: list(handlers.change("ann", values)))
    assert not calls
    assert "all remembered" in text(updates[-1])
    assert not sent(updates) & (set(CARDS) - {"masks"})


def test_the_status_says_what_was_computed(opened, values):
    (update,) = handlers.change("ann", moved(values, num_cuts=3))
    assert re.search(r"\d ms: confidence$", text(update))


def test_a_quick_change_sends_one_update_and_a_thorough_one_every_stage(opened, values):
    assert len(list(handlers.change("ann", moved(values, beta=0.1)))) == 1
    thorough = list(handlers.change("ann", moved(values, beta=0.2), progressive=True))
    assert [text(u).rstrip(" …") for u in thorough[:-1]] == list(WITH_STAGE)


def test_only_the_tab_in_sight_is_drawn_on_a_change(opened, values):
    for tab in TAB_OUTPUTS:
        handlers.show_tab("ann", tab)
    handlers.show_tab("ann", "confidence")
    updates = list(handlers.change("ann", moved(values, tau_knn=0.3)))
    others = set().union(*TAB_OUTPUTS.values()) - TAB_OUTPUTS["confidence"]
    assert sent(updates) >= TAB_OUTPUTS["confidence"]
    assert not sent(updates) & others


# ---- several visitors, several requests


def test_two_visitors_at_once_get_what_each_would_get_alone(files, values):
    def ann(visitor: str) -> Iterator[dict[str, Any]]:
        return open_squares(visitor, files, values)

    def bob(visitor: str) -> Iterator[dict[str, Any]]:
        return handlers.open_upload(visitor, files.other_photo, None, "relative", moved(values, depth="none"))

    def steady(updates: Updates) -> list[dict[str, Any]]:
        return [{n: v for n, v in u.items() if n != "status"} for u in updates]

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
    list(handlers.open_upload("bob", files.other_photo, None, "relative", moved(values, depth="none")))
    before, patch = opened.explorer.results, opened.patch
    list(handlers.change("bob", moved(values, depth="none", tau_knn=0.3)))
    handlers.pick_patch("bob", 0.0, 0.0)
    handlers.choose_instance("bob", 2)
    handlers.close("bob")
    assert opened.explorer.results is before
    assert (opened.patch, opened.instance) == (patch, 0)
    assert handlers.show_tab("ann", "pipeline") == {}


@pytest.mark.parametrize("steps", [1, 2, 4, 7, 9])
def test_a_newer_change_stops_an_older_run_for_good(files, values, sessions, steps):
    older = open_squares("ann", files, values)
    for _ in range(steps):
        next(older)
    newest = moved(values, tau_knn=0.3)
    updates = list(handlers.change("ann", newest))
    assert re.match(r"\d+ instance", text(updates[-1]))
    calls = sessions.get("ann").explorer.calls.copy()
    assert list(older) == []
    assert sessions.get("ann").explorer.calls == calls
    assert sessions.get("ann").explorer.config.local_cut.tau_knn == 0.3
    assert {"depth", "masks", "partition"} <= set(sessions.get("ann").drawn)


@pytest.mark.parametrize("steps", [1, 3, 8])
def test_a_newer_photo_stops_the_run_of_the_former_one(files, values, steps):
    older = open_squares("ann", files, values)
    for _ in range(steps):
        next(older)
    assert len(list(handlers.open_upload("ann", files.other_photo, files.depth, "relative", values))) > 5
    assert list(older) == []


def test_the_pictures_of_an_interrupted_run_and_of_the_newer_one_make_a_whole_page(files, values):
    older = open_squares("ann", files, values)
    updates = [next(older) for _ in range(4)]
    updates += list(handlers.change("ann", moved(values, tau_knn=0.3)))
    updates += list(older)
    page = {name: value for update in updates for name, value in update.items()}
    list(open_squares("bob", files, moved(values, tau_knn=0.3)))
    shown = handlers.SESSIONS.get("bob")
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
            assert re.match(r"\d+ instance", text(list(handlers.change("ann", moved(values, tau_knn=0.3)))[-1]))

    session.lock = CountedLock(newer)
    assert list(older) == []


def test_the_crf_waits_for_a_pause_and_gives_way_to_a_newer_request(opened, values, monkeypatch):
    list(handlers.change("ann", moved(values, crf=True)))
    monkeypatch.setattr(handlers, "time", SimpleNamespace(sleep=lambda _: opened.take_ticket()))
    calls, updates = computed(opened, lambda: list(handlers.refine("ann")))
    assert updates == []
    assert not calls


def test_the_crf_gives_way_at_every_step(opened, values):
    list(handlers.change("ann", moved(values, crf=True, crf_iterations=2)))
    opened.lock = CountedLock(lambda _: None)  # pyright: ignore[reportAttributeAccessIssue]
    assert len(list(handlers.refine("ann"))) == 1
    entries = opened.lock.entries  # pyright: ignore[reportAttributeAccessIssue]
    assert entries > 5
    for last in range(1, entries + 1):
        list(handlers.change("ann", moved(values, crf=True, crf_iterations=2)))
        opened.lock = CountedLock(lambda n, last=last: opened.take_ticket() if n == last else None)  # pyright: ignore
        assert list(handlers.refine("ann")) == [], f"a newer request before entry {last} of {entries}"


def test_the_crf_is_told_only_where_one_ran(opened, values):
    list(handlers.change("ann", values))
    for update in handlers.refine("ann"):  # the CRF is off
        assert "CRF" not in text(update)
    with_crf = moved(values, crf=True, crf_iterations=2)
    list(handlers.change("ann", with_crf))
    assert "CRF" in text(next(handlers.refine("ann")))
    list(handlers.change("ann", with_crf))
    for update in handlers.refine("ann"):  # all masks are remembered
        assert "CRF" not in text(update)


def test_a_crf_that_gives_way_leaves_the_newer_run_s_cost_alone(opened, values, monkeypatch):
    newer = handlers.change("ann", moved(values, beta=0.1), progressive=True)

    def pause(_: float) -> None:
        for _ in range(5):
            next(newer)

    monkeypatch.setattr(handlers, "time", SimpleNamespace(sleep=pause))
    assert list(handlers.refine("ann")) == []
    assert "importance" in text(list(newer)[-1]), "it was computed by this very run"


def test_nothing_is_refined_before_there_are_masks(files, values):
    older = open_squares("ann", files, values)
    next(older)
    next(older)
    assert list(handlers.refine("ann")) == []
    assert list(handlers.refine("nobody")) == []
    assert list(older), "the run goes on"


# ---- closed photos


def test_an_evicted_photo_opens_again_from_its_source(files, values, monkeypatch):
    monkeypatch.setattr(handlers, "SESSIONS", store := Sessions(capacity=1))
    first = list(open_squares("ann", files, values))
    list(handlers.open_upload("bob", files.other_photo, None, "relative", moved(values, depth="none")))
    assert store.get("ann") is None
    again = list(handlers.change("ann", values))
    assert again[0]["photo_source"] == first[0]["photo_source"]
    assert again[-1]["masks"] == first[-1]["masks"]
    session = store.get("ann")
    assert session is not None
    assert session.explorer.depth is not None
    assert store.get("bob") is None


def test_an_upload_whose_file_has_gone_is_one_sentence_that_names_no_folder(tmp_path, files, values, monkeypatch):
    monkeypatch.setattr(handlers, "SESSIONS", Sessions(capacity=1))
    file = tmp_path / "holiday.png"
    file.write_bytes(Path(files.photo).read_bytes())
    list(handlers.open_upload("ann", str(file), None, "relative", moved(values, depth="none")))
    list(open_squares("bob", files, values))
    file.unlink()
    assert str(tmp_path) not in only_sentence(list(handlers.change("ann", values)))


def test_a_visitor_whose_photo_was_closed_is_told_how_to_open_it(files, values, monkeypatch):
    monkeypatch.setattr(handlers.SESSIONS, "capacity", 1)
    list(open_squares("ann", files, values))
    list(open_squares("bob", files, values))
    for updates in (handlers.prepare_files("ann"), handlers.compare_depths("ann", ["none"])):
        (update,) = updates
        assert "Press Run" in text(update)


def test_a_visitor_without_a_photo_is_told_to_choose_one(values):
    for update in handlers.change("nobody", values):
        assert "Choose an example" in text(update)
    for update in handlers.change_depth("nobody", None, "relative", values):
        assert "photo first" in text(update)
    for update in handlers.prepare_files("nobody"):
        assert "photo first" in text(update)
    for update in handlers.open_upload("nobody", None, None, "relative", values):
        assert "Upload a photo" in text(update)
    assert handlers.pick_patch("nobody", 0.5, 0.5) == {}
    assert handlers.move_patch("nobody", 1, 0) == {}
    assert handlers.choose_instance("nobody", 1) == {}
    assert handlers.show_tab("nobody", "export") == {}
    assert handlers.compare("nobody", "photo", "masks") == {}
    assert handlers.SESSIONS.get("nobody") is None


def test_a_visitor_who_left_has_nothing_open_and_nothing_running(files, values, sessions):
    running = open_squares("ann", files, values)
    next(running)
    next(running)
    session = sessions.get("ann")
    handlers.close("ann")
    calls = session.explorer.calls.copy()
    assert sessions.get("ann") is None
    assert list(running) == [], "the run goes on for nobody"
    assert session.explorer.calls == calls
    assert "Choose an example" in text(next(handlers.change("ann", values)))


# ---- what cannot be used


BROKEN = {
    "page.jpg": b"<html></html>",
    "empty.png": b"",
    "cut off.png": None,  # the first half of the good one
    "tiny.png": "4×4",
}


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_upload_is_one_sentence_and_the_open_photo_stays(opened, files, values, sessions, tmp_path, name):
    file, content = tmp_path / name, BROKEN[name]
    if content == "4×4":
        Image.new("RGB", (4, 4)).save(file)
    else:
        good = Path(files.photo).read_bytes()
        file.write_bytes(good[: len(good) // 2] if content is None else bytes(content))
    words = only_sentence(list(handlers.open_upload("ann", str(file), None, "relative", values)))
    assert str(tmp_path) not in words
    assert sessions.get("ann") is opened
    assert re.match(r"\d+ instance", text(list(handlers.change("ann", moved(values, tau_knn=0.2)))[-1]))


def test_the_sentence_about_a_broken_upload_stays_to_be_read(opened, values, tmp_path):
    """The page asks for the CRF after every run: a refused one leaves nothing to refine, and its sentence stays."""
    list(handlers.refine("ann"))
    file = tmp_path / "page.jpg"
    file.write_text("<html></html>")
    only_sentence(list(handlers.open_upload("ann", str(file), None, "relative", values)))
    assert "status" not in sent(list(handlers.refine("ann")))


def test_the_sentence_about_a_bad_parameter_stays_to_be_read(opened, values):
    list(handlers.refine("ann"))
    only_sentence(list(handlers.change("ann", moved(values, beta=None))))
    assert "status" not in sent(list(handlers.refine("ann")))


BAD_SLIDER = (None, float("nan"), float("inf"), "abc", [], {}, -1e9, 1e9)
BAD_CHOICE = ([], {}, 1e9, float("nan"), "bogus")


@pytest.mark.parametrize("control", ALL, ids=lambda c: c.name)
def test_a_bad_value_of_a_forged_client_is_one_sentence(opened, values, control):
    before = opened.explorer.config
    for bad in BAD_SLIDER if control.low is not None else BAD_CHOICE:
        if control.none_at is not None and (bad is None or (isinstance(bad, float) and bad >= control.none_at)):
            continue  # the end of that slider stands for None
        updates = list(handlers.change("ann", moved(values, **{control.name: bad})))
        only_sentence(updates)
        assert opened.explorer.config == before
    assert re.match(r"\d+ instance", text(list(handlers.change("ann", values))[-1]))


def test_bad_values_cover_optional_choices():
    """`None` is a choice where a parameter is optional, and only there."""
    for control in ALL:
        _, optional = parameter_type(control.name)
        if control.low is None:
            assert (controls.from_component(control, "") is None) == optional or not optional


def test_a_value_that_the_network_refuses_is_one_sentence_and_the_next_change_works(opened, values):
    only_sentence(list(handlers.change("ann", moved(values, image_size=101))))
    assert handlers.move_patch("ann", 1, 0) == {} or opened.patch is not None
    assert re.match(r"\d+ instance", text(list(handlers.change("ann", values))[-1]))


@pytest.mark.parametrize(
    "look",
    [
        lambda: handlers.pick_patch("ann", 0.1, 0.1),
        lambda: handlers.move_patch("ann", 0, 1),
        lambda: handlers.choose_instance("ann", 2),
        lambda: handlers.compare("ann", "photo", "depth"),
        *(lambda tab=tab: handlers.show_tab("ann", tab) for tab in TAB_OUTPUTS),
    ],
)
@pytest.mark.parametrize("failure", ["before the first stage", "in the first cut"])
def test_looking_round_after_a_failed_run_raises_nothing(opened, values, monkeypatch, look, failure):
    if failure == "before the first stage":
        list(handlers.change("ann", moved(values, image_size=101)))
    else:
        with monkeypatch.context() as patch:
            patch.setattr(cuts3d.iteration, "local_cut", refuse)
            list(handlers.change("ann", moved(values, beta=0.1)))
    assert isinstance(look(), dict)


def refuse(*_: Any, **__: Any) -> Any:
    raise InputError("This cloud cannot be cut; choose another <photo>.")


def test_an_error_in_the_middle_of_the_stages_is_one_sentence_and_the_next_change_works(
    files, values, monkeypatch, sessions
):
    with monkeypatch.context() as patch:
        patch.setattr(cuts3d.iteration, "local_cut", refuse)
        updates = list(open_squares("ann", files, values))
    assert is_error(updates[-1])
    assert text(updates[-1]) == "This cloud cannot be cut; choose another <photo>."
    assert {"depth", "eigenvector"} <= sent(updates)
    assert "masks" not in sent(updates[1:])
    after = list(handlers.change("ann", moved(values, tau_knn=0.2)))
    assert re.match(r"\d+ instance", text(after[-1]))
    assert "masks" in after[-1]


def test_a_fault_of_ours_is_one_sentence_without_its_innards_and_the_next_change_works(opened, values, monkeypatch):
    def stumble(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError("/secret/place <b>")

    with monkeypatch.context() as patch:
        patch.setattr(cuts3d.iteration, "local_cut", stumble)
        updates = list(handlers.change("ann", moved(values, beta=0.1)))
    assert is_error(updates[-1])
    assert "secret" not in text(updates[-1])
    assert re.match(r"\d+ instance", text(list(handlers.change("ann", moved(values, beta=0.1)))[-1]))


# ---- a depth map of the visitor's own


@pytest.mark.parametrize("name", ["wide.npy", "wide.png"])
def test_a_depth_map_of_other_proportions_is_one_sentence(opened, files, values, sessions, tmp_path, name):
    wide = np.tile(np.arange(200, dtype=np.uint16) * 300, (50, 1))
    file = str(tmp_path / name)
    np.save(file, wide) if name.endswith("npy") else Image.fromarray(wide).save(file)
    assert "aspect" in only_sentence(list(handlers.change_depth("ann", file, "relative", values)))
    assert "aspect" in only_sentence(list(handlers.open_upload("ann", files.photo, file, "relative", values)))
    assert sessions.get("ann") is opened


@pytest.mark.parametrize("name", ["near.npy", "near.png"])
def test_a_depth_map_that_fits_is_used_and_named(files, values, photo, tmp_path, name):
    list(handlers.open_upload("ann", files.photo, None, "relative", moved(values, depth="none")))
    file, depth = str(tmp_path / name), photo.depth.values
    np.save(file, depth) if name.endswith("npy") else Image.fromarray((depth * 60000).astype(np.uint16)).save(file)
    updates = list(handlers.change_depth("ann", file, "relative", values))
    assert f"your file '{name}'" in text(updates[-1])
    session = handlers.SESSIONS.get("ann")
    assert session is not None
    assert session.explorer.calls["depth"] == 0
    assert session.source.path == files.photo


def test_a_depth_map_can_be_taken_away(opened, values):
    updates = list(handlers.change_depth("ann", None, "relative", moved(values, depth="none")))
    assert "your file" not in text(updates[-1])
    session = handlers.SESSIONS.get("ann")
    assert session is not None
    assert session.own_depth is None


def test_what_its_values_mean_goes_with_the_depth_map(files, values):
    list(handlers.open_upload("ann", files.photo, files.depth, "disparity", values))
    session = handlers.SESSIONS.get("ann")
    assert session is not None
    assert session.explorer.depth is not None
    assert session.explorer.depth.kind == "disparity"


def test_a_depth_map_can_be_put_aside_and_taken_up_again_without_a_new_run(opened, values):
    own = opened.own_depth
    aside = list(handlers.change("ann", moved(values, depth="none")))
    assert "your file" not in text(aside[-1])
    assert "depth" in aside[-1]
    calls, back = computed(opened, lambda: list(handlers.change("ann", values)))
    assert "your file" in text(back[-1])
    assert opened.explorer.depth is own
    assert not calls


@pytest.mark.parametrize(("content", "kind"), [(np.nan, "relative"), (0.0, "metric"), (-1.0, "metric")])
def test_a_depth_map_without_a_usable_value_is_one_sentence_and_the_open_photo_stays(
    opened, files, values, tmp_path, content, kind
):
    np.save(tmp_path / "holes.npy", np.full((60, 80), content, np.float32))
    file = str(tmp_path / "holes.npy")
    assert is_error(list(handlers.change_depth("ann", file, kind, values))[-1])
    assert isinstance(handlers.pick_patch("ann", 0.3, 0.3), dict)
    assert isinstance(handlers.show_tab("ann", "3d"), dict)
    again = list(handlers.change_depth("ann", files.depth, "relative", values))
    assert re.match(r"\d+ instance", text(again[-1]))


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY junk", b"<html>"])
@pytest.mark.parametrize("suffix", ["npy", "png", "tiff"])
def test_a_broken_depth_map_is_one_sentence(opened, values, tmp_path, content, suffix):
    file = tmp_path / f"depth.{suffix}"
    file.write_bytes(content)
    words = only_sentence(list(handlers.change_depth("ann", str(file), "relative", values)))
    assert str(tmp_path) not in words


# ---- looking round: nothing is computed


def grid(session: Session) -> tuple[int, int]:
    return session.explorer.results["features", 0].grid_shape


@pytest.mark.parametrize("y", [-1e9, -0.01, 0.0, 0.5, 0.999, 1.0, 7.0])
@pytest.mark.parametrize("x", [-3.0, 0.0, 0.26, 1.0, 1e9])
def test_a_picked_patch_holds_the_place_and_lies_on_the_grid(opened, y, x):
    handlers.pick_patch("ann", y, x)
    assert opened.patch is not None
    for cell, share, count in zip(opened.patch, (y, x), grid(opened), strict=True):
        assert cell == int(np.clip(np.floor(share * count), 0, count - 1))


def test_a_picked_patch_redraws_its_pictures_and_runs_nothing(opened):
    calls, updates = computed(opened, lambda: [handlers.pick_patch("ann", 0.1, 0.9)])
    assert not calls
    assert set(updates[0]) == {"photo", "before", "after"}
    assert handlers.pick_patch("ann", 0.1, 0.9) == {}


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf"), None, "here"])
def test_a_place_that_is_none_changes_nothing(opened, bad):
    """JavaScript's NaN, as of a picture without height, arrives as null."""
    patch = opened.patch
    assert handlers.pick_patch("ann", bad, 0.5) == {}
    assert handlers.pick_patch("ann", 0.5, bad) == {}
    assert opened.patch == patch


@pytest.mark.parametrize(("rows", "columns"), [(-1, 0), (1, 0), (0, -1), (0, 1)])
def test_arrow_keys_move_by_one_patch_and_stop_at_the_border(opened, rows, columns):
    h, w = grid(opened)
    handlers.pick_patch("ann", 0.5, 0.5)
    start = opened.patch
    assert start is not None
    seen = [start]
    for _ in range(max(h, w) + 3):
        handlers.move_patch("ann", rows, columns)
        seen.append(opened.patch)
    expected = [
        (int(np.clip(start[0] + n * rows, 0, h - 1)), int(np.clip(start[1] + n * columns, 0, w - 1)))
        for n in range(len(seen))
    ]
    assert seen == expected
    assert handlers.move_patch("ann", rows, columns) == {}


def test_moves_that_arrive_at_once_all_count(opened):
    """Gradio answers two at a time; each starts where the one before it ended."""
    handlers.pick_patch("ann", 0.5, 0.5)
    row, column = opened.patch
    moves = [threading.Thread(target=handlers.move_patch, args=("ann", 0, -1)) for _ in range(4)]
    with opened.lock:  # all four have been asked for before the first is answered
        for move in moves:
            move.start()
        time.sleep(0.2)
    for move in moves:
        move.join()
    assert opened.patch == (row, column - 4)


def test_the_chosen_patch_is_kept_on_a_change_and_brought_into_a_smaller_grid(opened, values):
    handlers.pick_patch("ann", 1.0, 0.0)
    list(handlers.change("ann", moved(values, beta=0.2)))
    assert opened.patch == (19, 0)
    list(handlers.change("ann", moved(values, image_size=80)))
    assert grid(opened) == (10, 10)
    assert opened.patch == (9, 0)


def chosen_cut(session: Session) -> Any:
    return Drawing(session).chosen


@pytest.mark.parametrize(("number", "place"), [(1, 0), ("2", 1), (2.0, 1), (0, 0), (-7, 0), (99, -1), ("99", -1)])
def test_an_instance_out_of_range_is_the_nearest_that_there_is(opened, number, place):
    count = len(Drawing(opened).cuts)
    assert count >= 2
    handlers.choose_instance("ann", number)
    assert chosen_cut(opened) == place % count


def test_another_instance_redraws_its_cut_and_runs_nothing(opened):
    calls, updates = computed(opened, lambda: [handlers.choose_instance("ann", "2")])
    assert not calls
    assert {"bipartition", "partition"} <= set(updates[0])
    assert not set(updates[0]) & {"depth", "masks", "before", "after"}
    assert handlers.choose_instance("ann", "2") == {}


@pytest.mark.parametrize("bad", ["abc", "", float("nan"), float("inf"), [], None])
def test_an_instance_that_is_no_number_changes_nothing(opened, bad):
    assert handlers.choose_instance("ann", bad) == {}
    assert chosen_cut(opened) == 0


def test_the_selector_offers_every_cut_and_shows_the_chosen_one(opened, values):
    handlers.choose_instance("ann", "2")
    (update,) = handlers.change("ann", moved(values, beta=0.4))
    count = len(Drawing(opened).cuts)
    assert update["chosen"]["choices"] == [str(n + 1) for n in range(count)]
    assert update["chosen"]["value"] == "2"
    assert update["chosen"]["visible"] is True


def test_every_tab_of_the_page_has_its_outputs():
    assert set(runs.TABS) == set(TAB_OUTPUTS) - {"pipeline"}


@pytest.mark.parametrize("tab", TAB_OUTPUTS)
def test_a_tab_draws_what_it_shows_once(opened, tab):
    assert set(handlers.show_tab("ann", tab)) == TAB_OUTPUTS[tab]
    assert handlers.show_tab("ann", tab) == {}
    handlers.show_tab("ann", "pipeline")
    assert handlers.show_tab("ann", tab) == {}


@pytest.mark.parametrize("tab", ["bogus", "", "Pipeline", None])
def test_a_tab_that_is_none_draws_nothing(opened, tab):
    assert handlers.show_tab("ann", tab) == {}


def test_the_tab_in_sight_stays_with_the_next_photo(opened, files, values):
    handlers.show_tab("ann", "ncut")
    updates = list(handlers.open_upload("ann", files.other_photo, files.depth, "relative", values))
    assert sent(updates[1:]) >= TAB_OUTPUTS["ncut"]
    assert not sent(updates[1:]) & TAB_OUTPUTS["confidence"]


@pytest.mark.parametrize("name", ["tokencut", "votecut", "promerge", "freemask"])
def test_another_neighbour_takes_maskcut_s_place(opened, name):
    handlers.show_tab("ann", "methods")
    *_, last = handlers.choose_neighbour("ann", name)
    assert {"methods", "method_table", "neighbour", "status"} <= set(last)
    assert BASELINES[name].name in last["method_table"]
    session = handlers.SESSIONS.get("ann")
    assert session is not None
    assert session.neighbour == name
    assert "method_table" not in list(handlers.choose_neighbour("ann", name))[-1]


def test_what_is_no_neighbour_changes_nothing(opened):
    assert list(handlers.choose_neighbour("ann", "bogus")) == []
    assert list(handlers.choose_neighbour("nobody", "tokencut")) == [{}]


def test_any_two_pictures_can_be_compared(opened):
    handlers.show_tab("ann", "instances")
    first = handlers.compare("ann", "depth", "masks")["compare"]
    assert [picture.dtype for picture in first] == [np.uint8, np.uint8]
    assert first[0].shape == first[1].shape
    assert not np.array_equal(first[0], first[1])
    swapped = handlers.compare("ann", "masks", "depth")["compare"]
    np.testing.assert_array_equal(swapped[0], first[1])
    np.testing.assert_array_equal(swapped[1], first[0])
    assert handlers.compare("ann", "masks", "depth") == {}


@pytest.mark.parametrize("bad", ["bogus", None, ""])
def test_a_picture_that_is_not_there_is_compared_with_nothing(opened, bad):
    handlers.show_tab("ann", "instances")
    assert handlers.compare("ann", bad, "masks") == {"compare": None}


# ---- files


READS: dict[str, Callable[[Path], Any]] = {
    "overlay.png": lambda p: np.asarray(Image.open(p)).any(),
    "instances.json": lambda p: json.loads(p.read_text())["annotations"],
    "cloud.ply": lambda p: p.read_bytes().startswith(b"ply\n"),
    "stages.npz": lambda p: len(np.load(p, allow_pickle=False).files) > 5,
    "pictures.zip": lambda p: zipfile.ZipFile(p).testzip() is None and len(zipfile.ZipFile(p).namelist()) > 10,
    "view.html": lambda p: (
        "<html" in p.read_text() and "http" not in re.sub(r"http://www.w3.org\S*", "", p.read_text())
    ),
    "config.json": lambda p: json.loads(p.read_text())["tau_knn"] == 0.2,
}


def test_every_file_that_is_offered_exists_and_opens(opened, values):
    list(handlers.change("ann", moved(values, tau_knn=0.2)))
    run = handlers.prepare_files("ann")
    assert "<progress" in next(run)["status"]
    last = next(run)  # Gradio takes the files up here
    paths = [Path(p) for p in last["files"]["value"]]
    assert last["files"]["visible"] is True
    assert sorted(p.name for p in paths) == sorted(READS)
    for path in paths:
        assert READS[path.name](path), path.name
    assert not is_error(last)
    assert list(run) == []


def test_files_leave_no_second_copy_once_the_page_has_taken_them(opened):
    run = handlers.prepare_files("ann")
    next(run)
    folder = Path(next(run)["files"]["value"][0]).parent
    assert folder.is_dir()
    list(run)
    assert not folder.exists(), "every preparation would leave its files in the temporary folder for good"


def test_files_that_cannot_be_written_are_one_sentence_and_leave_no_folder(opened, monkeypatch, tmp_path):
    folder = tmp_path / "files"

    def make(prefix: str) -> str:
        folder.mkdir()
        return str(folder)

    monkeypatch.setattr(handlers.tempfile, "mkdtemp", make)
    monkeypatch.setattr(handlers, "write_downloads", refuse)
    last = list(handlers.prepare_files("ann"))[-1]
    assert is_error(last)
    assert not folder.exists()


def test_a_change_takes_older_files_away(opened, values):
    handlers.show_tab("ann", "export")
    list(handlers.prepare_files("ann"))
    (update,) = handlers.change("ann", moved(values, tau_knn=0.3))
    assert update["files"]["value"] is None
    assert update["files"]["visible"] is False


def test_files_show_what_the_page_shows(opened, values):
    """Preparing runs the CRF where it has not run yet, and redraws what it changed."""
    list(handlers.change("ann", moved(values, crf=True, crf_iterations=2)))
    last = list(handlers.prepare_files("ann"))[-1]
    assert "pending" not in last["status"]
    assert "masks" in last
    assert ("segmentation", 0) in opened.explorer.results


def test_what_is_exported_follows_the_choice_of_depth(files, values, opened):
    """The parameters are the same with the photo's own depth and with the estimator; snippet and link are not."""
    opened.tab = "export"
    own = handlers.show_tab("ann", "export")
    assert "depth=" in own["python"]
    updates = list(handlers.change("ann", moved(values, depth="none")))
    assert (
        "depth=" not in next(u["python"] for u in updates if "python" in u).replace("replace(", "").split("segment(")[1]
    )
    back = list(handlers.change("ann", values))
    assert "depth=" in next(u["python"] for u in back if "python" in u)
