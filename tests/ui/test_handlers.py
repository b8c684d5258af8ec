"""Handlers without a browser: they send what changed, and errors as sentences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from ui import handlers
from ui.handlers import OUTPUTS, PICTURES

BETA, TAU = 0.45, 0.115


def collect(rows) -> list[dict[str, Any]]:
    """Every row as {output: value}, skipped ones left out."""
    found = []
    for row in rows:
        values = dict(zip(OUTPUTS, row, strict=True))
        found.append({k: v for k, v in values.items() if not (isinstance(v, dict) and v.get("__type__") == "update")})
    return found


@pytest.fixture(scope="module")
def opened() -> list[dict[str, Any]]:
    return collect(handlers.open_example("two boxes", None, BETA, TAU))


def key_of(rows: list[dict[str, Any]]) -> str:
    return next(r["session"] for r in rows if r.get("session"))


def test_an_example_sends_every_picture_stage_by_stage(opened) -> None:
    sent = [name for row in opened for name in row if name in PICTURES and row[name] is not None]
    assert set(sent) == set(PICTURES)
    assert sent.index("depth") < sent.index("eigenvector") < sent.index("masks")
    for row in opened:
        for name in PICTURES:
            if row.get(name) is not None:
                assert row[name].dtype == np.uint8
                assert row[name].shape[2] == 3
    assert "instance" in opened[-1]["status"]


def test_a_change_of_tau_sends_no_picture_from_before_the_cut(opened) -> None:
    sent = {name for row in collect(handlers.change(key_of(opened), BETA, 0.31)) for name in row}
    assert "masks" in sent
    assert not sent & {"depth", "before", "after", "photo", "eigenvector"}


def test_no_change_computes_nothing_again(opened) -> None:
    session = handlers.SESSIONS.get(key_of(opened))
    assert session is not None
    collect(handlers.change(key_of(opened), BETA, TAU))
    calls = dict(session.explorer.calls)
    collect(handlers.change(key_of(opened), BETA, TAU))
    assert dict(session.explorer.calls) == calls


def test_a_closed_photo_says_so() -> None:
    (row,) = collect(handlers.change("gone", BETA, TAU))
    assert "Open it again" in row["status"]


def test_a_bad_upload_is_one_sentence_and_keeps_the_open_photo(opened, tmp_path) -> None:
    file = tmp_path / "page.jpg"
    file.write_text("<html></html>")
    (row,) = collect(handlers.open_upload(str(file), key_of(opened), BETA, TAU))
    assert "not an image" in row["status"]
    assert "session" not in row
    assert handlers.SESSIONS.get(key_of(opened)) is not None


def test_an_out_of_range_slider_value_is_one_sentence(opened) -> None:
    rows = collect(handlers.change(key_of(opened), 7.0, TAU))
    assert "beta must lie between 0 and 1" in rows[-1]["status"]
