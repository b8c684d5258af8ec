"""Looking round computes nothing; files are made when they are asked for."""

from __future__ import annotations

import json
import re
import threading
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_handling import (
    TAB_OUTPUTS,
    computed,
    is_error,
    moved,
    news,
    refuse,
    sent,
)
from PIL import Image

from cuts3d.baselines import BASELINES
from ui.events import looking, opening, results, visitors
from ui.session.drawing import Drawing
from ui.session.sessions import Session
from ui.tabs import TABS


def grid(session: Session) -> tuple[int, int]:
    return session.explorer.results["features", 0].grid_shape


@pytest.mark.parametrize("y", [-1e9, -0.01, 0.0, 0.5, 0.999, 1.0, 7.0])
@pytest.mark.parametrize("x", [-3.0, 0.0, 0.26, 1.0, 1e9])
def test_a_picked_patch_holds_the_place_and_lies_on_the_grid(opened, y, x):
    looking.pick_patch("ann", y, x)
    assert opened.view.patch is not None
    for cell, share, count in zip(opened.view.patch, (y, x), grid(opened), strict=True):
        assert cell == int(np.clip(np.floor(share * count), 0, count - 1))


def test_a_picked_patch_redraws_its_pictures_and_runs_nothing(opened):
    calls, updates = computed(opened, lambda: [looking.pick_patch("ann", 0.1, 0.9)])
    assert not calls
    assert set(news(updates[0])) == {"photo", "before", "after"}
    assert news(looking.pick_patch("ann", 0.1, 0.9)) == {}


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf"), None, "here"])
def test_a_place_that_is_none_changes_nothing(opened, bad):
    """JavaScript's NaN, as of a picture without height, arrives as null."""
    patch = opened.view.patch
    assert news(looking.pick_patch("ann", bad, 0.5)) == {}
    assert news(looking.pick_patch("ann", 0.5, bad)) == {}
    assert opened.view.patch == patch


@pytest.mark.parametrize(("rows", "columns"), [(-1, 0), (1, 0), (0, -1), (0, 1)])
def test_arrow_keys_move_by_one_patch_and_stop_at_the_border(opened, rows, columns):
    h, w = grid(opened)
    looking.pick_patch("ann", 0.5, 0.5)
    start = opened.view.patch
    assert start is not None
    seen = [start]
    for _ in range(max(h, w) + 3):
        looking.move_patch("ann", rows, columns)
        seen.append(opened.view.patch)
    expected = [
        (int(np.clip(start[0] + n * rows, 0, h - 1)), int(np.clip(start[1] + n * columns, 0, w - 1)))
        for n in range(len(seen))
    ]
    assert seen == expected
    assert news(looking.move_patch("ann", rows, columns)) == {}


def test_moves_that_arrive_at_once_all_count(opened):
    """Gradio answers two at a time; each starts where the one before it ended."""
    looking.pick_patch("ann", 0.5, 0.5)
    row, column = opened.view.patch
    moves = [threading.Thread(target=looking.move_patch, args=("ann", 0, -1)) for _ in range(4)]
    with opened.lock:  # all four have been asked for before the first is answered
        for move in moves:
            move.start()
        time.sleep(0.2)
    for move in moves:
        move.join()
    assert opened.view.patch == (row, column - 4)


def test_the_chosen_patch_is_kept_on_a_change_and_brought_into_a_smaller_grid(opened, values):
    looking.pick_patch("ann", 1.0, 0.0)
    list(opening.change("ann", moved(values, beta=0.2)))
    assert opened.view.patch == (19, 0)
    list(opening.change("ann", moved(values, image_size=80)))
    assert grid(opened) == (10, 10)
    assert opened.view.patch == (9, 0)


def chosen_cut(session: Session) -> Any:
    return Drawing(session).chosen


@pytest.mark.parametrize(("number", "place"), [(1, 0), ("2", 1), (2.0, 1), (0, 0), (-7, 0), (99, -1), ("99", -1)])
def test_an_instance_out_of_range_is_the_nearest_that_there_is(opened, number, place):
    count = len(Drawing(opened).cuts)
    assert count >= 2
    looking.choose_instance("ann", number)
    assert chosen_cut(opened) == place % count


def test_another_instance_redraws_its_cut_and_runs_nothing(opened):
    calls, updates = computed(opened, lambda: [looking.choose_instance("ann", "2")])
    assert not calls
    assert {"bipartition", "partition"} <= set(updates[0])
    assert not set(updates[0]) & {"depth", "masks", "before", "after"}
    assert set(news(looking.choose_instance("ann", "2"))) == {"chosen"}


@pytest.mark.parametrize("bad", ["abc", "", float("nan"), float("inf"), [], None])
def test_an_instance_that_is_no_number_changes_nothing(opened, bad):
    assert looking.choose_instance("ann", bad) == {}
    assert chosen_cut(opened) == 0


def test_the_selector_offers_every_cut_and_shows_the_chosen_one(opened, values):
    looking.choose_instance("ann", "2")
    (update,) = opening.change("ann", moved(values, beta=0.4))
    count = len(Drawing(opened).cuts)
    assert update["chosen"]["choices"] == [str(n + 1) for n in range(count)]
    assert update["chosen"]["value"] == "2"
    assert update["chosen"]["visible"] is True


def test_every_tab_of_the_page_has_its_outputs():
    assert [tab.id for tab in TABS] == list(TAB_OUTPUTS)


@pytest.mark.parametrize("tab", TAB_OUTPUTS)
def test_a_tab_draws_what_it_shows_once(opened, tab):
    assert set(news(looking.show_tab("ann", tab))) == TAB_OUTPUTS[tab]
    assert news(looking.show_tab("ann", tab)) == {}
    looking.show_tab("ann", "pipeline")
    assert news(looking.show_tab("ann", tab)) == {}


@pytest.mark.parametrize("tab", ["bogus", "", "Pipeline", None])
def test_a_tab_that_is_none_draws_nothing(opened, tab):
    assert news(looking.show_tab("ann", tab)) == {}


def test_the_active_tab_stays_with_the_next_photo(opened, files, values):
    looking.show_tab("ann", "ncut")
    updates = list(opening.open_upload("ann", files.other_photo, files.depth, "relative", values))
    assert sent(updates[1:]) >= TAB_OUTPUTS["ncut"]
    assert not sent(updates[1:]) & TAB_OUTPUTS["confidence"]


@pytest.mark.parametrize("name", ["tokencut", "votecut", "promerge", "freemask"])
def test_another_baseline_replaces_maskcut(opened, name):
    looking.show_tab("ann", "methods")
    *_, last = looking.choose_baseline("ann", name)
    assert {"methods", "method_table", "baseline", "status"} <= set(last)
    assert BASELINES[name].name in last["method_table"]
    session = visitors.SESSIONS.get("ann")
    assert session is not None
    assert session.view.baseline == name
    assert "method_table" not in list(looking.choose_baseline("ann", name))[-1]


def test_an_unknown_baseline_changes_nothing(opened):
    assert list(looking.choose_baseline("ann", "bogus")) == []
    assert list(looking.choose_baseline("nobody", "tokencut")) == [{}]


def test_any_two_pictures_can_be_compared(opened):
    looking.show_tab("ann", "instances")
    first = looking.compare_pictures("ann", "depth", "masks")["compare"]
    assert [picture.dtype for picture in first] == [np.uint8, np.uint8]
    assert first[0].shape == first[1].shape
    assert not np.array_equal(first[0], first[1])
    swapped = looking.compare_pictures("ann", "masks", "depth")["compare"]
    np.testing.assert_array_equal(swapped[0], first[1])
    np.testing.assert_array_equal(swapped[1], first[0])
    assert news(looking.compare_pictures("ann", "masks", "depth")) == {}


@pytest.mark.parametrize("bad", ["bogus", None, ""])
def test_a_picture_that_is_not_there_is_compared_with_nothing(opened, bad):
    looking.show_tab("ann", "instances")
    assert news(looking.compare_pictures("ann", bad, "masks")) == {"compare": None}


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
    list(opening.change("ann", moved(values, tau_knn=0.2)))
    run = results.prepare_files("ann")
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
    run = results.prepare_files("ann")
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

    monkeypatch.setattr(results.tempfile, "mkdtemp", make)
    monkeypatch.setattr(results, "write_downloads", refuse)
    last = list(results.prepare_files("ann"))[-1]
    assert is_error(last)
    assert not folder.exists()


def test_a_change_takes_older_files_away(opened, values):
    looking.show_tab("ann", "export")
    list(results.prepare_files("ann"))
    (update,) = opening.change("ann", moved(values, tau_knn=0.3))
    assert update["files"]["value"] is None
    assert update["files"]["visible"] is False


def test_files_show_what_the_page_shows(opened, values):
    """Preparing runs the CRF where it has not run yet, and redraws what it changed."""
    list(opening.change("ann", moved(values, crf=True, crf_iterations=2)))
    last = list(results.prepare_files("ann"))[-1]
    assert "pending" not in last["status"]
    assert "masks" in last
    assert ("segmentation", 0) in opened.explorer.results


def test_what_is_exported_follows_the_choice_of_depth(files, values, opened):
    """The parameters are the same with the photo's own depth and with the estimator; snippet and link are not."""
    opened.look(tab="export")
    own = looking.show_tab("ann", "export")
    assert "depth=" in own["python"]
    updates = list(opening.change("ann", moved(values, depth="none")))
    assert (
        "depth=" not in next(u["python"] for u in updates if "python" in u).replace("replace(", "").split("segment(")[1]
    )
    back = list(opening.change("ann", values))
    assert "depth=" in next(u["python"] for u in back if "python" in u)
