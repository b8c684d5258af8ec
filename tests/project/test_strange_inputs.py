"""Untrusted inputs give a result or one clear error, and leave nothing behind; `benchmarks.fuzz` runs more."""

from __future__ import annotations

import socket
import subprocess
from pathlib import Path

import pytest

from benchmarks import fuzz
from benchmarks.strange.case import Case
from cuts3d.errors import InputError


def refusing(sentence: str):
    def call() -> None:
        raise InputError(sentence)

    return call


@pytest.fixture
def campaign_of(monkeypatch):
    """A campaign of one case of the test's own."""

    def run(call) -> fuzz.Campaign:
        kinds = {"own": (lambda rng, folder: Case("own", lambda: call(folder)), 1.0)}
        monkeypatch.setattr(fuzz, "KINDS", kinds)
        return fuzz.campaign(1, kinds=("own",))

    return run


@pytest.mark.parametrize("kind", [kind for kind in fuzz.KINDS if kind != "photos of 20 to 125 megapixels"])
def test_every_input_gives_a_result_or_one_clear_sentence(kind):
    fraction = fuzz.KINDS[kind][1]
    found = fuzz.campaign(max(3, round(400 * fraction)), seed=11, kinds=(kind,))
    assert not found.faults, found.faults[0]
    count = found.counts[kind]
    assert count.tried == count.results + count.refused > 0
    assert found.files[1] <= found.files[0]


def test_one_seed_makes_the_same_inputs():
    first, second = (fuzz.campaign(40, seed=3, kinds=("damaged photo files", "parameters")) for _ in range(2))
    for kind, count in first.counts.items():
        assert (count.results, count.refused) == (second.counts[kind].results, second.counts[kind].refused)


@pytest.mark.parametrize("sentence", ["", "two\nlines", "x" * 3000, "\ud800", "Traceback (most recent call last)"])
def test_what_nobody_can_read_is_no_sentence(sentence):
    assert fuzz.wrong_sentence(sentence)
    assert not fuzz.wrong_sentence("The photo is 1×1 pixels; at least 8×8 are needed.")


def test_another_error_is_a_fault_and_so_is_a_wrong_sentence(campaign_of):
    assert "ZeroDivisionError" in campaign_of(lambda _: 1 / 0).faults[0]
    assert "not one sentence" in campaign_of(lambda _: refusing("two\nlines")()).faults[0]
    assert campaign_of(lambda _: refusing("Give a photo.")()).faults == []


def test_what_no_input_may_do_is_seen(campaign_of, tmp_path):
    def connect(_: Path) -> None:
        with socket.socket() as one:
            one.settimeout(0.2)
            one.connect_ex(("127.0.0.1", 9))

    forbidden = {
        "open": lambda _: (tmp_path / "outside").write_text("x"),
        "os.mkdir": lambda _: (tmp_path / "folder").mkdir(),
        "subprocess.Popen": lambda _: subprocess.run(["true"], check=True),
        "socket.connect": connect,
    }
    for event, call in forbidden.items():
        (fault,) = campaign_of(call).faults
        assert f"forbidden event: ['{event}" in fault or f'forbidden event: ["{event}' in fault
    assert campaign_of(lambda folder: (folder / "inside").write_text("x")).faults == []
    assert "it was left" in campaign_of(lambda folder: (folder / "victim").touch()).faults[0]
