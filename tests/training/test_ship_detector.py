"""The shipped files: weights of the best round and of those before it, and a report of all rounds."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from made_detector import made_network

from cuts3d.detector.checkpoint import load_network, save_network
from scripts import ship_detector
from training.loop.train import FINAL

FIGURES = ("ap", "ap50", "ap75", "ar1", "ar10", "ar100")


def made_run(folder: Path, seed: int, steps: int) -> Path:
    """A folder as a training leaves it; the loss falls from `steps` to 1."""
    folder.mkdir()
    save_network(made_network(seed), folder / FINAL, {"photos": 7})
    rows = [json.dumps({"step": step, "total": float(steps + 1 - step)}) for step in range(1, steps + 1)]
    (folder / "metrics.jsonl").write_text("\n".join(rows) + "\n")
    return folder


def made_figures(path: Path, ap: float) -> Path:
    path.write_text(json.dumps({"mask": {name: ap + place / 100 for place, name in enumerate(FIGURES)}}))
    return path


@pytest.fixture
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    weights = tmp_path / "weights"
    weights.mkdir()
    monkeypatch.setattr(ship_detector, "WEIGHTS", weights)
    rounds = []
    for number in range(3):
        run = made_run(tmp_path / f"run{number}", number, 1000 if number == 0 else 4)
        rounds += ["--round", f"{run}={made_figures(tmp_path / f'figures{number}.json', 0.02 + number / 100)}"]
    labels = made_figures(tmp_path / "labels.json", 0.01234)
    switch = f"none={made_figures(tmp_path / 'none.json', 0.01)}"
    arguments = ["--best", "1", "--labels", str(labels), *rounds, "--recipe", "A sentence.", "--ablation", switch]
    monkeypatch.setattr("sys.argv", ["ship_detector", *arguments])
    ship_detector.main()
    return weights


def test_the_best_round_and_those_before_are_shipped_and_no_later_one(shipped: Path) -> None:
    names = sorted(path.name for path in shipped.iterdir())
    assert names == ["detector_light.json", "detector_light.safetensors", "detector_light_round0.safetensors"]
    best, earlier = (load_network(shipped / name)[0].state_dict() for name in names[1:])
    for seed, found, tolerance in ((1, best, 1e-3), (0, earlier, 1e-2)):
        for name, value in made_network(seed).state_dict().items():
            if value.is_floating_point():
                scale = float(value.abs().max().clamp(min=1e-6))
                assert float((found[name] - value).abs().max()) <= tolerance * scale, name
    assert any(not torch.equal(best[name], earlier[name]) for name in best)


def test_the_report_tells_of_all(shipped: Path) -> None:
    report = json.loads((shipped / "detector_light.json").read_text())
    assert [(r["name"], r["ap"], r["ar100"]) for r in report["rounds"]] == [
        ("round 0", 2.0, 7.0),
        ("round 1", 3.0, 8.0),
        ("round 2", 4.0, 9.0),
    ]
    assert report["pseudo_labels"]["ap"] == 1.23
    assert (report["photos"], report["recipe"]) == (7, "A sentence.")
    assert [(a["name"], a["ap"]) for a in report["ablation"]] == [("none", 1.0)]


def test_a_long_curve_is_the_mean_of_stretches_and_a_short_one_stays(shipped: Path) -> None:
    long, short, _ = (r for r in json.loads((shipped / "detector_light.json").read_text())["rounds"])
    assert len(long["loss"]) == ship_detector.POINTS
    assert (long["steps"][0], long["steps"][-1]) == (5, 1000)
    assert (long["loss"][0], long["loss"][-1]) == (998, 3)
    assert (short["steps"], short["loss"]) == ([1, 2, 3, 4], [4, 3, 2, 1])


def test_a_best_round_that_is_not_there_is_wrong_use(monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    monkeypatch.setattr("sys.argv", ["x", "--best", "1", "--labels", "l", "--round", "r=f", "--recipe", "t"])
    with pytest.raises(SystemExit, match="2"):
        ship_detector.main()
    assert "one of the 1 rounds" in capsys.readouterr().err
