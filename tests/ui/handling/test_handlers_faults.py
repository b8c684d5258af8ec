"""What cannot be used, and a depth map of the visitor's own."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_handling import (
    TAB_OUTPUTS,
    computed,
    is_error,
    moved,
    only_sentence,
    open_squares,
    refuse,
    sent,
    text,
)
from PIL import Image

import cuts3d.run.regions
from cuts3d.config import parameter_type
from ui import controls
from ui.controls import ALL
from ui.events import looking, opening, visitors

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
    words = only_sentence(list(opening.open_upload("ann", str(file), None, "relative", values)))
    assert str(tmp_path) not in words
    assert sessions.get("ann") is opened
    assert re.match(r"\d+ instance", text(list(opening.change("ann", moved(values, tau_knn=0.2)))[-1]))


def test_the_sentence_about_a_broken_upload_stays_to_be_read(opened, values, tmp_path):
    """The page asks for the CRF after every run: a refused one leaves nothing to refine, and its sentence stays."""
    list(opening.refine("ann"))
    file = tmp_path / "page.jpg"
    file.write_text("<html></html>")
    only_sentence(list(opening.open_upload("ann", str(file), None, "relative", values)))
    assert "status" not in sent(list(opening.refine("ann")))


def test_the_sentence_about_a_bad_parameter_stays_to_be_read(opened, values):
    list(opening.refine("ann"))
    only_sentence(list(opening.change("ann", moved(values, beta=None))))
    assert "status" not in sent(list(opening.refine("ann")))


BAD_SLIDER = (None, float("nan"), float("inf"), "abc", [], {}, -1e9, 1e9)
BAD_CHOICE = ([], {}, 1e9, float("nan"), "bogus")


@pytest.mark.parametrize("control", ALL, ids=lambda c: c.name)
def test_a_bad_value_of_a_forged_client_is_one_sentence(opened, values, control):
    before = opened.explorer.config
    for bad in BAD_SLIDER if control.low is not None else BAD_CHOICE:
        if control.none_at is not None and (bad is None or (isinstance(bad, float) and bad >= control.none_at)):
            continue  # the end of that slider stands for None
        updates = list(opening.change("ann", moved(values, **{control.name: bad})))
        only_sentence(updates)
        assert opened.explorer.config == before
    assert re.match(r"\d+ instance", text(list(opening.change("ann", values))[-1]))


def test_bad_values_cover_optional_choices():
    """`None` is a choice where a parameter is optional, and only there."""
    for control in ALL:
        _, optional = parameter_type(control.name)
        if control.low is None:
            assert (controls.from_component(control, "") is None) == optional or not optional


def test_a_value_that_the_network_refuses_is_one_sentence_and_the_next_change_works(opened, values):
    only_sentence(list(opening.change("ann", moved(values, image_size=101))))
    assert looking.move_patch("ann", 1, 0) == {} or opened.view.patch is not None
    assert re.match(r"\d+ instance", text(list(opening.change("ann", values))[-1]))


@pytest.mark.parametrize(
    "look",
    [
        lambda: looking.pick_patch("ann", 0.1, 0.1),
        lambda: looking.move_patch("ann", 0, 1),
        lambda: looking.choose_instance("ann", 2),
        lambda: looking.compare_pictures("ann", "photo", "depth"),
        *(lambda tab=tab: looking.show_tab("ann", tab) for tab in TAB_OUTPUTS),
    ],
)
@pytest.mark.parametrize("failure", ["before the first stage", "in the first cut"])
def test_looking_round_after_a_failed_run_raises_nothing(opened, values, monkeypatch, look, failure):
    if failure == "before the first stage":
        list(opening.change("ann", moved(values, image_size=101)))
    else:
        with monkeypatch.context() as patch:
            patch.setattr(cuts3d.run.regions, "local_cut", refuse)
            list(opening.change("ann", moved(values, beta=0.1)))
    assert isinstance(look(), dict)


def test_an_error_in_the_middle_of_the_stages_is_one_sentence_and_the_next_change_works(
    files, values, monkeypatch, sessions
):
    with monkeypatch.context() as patch:
        patch.setattr(cuts3d.run.regions, "local_cut", refuse)
        updates = list(open_squares("ann", files, values))
    assert is_error(updates[-1])
    assert text(updates[-1]) == "This cloud cannot be cut; choose another <photo>."
    assert {"depth", "eigenvector"} <= sent(updates)
    assert "masks" not in sent(updates[1:])
    after = list(opening.change("ann", moved(values, tau_knn=0.2)))
    assert re.match(r"\d+ instance", text(after[-1]))
    assert "masks" in after[-1]


def test_a_fault_of_ours_is_one_sentence_without_its_innards_and_the_next_change_works(opened, values, monkeypatch):
    def stumble(*_: Any, **__: Any) -> Any:
        raise ZeroDivisionError("/secret/place <b>")

    with monkeypatch.context() as patch:
        patch.setattr(cuts3d.run.regions, "local_cut", stumble)
        updates = list(opening.change("ann", moved(values, beta=0.1)))
    assert is_error(updates[-1])
    assert "secret" not in text(updates[-1])
    assert re.match(r"\d+ instance", text(list(opening.change("ann", moved(values, beta=0.1)))[-1]))


@pytest.mark.parametrize("name", ["wide.npy", "wide.png"])
def test_a_depth_map_of_other_proportions_is_one_sentence(opened, files, values, sessions, tmp_path, name):
    wide = np.tile(np.arange(200, dtype=np.uint16) * 300, (50, 1))
    file = str(tmp_path / name)
    np.save(file, wide) if name.endswith("npy") else Image.fromarray(wide).save(file)
    assert "aspect" in only_sentence(list(opening.change_depth("ann", file, "relative", values)))
    assert "aspect" in only_sentence(list(opening.open_upload("ann", files.photo, file, "relative", values)))
    assert sessions.get("ann") is opened


@pytest.mark.parametrize("name", ["near.npy", "near.png"])
def test_a_depth_map_that_fits_is_used_and_named(files, values, photo, tmp_path, name):
    list(opening.open_upload("ann", files.photo, None, "relative", moved(values, depth="none")))
    file, depth = str(tmp_path / name), photo.depth.values
    np.save(file, depth) if name.endswith("npy") else Image.fromarray((depth * 60000).astype(np.uint16)).save(file)
    updates = list(opening.change_depth("ann", file, "relative", values))
    assert f"your file '{name}'" in text(updates[-1])
    session = visitors.SESSIONS.get("ann")
    assert session is not None
    assert session.explorer.calls["depth"] == 0
    assert session.source.path == files.photo


def test_a_depth_map_can_be_taken_away(opened, values):
    updates = list(opening.change_depth("ann", None, "relative", moved(values, depth="none")))
    assert "your file" not in text(updates[-1])
    session = visitors.SESSIONS.get("ann")
    assert session is not None
    assert session.own_depth is None


def test_what_its_values_mean_goes_with_the_depth_map(files, values):
    list(opening.open_upload("ann", files.photo, files.depth, "disparity", values))
    session = visitors.SESSIONS.get("ann")
    assert session is not None
    assert session.explorer.depth is not None
    assert session.explorer.depth.kind == "disparity"


def test_a_depth_map_can_be_put_aside_and_taken_up_again_without_a_new_run(opened, values):
    own = opened.own_depth
    aside = list(opening.change("ann", moved(values, depth="none")))
    assert "your file" not in text(aside[-1])
    assert "depth" in aside[-1]
    calls, back = computed(opened, lambda: list(opening.change("ann", values)))
    assert "your file" in text(back[-1])
    assert opened.explorer.depth is own
    assert not calls


@pytest.mark.parametrize(("content", "kind"), [(np.nan, "relative"), (0.0, "metric"), (-1.0, "metric")])
def test_a_depth_map_without_a_usable_value_is_one_sentence_and_the_open_photo_stays(
    opened, files, values, tmp_path, content, kind
):
    np.save(tmp_path / "holes.npy", np.full((60, 80), content, np.float32))
    file = str(tmp_path / "holes.npy")
    assert is_error(list(opening.change_depth("ann", file, kind, values))[-1])
    assert isinstance(looking.pick_patch("ann", 0.3, 0.3), dict)
    assert isinstance(looking.show_tab("ann", "3d"), dict)
    again = list(opening.change_depth("ann", files.depth, "relative", values))
    assert re.match(r"\d+ instance", text(again[-1]))


@pytest.mark.parametrize("content", [b"", b"\x93NUMPY junk", b"<html>"])
@pytest.mark.parametrize("suffix", ["npy", "png", "tiff"])
def test_a_broken_depth_map_is_one_sentence(opened, values, tmp_path, content, suffix):
    file = tmp_path / f"depth.{suffix}"
    file.write_bytes(content)
    words = only_sentence(list(opening.change_depth("ann", str(file), "relative", values)))
    assert str(tmp_path) not in words


def test_what_was_done_to_a_photo_and_its_depth_map_is_said(files, values, photo, tmp_path):
    pages, holes = tmp_path / "pages.gif", tmp_path / "holes.npy"
    first = Image.open(files.photo).convert("P")
    first.save(pages, save_all=True, append_images=[first.transpose(Image.Transpose.FLIP_LEFT_RIGHT)])
    depth = np.array(photo.depth.values)
    depth[:5] = np.nan
    np.save(holes, depth)
    line = list(opening.open_upload("ann", str(pages), str(holes), "relative", values))[-1]["status"]
    assert "The file is an animation; the first picture was taken." in line
    assert "4.2 % of your depth map is unknown" in line
    line = list(opening.change_depth("ann", None, "relative", values))[-1]["status"]
    assert "The file is an animation" in line and "unknown" not in line
