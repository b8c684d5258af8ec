"""What a visitor finds who comes back: what the browser kept, as far as it still holds."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_handling import open_squares, text
from PIL import Image

from ui.controls import ALL, OWN_DEPTH, PRESET_TEXTS, values_from
from ui.events import looking, opening, visitors
from ui.events.kept import read_kept
from ui.events.visiting import AGAIN, DEPTH_GONE, PHOTO_GONE, visit
from ui.session.examples import example_names
from ui.tabs import BY_ID

NAMES = [control.name for control in ALL]
FIRST = example_names()[0]


def kept(example: str = "", **rest: Any) -> str:
    return json.dumps({"query": "", "example": example, **rest})


def values(**changes: Any) -> dict[str, Any]:
    return {**dict(zip(NAMES, values_from({}), strict=True)), **changes}


def plain(value: Any) -> Any:
    return value["value"] if isinstance(value, dict) else value


def test_a_first_visit_opens_the_first_example():
    assert visit("ann", {}, "") == ({"first_example": FIRST}, [])


def test_a_reload_brings_back_settings_preset_tab_and_example():
    wanted = values(beta=0.2, crf=False, max_ncut=1.0, depth="none", image_size="224", tau_ncut=0.3)
    text = kept(values=wanted, preset="Fine", tab="ncut", depth_kind="metric", example="four cans")
    update, warnings = visit("ann", {}, text)
    assert warnings == []
    assert {name: plain(update[name]) for name in NAMES} == wanted
    assert (update["preset"], update["preset_text"]) == ("Fine", PRESET_TEXTS["Fine"])
    assert (update["depth_kind"], update["first_example"]) == ("metric", "four cans")
    assert update["tabs"].selected == "ncut"


@pytest.mark.parametrize("depth", [OWN_DEPTH, "embedded", "none"])
def test_the_choice_of_depth_comes_back(depth):
    update, _ = visit("ann", {}, kept(values=values(depth=depth)))
    assert update["depth"] == depth


def test_the_tab_that_comes_back_is_drawn_with_the_photo(files, values):
    visit("ann", {}, kept(tab="ncut", example=FIRST))
    updates = list(open_squares("ann", files, values))
    assert "spectrum" in {name for update in updates[1:] for name in update}


def test_a_tab_that_is_opened_while_the_photo_is_closed_is_drawn_when_it_opens(opened, files, values):
    visitors.SESSIONS._open.clear()
    looking.show_tab("ann", "affinity")
    updates = list(opening.run("ann", values))
    assert "histogram" in {name for update in updates[1:] for name in update}


def test_a_link_that_was_changed_comes_back_as_it_was_left():
    """The browser keeps nothing of another address: see the tests in the browser."""
    text = kept(values=values(beta=0.2), example="three balls")
    update, _ = visit("ann", {"example": "four-cans", "beta": "0.3"}, text)
    assert (update["first_example"], update["beta"]) == ("three balls", 0.2)


def test_a_photo_that_the_browser_has_is_awaited_and_no_example_opens():
    update, warnings = visit("ann", {}, kept(values=values(beta=0.2), photo="here"))
    assert update["first_example"] == "" and AGAIN in text(update) and warnings == []
    assert list(opening.open_example("ann", "", values_from({}))) == []


def test_a_photo_that_the_browser_has_lost_gets_a_sentence_and_no_example_opens():
    update, _ = visit("ann", {}, kept(values=values(beta=0.2), photo="gone"))
    assert update["first_example"] == "" and PHOTO_GONE in text(update)
    assert update["beta"] == 0.2


def test_a_depth_map_that_the_browser_has_lost_gets_a_sentence():
    _, warnings = visit("ann", {}, kept(example=FIRST, depth="gone"))
    assert warnings == [DEPTH_GONE]


def test_settings_of_another_version_are_left_out_with_a_sentence():
    text = kept(values={**values(beta=0.2), "alpha": 3, "sigma": 1e9, "terminals": "hexagon", "backbone": "resnet"})
    update, (warning,) = visit("ann", {}, text)
    assert all(name in warning for name in ("alpha", "sigma", "terminals", "backbone"))
    assert update["beta"] == 0.2
    assert {n: plain(update[n]) for n in ("sigma", "terminals", "backbone")} == {
        n: values()[n] for n in ("sigma", "terminals", "backbone")
    }


def test_an_example_that_is_gone_gets_a_sentence_and_the_first_one_opens():
    update, (warning,) = visit("ann", {}, kept(example="seven towers"))
    assert "seven towers" in warning and update["first_example"] == FIRST


@pytest.mark.parametrize(
    "text",
    [
        *(
            "[]",
            "3",
            "null",
            "{",
            "\x00",
            '"x"',
            "[" * 5000,
            '{"values": 3}',
            '{"values": [1], "tab": {}}',
            "x" * 30_000,
        ),
        *(
            '{"tab": "bogus", "preset": "bogus", "depth_kind": "bogus", "photo": "/etc/passwd"}',
            None,
            7,
            {"values": {}},
        ),
        json.dumps({"values": dict.fromkeys(NAMES, None)}),
        json.dumps({"values": dict.fromkeys(NAMES, float("nan"))}),
        json.dumps({"values": {key: {"value": [1]} for key in NAMES}}),
        json.dumps({"values": dict.fromkeys(NAMES, "x" * 100)}),
        json.dumps({"values": dict.fromkeys(NAMES, True)}),
    ],
)
def test_whatever_a_browser_sends_the_page_opens_with_settings_that_run(text):
    update, _ = visit("ann", {}, text)
    assert update["first_example"] == FIRST and "tabs" not in update
    for control in ALL:
        if control.low is not None and control.name in update:
            assert control.low <= plain(update[control.name]) <= control.high


def test_nothing_is_kept_of_a_path():
    found = read_kept(kept(photo="/etc/passwd", depth="../depth.npy"))
    assert found is not None
    assert (found.photo, found.depth) == ("", "")


def test_every_tab_can_come_back():
    for tab in list(BY_ID)[1:]:
        assert visit("ann", {}, kept(tab=tab, example=FIRST))[0]["tabs"].selected == tab


def test_a_link_beyond_a_control_says_what_is_used():
    update, (warning,) = visit("ann", {"sigma": "20"}, "")
    assert plain(update["sigma"]) == 12.0
    assert "not 20" in warning and "0.5 to 12" in warning and "12 is used" in warning


# ---- what the box shows


@pytest.mark.parametrize("name", ["photo.tif", "photo.bmp", "photo.gif", "photo.png"])
def test_the_box_shows_the_photo_as_it_was_read(tmp_path, photo, values, name):
    file = tmp_path / name
    Image.fromarray(photo.image).save(file)
    first, *_ = opening.open_upload("ann", str(file), None, "relative", values)
    shown = first["upload"]["value"]
    assert shown.dtype == np.uint8 and shown.ndim == 3
    session = visitors.SESSIONS.get("ann")
    assert session is not None
    assert session.source.path == str(file), "a later run reads the file, not its preview"
    assert shown.shape[0] / shown.shape[1] == pytest.approx(photo.image.shape[0] / photo.image.shape[1], rel=0.02)


def test_the_box_of_a_photo_of_16_bits_shows_its_range(tmp_path, values):
    ramp = np.tile(np.linspace(0, 65535, 120), (90, 1)).astype(np.uint16)
    file = tmp_path / "deep.png"
    Image.fromarray(ramp).save(file)
    first, *_ = opening.open_upload("ann", str(file), None, "relative", values)
    assert np.ptp(first["upload"]["value"]) > 200


def test_a_depth_map_that_was_dropped_stands_in_its_box(opened, files, values):
    first, *rest = opening.take_depth("ann", files.depth, "relative", values)
    assert first["depth_file"]["value"] == files.depth
    source = visitors.SESSIONS.source("ann")
    assert source is not None and source.depth == files.depth
    assert "instance" in text(rest[-1])
    assert list(opening.take_depth("ann", None, "relative", values)) == []


def test_an_example_empties_the_boxes_of_own_files(opened, values):
    first, *_ = opening.choose_example("ann", 0, values)
    assert first == {"upload": None, "depth_file": None}


def test_the_page_hears_what_is_open_and_no_path(opened, files, values):
    first, *_ = open_squares("ann", files, values)
    mark = Path(files.photo).parent.name
    assert f'data-example="" data-own-photo="{mark}" data-own-depth="{mark}"' in first["photo_source"]
    assert str(Path(files.photo).parent) not in first["photo_source"]
    _, first, *_ = opening.choose_example("ann", 1, values)
    assert f'data-example="{example_names()[1]}" data-own-photo="" data-own-depth=""' in first["photo_source"]


def test_notes_of_the_readers_stand_in_the_status_line(opened):
    from ui.draw import status

    line = status.summary(opened.explorer, "x", costs=[], done=True, notes=["The photo is <dark>."])
    assert "The photo is &lt;dark&gt;." in line


def test_a_link_to_what_the_page_does_not_offer_says_what_is_used():
    update, (warning,) = visit("ann", {"image_size": "300"}, "")
    assert update["image_size"] == "336" and "300" in warning and "336 is used" in warning
    assert visit("ann", {"image_size": "336", "sigma": "2.5", "center": "true"}, "")[1] == []
