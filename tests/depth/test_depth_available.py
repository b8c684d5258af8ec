"""What can be had here is known without asking the network."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cuts3d.depth import get_depth, list_depths, missing_reason


@pytest.fixture(autouse=True)
def nothing_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUTS3D_WEIGHTS", raising=False)
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)


def test_what_comes_with_the_installation_is_always_there() -> None:
    assert [s.name for s in list_depths() if s.embedded] == ["embedded", "none"]
    assert not any(missing_reason(s) for s in list_depths() if s.embedded)


def test_every_estimator_of_the_paper_is_declared_in_full() -> None:
    names = {s.name for s in list_depths()}
    assert names >= {"zoedepth", "slowtv", "marigold", "midas_small"}
    assert names >= {
        "dpt_hybrid",
        "dpt_large",
        "depth_anything_v2_small",
        "depth_anything_v2_base",
        "depth_pro",
        "moge",
    }
    for spec in list_depths():
        assert spec.licence and spec.trained_on and spec.title
        assert spec.embedded or (spec.input_rule and spec.source)
        missing_reason(spec)  # never raises, whatever the packages are called


def test_a_missing_package_is_named() -> None:
    spec = replace(get_depth("marigold"), packages="surely_not_installed==1 numpy")
    assert "pip install surely_not_installed==1." in missing_reason(spec)


def test_without_the_hub_the_reason_says_so_and_a_local_file_wins(monkeypatch, tmp_path: Path) -> None:
    spec = get_depth("depth_anything_v2_small")
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert "HF_HUB_OFFLINE" in missing_reason(spec)
    monkeypatch.setenv("CUTS3D_WEIGHTS", str(tmp_path))
    (tmp_path / f"{spec.name}.safetensors").touch()
    assert missing_reason(spec) == ""


def test_a_checkpoint_that_only_a_person_can_fetch_is_asked_for(monkeypatch, tmp_path: Path) -> None:
    assert "CUTS3D_WEIGHTS" in missing_reason(get_depth("slowtv"))
    monkeypatch.setenv("CUTS3D_WEIGHTS", str(tmp_path))
    (tmp_path / "slowtv.pt").touch()
    assert missing_reason(get_depth("slowtv")) == ""
