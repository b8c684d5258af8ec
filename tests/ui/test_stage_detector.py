"""The Detector tab: what stands beside the pseudo-masks, what a threshold moves, and a visitor's own checkpoint."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from tests.made_detector import made_checkpoint
from ui.controls import values_from
from ui.draw import training_report
from ui.events import detecting, looking, opening, visitors
from ui.server import uploads
from ui.session import detectors
from ui.session.detectors import LoadedDetectors
from ui.session.sessions import Session, Sessions

Updates = list[dict[str, Any]]


@pytest.fixture(autouse=True)
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A store of this test's own, and an empty folder of shipped weights."""
    shipped = tmp_path / "weights"
    shipped.mkdir()
    monkeypatch.setattr(visitors, "SESSIONS", Sessions())
    monkeypatch.setattr(opening, "STILL", 0.0)
    monkeypatch.setattr(detectors, "FOLDER", shipped)
    monkeypatch.setattr(detectors, "LOADED", LoadedDetectors())
    return shipped


@pytest.fixture
def rounds(folder: Path, tmp_path: Path) -> list[Path]:
    """Two rounds of self-training, tiny."""
    names = ("detector_light_round0", "detector_light")
    return [made_checkpoint(tmp_path, n).rename(folder / f"{name}.safetensors") for n, name in enumerate(names)]


@pytest.fixture
def values(pixel_config) -> list[Any]:
    return values_from(pixel_config.to_dict())


@pytest.fixture
def path(photo, tmp_path: Path) -> str:
    Image.fromarray(photo.image).save(tmp_path / "photo.png")
    return str(tmp_path / "photo.png")


@pytest.fixture
def opened(path: str, values: list[Any]) -> Session:
    list(opening.open_upload("ann", path, None, "relative", values))
    session = visitors.SESSIONS.get("ann")
    assert session is not None
    return session


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Titles of the detectors that looked at a photo, in order."""
    looked: list[str] = []
    find = detectors.find

    def counting(detector: Any, image: Any) -> Any:
        looked.append(detector.title)
        return find(detector, image)

    monkeypatch.setattr(detectors, "find", counting)
    return looked


def titles(html: str) -> list[str]:
    return re.findall(r"<h3>(.*?)</h3>", html)


def shapes(html: str) -> list[int]:
    """Masks of each picture."""
    return [section.count("<path") for section in html.split("<section>")[1:]]


def views(updates: Updates) -> list[str]:
    return [u["detections"] for u in updates if "detections" in u]


def test_opening_the_tab_shows_each_round_as_it_is_done(opened, rounds, counted) -> None:
    updates = list(detecting.detect("ann"))
    final = ["Pseudo-masks", "Detector, round 0", "Detector, final"]
    assert [titles(html) for html in views(updates)] == [
        ["Pseudo-masks", "Detector", "Detector"],
        ["Pseudo-masks", "Detector, round 0", "Detector"],
        final,
    ]
    assert counted == final[1:]
    assert "round 0 is running" in updates[0]["status"]
    assert "backbone:" in updates[-1]["status"]
    count = len(opened.explorer.results["coarse", 0].instances)
    assert shapes(views(updates)[-1])[0] == count > 0


def test_no_network_runs_again_for_a_tab_that_is_opened_again(opened, rounds, counted) -> None:
    list(detecting.detect("ann"))
    looking.show_tab("ann", "pipeline")
    updates = list(detecting.detect("ann"))
    assert len(counted) == 2
    assert all("status" not in update and "detections" not in update for update in updates)


def test_the_threshold_moves_what_is_shown_and_runs_nothing(opened, rounds, counted) -> None:
    list(detecting.detect("ann"))
    all_shown = detecting.choose_threshold("ann", 0.0)["detections"]
    scores = [one.score for one in opened.detections.found[detectors.key_of(rounds[1])].objects]
    assert shapes(all_shown)[2] == len(scores) > 2
    some = detecting.choose_threshold("ann", scores[1])["detections"]
    assert shapes(some)[2] == sum(score >= scores[1] for score in scores) < len(scores)
    assert shapes(some)[0] == shapes(all_shown)[0], "pseudo-masks stay"
    assert f"of {len(scores)} detections" in some
    assert len(counted) == 2


@pytest.mark.parametrize("wrong", [None, "much", float("nan")])
def test_a_threshold_that_is_no_number_changes_nothing(opened, rounds, wrong) -> None:
    list(detecting.detect("ann"))
    before = opened.view.threshold
    assert detecting.choose_threshold("ann", wrong) == {}
    assert opened.view.threshold == before


def test_another_photo_is_detected_on_where_the_tab_is_active(opened, rounds, counted, path, values) -> None:
    list(detecting.detect("ann"))
    detecting.choose_threshold("ann", 0.2)
    updates = list(opening.open_upload("ann", path, None, "relative", values))
    assert len(counted) == 4
    assert updates[0]["detections"] == "", "nothing is left of the photo before"
    assert titles(views(updates)[-1])[-1] == "Detector, final"
    session = visitors.SESSIONS.get("ann")
    assert session is not None and session is not opened
    assert session.view.threshold == 0.2


def test_a_photo_opened_on_another_tab_runs_no_detector(opened, rounds, counted) -> None:
    assert counted == []
    looking.show_tab("ann", "affinity")
    assert list(detecting.detect_again("ann")) == []
    assert counted == []


def test_what_is_found_in_a_photo_that_was_left_is_not_shown(opened, rounds, path, values) -> None:
    looking = detecting.detect("ann")
    next(looking)
    list(opening.open_upload("ann", path, None, "relative", values))
    assert list(looking) == []


def test_without_a_shipped_detector_the_tab_says_what_to_do(opened) -> None:
    html = views(list(detecting.detect("ann")))[-1]
    assert titles(html) == ["Pseudo-masks", "No detector is available"]
    assert "detector_light.safetensors is missing" in html
    assert "python -m training.train --recipe light_cpu" in html


def test_a_damaged_shipped_detector_is_one_sentence(opened, folder) -> None:
    (folder / "detector_light.safetensors").write_bytes(b"damaged")
    updates = list(detecting.detect("ann"))
    assert 'role="alert"' in updates[-1]["status"]
    assert "Something went wrong" not in updates[-1]["status"]


def test_without_a_photo_nothing_runs(rounds, counted) -> None:
    assert list(detecting.detect("nobody")) == [{}]
    assert detecting.choose_threshold("nobody", 0.4) == {}
    assert detecting.drop_checkpoint("nobody") == {}
    assert counted == []


# ---- a visitor's own checkpoint


def test_an_own_checkpoint_stands_beside_the_others_until_it_is_taken_away(opened, rounds, tmp_path) -> None:
    own = made_checkpoint(tmp_path, 3)
    updates = list(detecting.use_checkpoint("ann", str(own)))
    assert titles(views(updates)[-1])[-1] == "Yours: made-3.safetensors"
    list(detecting.use_checkpoint("ann", str(made_checkpoint(tmp_path, 4))))
    assert len(opened.detections.found) == 3, "one at a time: what the first one found is gone"
    html = detecting.drop_checkpoint("ann")["detections"]
    assert titles(html) == ["Pseudo-masks", "Detector, round 0", "Detector, final"]
    assert opened.detections.own is None
    assert len(opened.detections.found) == 2


def test_an_own_checkpoint_goes_with_its_visitor_to_the_next_photo(opened, tmp_path, path, values) -> None:
    list(detecting.use_checkpoint("ann", str(made_checkpoint(tmp_path, 3))))
    updates = list(opening.open_upload("ann", path, None, "relative", values))
    assert titles(views(updates)[-1]) == ["Pseudo-masks", "Yours: made-3.safetensors"]
    visitors.close("ann")
    assert visitors.SESSIONS.get("ann") is None


@pytest.mark.parametrize("content", [b"", b"no weights at all", b"\x80\x04\x95cos\nsystem\n"])
@pytest.mark.parametrize("suffix", [".safetensors", ".pth"])
def test_a_file_that_is_no_checkpoint_is_one_sentence(opened, rounds, tmp_path, content, suffix) -> None:
    file = tmp_path / f"mine{suffix}"
    file.write_bytes(content)
    updates = list(detecting.use_checkpoint("ann", str(file)))
    assert 'role="alert"' in updates[-1]["status"]
    assert f"mine{suffix}" in updates[-1]["status"]
    assert opened.detections.own is None


def test_files_that_are_too_large_are_one_sentence(opened, tmp_path, path, values, monkeypatch) -> None:
    monkeypatch.setattr(uploads, "MEGABYTE", 1)
    (update,) = list(detecting.use_checkpoint("ann", str(made_checkpoint(tmp_path))))[1:]
    assert "at most 400 MB" in update["status"]
    (update,) = list(opening.open_upload("ann", path, None, "relative", values))
    assert "The photo has" in update["status"] and "at most 60 MB" in update["status"]


# ---- curves and tables


REPORT: dict[str, Any] = {
    "rounds": [
        {"name": "round 0", "steps": [1, 2, 3], "loss": [3.0, 2.0, 1.5], "ap": 1.25, "ap50": 4.5, "ar100": 9.0},
        {"name": "round <1>", "steps": [1, 2], "loss": [1.6, 1.1], "ap": 2.26, "ap50": 5.5, "ar100": 10.0},
    ],
    "pseudo_labels": {"ap": 0.44, "ap50": 1.1, "ar10": 2.0, "ar100": 2.0},
    "photos": 1511,
    "recipe": "light_cpu",
    "ablation": [{"name": "none", "ap": 1.0, "ap50": 3.0, "ar100": 7.0}],
}


def test_curves_and_figures_come_from_the_file(folder) -> None:
    (folder / "detector_light.json").write_text(json.dumps(REPORT))
    html = training_report.report(folder / "detector_light.json")
    assert "loss-chart" in html
    assert "1,511 photos. light_cpu" in html
    assert "<td>2.3</td>" in html and "<td>0.4</td>" in html
    assert "round &lt;1&gt;" in html and "<1>" not in html
    assert html.count("<table") == 4
    assert "do not compare the two tables figure by figure" in html


@pytest.mark.parametrize("text", [None, "{", "[]", '{"rounds": 3}', '{"rounds": []}'])
def test_without_the_file_a_sentence_and_the_papers_tables_stand_there(folder, text) -> None:
    if text is not None:
        (folder / "detector_light.json").write_text(text)
    html = training_report.report(folder / "detector_light.json")
    assert "cannot be read" in html if text else "is missing" in html
    assert html.count("<table") == 2
    assert all(figure in html for figure in ("10.7", "20.8", "21.3", "CuVLER"))


def test_an_ablation_may_be_left_out(folder) -> None:
    (folder / "detector_light.json").write_text(json.dumps({**REPORT, "ablation": []}))
    assert training_report.report(folder / "detector_light.json").count("<table") == 3
