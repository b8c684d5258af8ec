"""`compare-depth` on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cuts3d.cli.compare_depth import parse_estimators
from cuts3d.cli.main import main
from cuts3d.errors import ConfigError


@pytest.fixture
def photo_file(photo, tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    Image.fromarray(photo.image).save(path)
    np.save(tmp_path / "depth.npy", photo.depth.values)
    return path


def run(photo_file: Path, pixel_config, *more: str) -> int:
    parameters = photo_file.with_name("config.json")
    parameters.write_text(json.dumps(pixel_config.to_dict()))
    out = str(photo_file.with_name("out"))
    return main(["compare-depth", str(photo_file), "--config", str(parameters), "--out", out, *more])


def test_every_estimator_gets_its_files_and_the_comparison_is_one(photo_file, pixel_config, capsys) -> None:
    depth = photo_file.with_name("depth.npy")
    assert run(photo_file, pixel_config, "--estimators", f"none,file:{depth}") == 0
    out = photo_file.with_name("out")
    document = json.loads((out / "comparison.json").read_text())
    assert document["compared"] == ["none", "file"]
    assert document["mask_iou"][0][0] == 1
    assert document["depth_spearman"][0][1] is None  # a flat map has no ranks
    for name in ("none", "file"):
        z = np.asarray(Image.open(out / name / "depth.png"))
        assert z.dtype in (np.uint16, np.int32)
        assert json.loads((out / name / "instances.json").read_text())["images"][0]["file_name"] == "photo.png"
        assert Image.open(out / name / "overlay.png").size == Image.open(photo_file).size
    printed = capsys.readouterr().out
    assert "matched IoU" in printed and "Spearman" in printed and "F-score" in printed


def test_one_that_cannot_be_had_is_named_with_its_reason_and_spoils_nothing(
    photo_file, pixel_config, capsys, monkeypatch
) -> None:
    from cuts3d.depth import DepthSpec, registry
    from cuts3d.errors import WeightsUnavailableError

    def unavailable():
        raise WeightsUnavailableError("The weights of 'gone' could not be had.")

    spec = DepthSpec(
        name="gone", title="Gone", kind="metric", source="x", trained_on="x", licence="MIT", load=unavailable
    )
    monkeypatch.setitem(registry._SPECS, "gone", spec)
    assert run(photo_file, pixel_config, "--estimators", "gone,none") == 0
    assert "gone" in capsys.readouterr().out
    assert run(photo_file, pixel_config, "--estimators", "gone") == 1


@pytest.mark.parametrize("words", ["", "bogus", "file:a.npy,file:b.npy"])
def test_wrong_words_are_wrong_use(photo_file, pixel_config, words, capsys) -> None:
    assert run(photo_file, pixel_config, "--estimators", words) == 2
    assert "error:" in capsys.readouterr().err


def test_names_and_the_file_are_taken_apart() -> None:
    assert parse_estimators(" embedded, file:a b.png ,none") == (["embedded", "file", "none"], Path("a b.png"))
    with pytest.raises(ConfigError):
        parse_estimators(",")
