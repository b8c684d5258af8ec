"""The Depth tab: what was done to the values, and estimators side by side."""

from __future__ import annotations

import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from helpers import Photo

from cuts3d.config import CutS3DConfig
from cuts3d.depth import get_depth, registry
from cuts3d.errors import WeightsUnavailableError
from cuts3d.run.compare import compare_depth
from cuts3d.types import DepthMap
from ui.controls import values_from
from ui.events import opening, results, visitors
from ui.session.sessions import Sessions
from ui.tabs import depth

PLANE = np.linspace(1.0, 5.0, 200, dtype=np.float32).reshape(10, 20)


@pytest.fixture(autouse=True)
def no_weights_and_a_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUTS3D_WEIGHTS", raising=False)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)


@pytest.fixture
def missing(monkeypatch: pytest.MonkeyPatch) -> str:
    """An estimator whose weights cannot be had."""

    def unavailable() -> Any:
        raise WeightsUnavailableError("The weights of 'gone' could not be had. <b>")

    spec = replace(get_depth("zoedepth"), name="gone", title="Gone & lost", load=unavailable)
    monkeypatch.setitem(registry._SPECS, "gone", spec)
    return "gone"


@pytest.mark.parametrize(
    ("kind", "word"), [("metric", "metres"), ("relative", "unknown scale"), ("disparity", "inverted")]
)
def test_every_kind_of_values_is_explained(kind, word) -> None:
    words = " ".join(depth.range_words(DepthMap(values=PLANE, kind=kind, estimator="x"), 1.0, 4.0))
    assert word in words
    assert "20×10 values from 1 to 5" in words
    assert "depth scale 4" in words


def test_clipping_and_holes_are_given_in_percent() -> None:
    values = PLANE.copy()
    values[0, :20] = np.nan
    words = " ".join(depth.range_words(DepthMap(values=values, kind="relative", estimator="x"), 5.0, 4.0))
    assert "10.0 % were unknown" in words
    assert re.search(r"1?\d\.\d % clipped to 1\.\d+–4\.\d+", words)


def test_constant_depth_says_so_and_nothing_more_was_done() -> None:
    flat = DepthMap(values=np.full((4, 4), 2.0, np.float32), kind="metric", estimator="x")
    assert "constant" in depth.range_words(flat, 1.0, 4.0)[-1]


def test_what_cannot_be_had_is_no_choice_but_is_listed_with_its_reason(monkeypatch) -> None:
    offered = {name for _, name in depth.choices()}
    assert {"embedded", "none", "file", "zoedepth"} <= offered
    assert "slowtv" not in offered
    assert "CUTS3D_WEIGHTS" in depth.unavailable()
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert {name for _, name in depth.choices()} == {"embedded", "none", "file"}
    assert "HF_HUB_OFFLINE" in depth.unavailable()


@pytest.fixture
def compared(photo: Photo, pixel_config: CutS3DConfig, missing: str) -> tuple[Any, CutS3DConfig]:
    return compare_depth(photo.image, ["none", missing, "file"], config=pixel_config, depth=photo.depth), pixel_config


def test_every_estimator_has_its_row_and_the_missing_one_its_reason(compared) -> None:
    found, config = compared
    html = depth.rows(found.entries, found, config)
    assert html.count('<section class="estimator') == 3
    assert html.count("data-depth=") == 2
    assert "Gone &amp; lost" in html and "could not be had. &lt;b&gt;" in html
    assert html.count("<figure>") == 6
    assert html.count("<caption>") == 3
    assert "–</td>" in html  # a flat map has no ranks


def test_until_all_are_there_no_agreement_is_claimed(compared) -> None:
    found, config = compared
    assert "<caption>" not in depth.rows(found.entries[:1], None, config)


def test_the_handler_sends_a_row_as_each_is_done(photo, pixel_config, missing, monkeypatch, tmp_path) -> None:
    from PIL import Image

    monkeypatch.setattr(visitors, "SESSIONS", Sessions())
    Image.fromarray(photo.image).save(tmp_path / "photo.png")
    np.save(tmp_path / "depth.npy", photo.depth.values)
    values = values_from(pixel_config.to_dict(), own_depth=True)
    list(opening.open_upload("ann", str(tmp_path / "photo.png"), str(tmp_path / "depth.npy"), "relative", values))
    updates = list(results.compare_depths("ann", ["none", missing, "file"]))
    rows = [u["depth_table"].count('<section class="estimator') for u in updates if "depth_table" in u]
    assert rows == [1, 2, 3, 3]
    assert "backbone:" in updates[-1]["status"]


@pytest.mark.parametrize("names", [[], ["file"], ["bogus"]])
def test_a_comparison_that_cannot_be_made_ends_in_a_sentence(names, photo, pixel_config, monkeypatch, tmp_path) -> None:
    from PIL import Image

    monkeypatch.setattr(visitors, "SESSIONS", Sessions())
    Image.fromarray(photo.image).save(tmp_path / "photo.png")
    values = values_from(pixel_config.to_dict())
    list(opening.open_upload("ann", str(tmp_path / "photo.png"), None, "relative", values))
    updates = list(results.compare_depths("ann", names))
    assert 'role="alert"' in updates[-1]["status"]
    assert "Something went wrong" not in updates[-1]["status"]


def test_without_a_photo_the_visitor_reads_that_one_must_be_opened(monkeypatch) -> None:
    monkeypatch.setattr(visitors, "SESSIONS", Sessions())
    (update,) = results.compare_depths("nobody", ["none"])
    assert "Open a photo first" in update["status"]
