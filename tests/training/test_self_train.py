"""Self-training: what each round is made from, and that no step is done twice."""

from __future__ import annotations

import dataclasses
import json
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from made_detector import TINY, made_checkpoint
from made_samples import write_labels
from safetensors.torch import load_file

from cuts3d.detector.checkpoint import load_network
from cuts3d.errors import ConfigError, InputError
from cuts3d.weights.files import sha256_of
from training import self_train as command
from training.loop.metrics import read_metrics
from training.loop.train import FINAL, Stopped
from training.recipes.recipe import Recipe
from training.self_train import main, parsed_scores
from training.self_training import rounds as module
from training.self_training.merge_labels import merge_labels
from training.self_training.rank import rank_detections
from training.self_training.rounds import LABELS, MIXED, PREDICTIONS, RANKED, RoundInputs, result, round_recipe
from training.self_training.self_train import SETTINGS, self_train

RECIPE = Recipe(
    network=TINY,
    iterations=6,
    batch=2,
    lr=0.002,
    warmup=2,
    short_sides=(64,),
    max_side=128,
    workers=0,
    ema=0.9,
    score_range=(0.1, 0.9),
    detection_score_range=(0.4, 1.0),
    rank_detections=True,
    mix_before=0.25,
)
SCORES = (0.6, 0.5)


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> RoundInputs:
    folder = tmp_path_factory.mktemp("start")
    photos = folder / "photos"
    photos.mkdir()
    write_labels(photos, count=3)
    return RoundInputs(recipe=RECIPE, photos=photos, labels=photos / "labels.json", checkpoint=made_checkpoint(folder))


@pytest.fixture(scope="module")
def whole(start: RoundInputs, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two rounds without a break."""
    out = tmp_path_factory.mktemp("whole") / "st"
    assert self_train(start, out, scores=SCORES) == out / "round2" / MIXED
    return out


def read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_bytes())


def assert_equal(left: Path, right: Path) -> None:
    a, b = load_file(left), load_file(right)
    assert a.keys() == b.keys()
    assert all(torch.equal(a[k], b[k]) for k in a)


def assert_mixed(checkpoint: Path, folder: Path) -> None:
    """Three quarters of a round's weights are those that it has trained."""
    before, trained, ends = load_file(checkpoint), load_file(folder / FINAL), load_file(folder / MIXED)
    for name, value in ends.items():
        old, new = before[name].to(torch.float64), trained[name].to(torch.float64)
        torch.testing.assert_close(value.to(torch.float64), 0.25 * old + 0.75 * new, rtol=1e-5, atol=1e-7)
    assert load_network(folder / MIXED)[1]["mix_before"] == 0.25


def made(out: Path) -> dict[Path, int]:
    """Files of the rounds and when they were written."""
    return {path: path.stat().st_mtime_ns for path in out.rglob("*") if path.is_file()}


def test_each_round_begins_with_the_one_before(start, whole) -> None:
    labels, checkpoint = start.labels, start.checkpoint
    for number, score in enumerate(SCORES, start=1):
        folder = whole / f"round{number}"
        found = read(folder / PREDICTIONS)
        assert found["info"]["sha256"] == sha256_of(checkpoint)
        assert found["annotations"]
        assert min(a["score"] for a in found["annotations"]) >= score
        ranges = {"detection_score_range": RECIPE.detection_score_range, "score_range": RECIPE.score_range}
        ranked = rank_detections(start.photos, found)
        assert read(folder / RANKED) == ranked
        assert read(folder / LABELS) == merge_labels(ranked, labels, score=score, **ranges)
        network, info = load_network(folder / FINAL)
        assert network.config == TINY
        assert info["self_training"] == folder.name
        assert (info["recipe"]["iterations"], info["recipe"]["lr"], info["recipe"]["drop_loss"]) == (3, 0.001, False)
        assert [line["step"] for line in read_metrics(folder)] == [1, 2, 3]
        assert_mixed(checkpoint, folder)
        labels, checkpoint = folder / LABELS, result(folder)
    before, after = load_file(start.checkpoint), load_file(whole / "round1" / FINAL)
    apart = [float((before[k] - after[k]).abs().max()) for k in before if before[k].is_floating_point()]
    assert 0 < max(apart) < 0.5  # trained, and from the detector before: other random weights lie further away


def test_a_round_trains_half_as_long_at_half_the_rate_and_without_drop_loss() -> None:
    recipe = round_recipe(RECIPE.replace(iterations=161, lr=0.01))
    assert recipe == RECIPE.replace(iterations=80, lr=0.005, drop_loss=False)
    assert round_recipe(RECIPE.replace(iterations=1)).iterations == 1


def test_finished_rounds_are_not_done_again(start, whole) -> None:
    before, seen = made(whole), []
    final = self_train(start, whole, scores=SCORES, progress=lambda *report: seen.append(report))
    assert final == whole / "round2" / MIXED
    assert not seen
    assert made(whole) == before


def test_a_stop_inside_a_round_changes_nothing_in_the_end(start, whole, tmp_path) -> None:
    out, stop = tmp_path / "st", threading.Event()

    def watch(what: str, done: int, total: int) -> None:
        if (what, done) == ("round2: training", 2):
            stop.set()

    with pytest.raises(Stopped, match="after 2 of 3"):
        self_train(start, out, scores=SCORES, progress=watch, stop=stop)
    assert not (out / "round2" / FINAL).exists()
    seen: list[tuple[str, int]] = []
    self_train(start, out, scores=SCORES, progress=lambda what, done, total: seen.append((what, done)))
    assert seen == [("round2: training", 3)]
    for name in ("round1", "round2"):
        assert_equal(out / name / MIXED, whole / name / MIXED)


def test_a_stop_among_the_predictions_leaves_none(start, tmp_path) -> None:
    stop = threading.Event()
    with pytest.raises(Stopped, match="round1 was stopped after the predictions of 1 of 3 photos"):
        self_train(start, tmp_path, rounds=1, scores=SCORES, progress=lambda *_: stop.set(), stop=stop)
    assert not list((tmp_path / "round1").iterdir())


def test_a_second_run_in_the_same_folder_is_refused(start, tmp_path) -> None:
    stop = threading.Event()

    def second(*_: object) -> None:
        with pytest.raises(InputError, match="Another training is running in"):
            self_train(start, tmp_path, rounds=1, scores=SCORES)
        stop.set()

    with pytest.raises(Stopped):
        self_train(start, tmp_path, rounds=1, scores=SCORES, progress=second, stop=stop)


def test_what_a_kill_left_of_predictions_is_removed(start, tmp_path) -> None:
    left = tmp_path / "round1" / ".predictions-abcd_123.json"
    left.parent.mkdir()
    left.write_text("half")
    self_train(start, tmp_path, rounds=1, scores=SCORES)
    assert not left.exists()


@pytest.mark.parametrize("step", ["predict", "rank_detections", "merge_labels", "train", "interpolated"])
def test_a_death_between_steps_changes_nothing_in_the_end(start, whole, tmp_path, monkeypatch, step) -> None:
    def die(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(module, step, die)
        self_train(start, tmp_path, rounds=1, scores=SCORES)
    before = made(tmp_path)
    self_train(start, tmp_path, rounds=1, scores=SCORES)
    assert before.items() <= made(tmp_path).items()
    assert (tmp_path / "round1" / LABELS).read_bytes() == (whole / "round1" / LABELS).read_bytes()
    assert_equal(tmp_path / "round1" / MIXED, whole / "round1" / MIXED)


def test_more_rounds_may_be_asked_for_later(start, whole, tmp_path) -> None:
    first = self_train(start, tmp_path, rounds=1, scores=SCORES)
    before = made(tmp_path / "round1")
    second = self_train(start, tmp_path, rounds=2, scores=SCORES)
    assert (first, second) == (tmp_path / "round1" / MIXED, tmp_path / "round2" / MIXED)
    assert made(tmp_path / "round1") == before
    assert_equal(second, whole / "round2" / MIXED)


def test_as_published_a_round_ends_with_what_it_has_trained(start, whole, tmp_path) -> None:
    final = self_train(
        dataclasses.replace(start, recipe=RECIPE.replace(mix_before=0.0)), tmp_path, rounds=1, scores=SCORES
    )
    assert final == result(tmp_path / "round1") == tmp_path / "round1" / FINAL
    assert_equal(final, whole / "round1" / FINAL)
    assert not (tmp_path / "round1" / MIXED).exists()


def test_without_confident_finds_the_earlier_labels_stay(start, tmp_path) -> None:
    self_train(start, tmp_path, rounds=1, scores=(1.0,))
    earlier, labels = read(start.labels), read(tmp_path / "round1" / LABELS)
    assert read(tmp_path / "round1" / PREDICTIONS)["annotations"] == []
    assert [a["segmentation"] for a in labels["annotations"]] == [a["segmentation"] for a in earlier["annotations"]]


def test_how_photos_are_loaded_may_change_and_nothing_else(start, whole, tmp_path) -> None:
    self_train(dataclasses.replace(start, recipe=RECIPE.replace(workers=1, checkpoint_every=5)), whole, scores=SCORES)
    labels = tmp_path / "labels.json"
    labels.write_text(json.dumps(read(start.labels), indent=1))
    other = dataclasses.replace(start, recipe=RECIPE.replace(lr=0.1), labels=labels)
    for changed, scores, message in (
        (start, (0.7,), "another scores"),
        (other, SCORES, "another recipe and labels"),
        (dataclasses.replace(start, checkpoint=whole / "round1" / FINAL), SCORES, "another checkpoint"),
    ):
        with pytest.raises(ConfigError, match=f"{message}; choose another folder"):
            self_train(changed, whole, scores=scores)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"rounds": 0}, "at least one round"),
        ({"scores": ()}, "they are: none"),
        ({"scores": (0.7, 1.2)}, r"0.7, 1.2"),
    ],
)
def test_settings_that_cannot_be_are_refused(start, tmp_path, values, message) -> None:
    with pytest.raises(ConfigError, match=message):
        self_train(start, tmp_path / "st", **values)
    assert not (tmp_path / "st").exists()


def test_a_detector_of_another_recipe_is_refused_at_once(start, tmp_path) -> None:
    recipe = RECIPE.replace(network=dataclasses.replace(TINY, channels=8))
    with pytest.raises(ConfigError, match="not the network of the recipe"):
        self_train(dataclasses.replace(start, recipe=recipe), tmp_path / "st")
    assert not (tmp_path / "st").exists()


def test_files_that_are_missing_or_damaged_are_named(start, tmp_path) -> None:
    with pytest.raises(InputError, match=r"absent\.json"):
        self_train(dataclasses.replace(start, labels=Path("absent.json")), tmp_path)
    with pytest.raises(InputError, match="no checkpoint"):
        self_train(dataclasses.replace(start, checkpoint=Path("absent.safetensors")), tmp_path)
    (tmp_path / SETTINGS).write_text("{}")
    with pytest.raises(InputError, match=r"self_train\.json' is damaged"):
        self_train(start, tmp_path)


def test_the_command(start, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(command, "get_recipe", lambda name: RECIPE)
    given = ["--photos", start.photos, "--labels", start.labels, "--checkpoint", start.checkpoint, "--device", "cpu"]

    def run(*options: object) -> int:
        arguments = ["self_train", "--recipe", "light_cpu", *given, "--out", tmp_path / "st", "--rounds", 1, *options]
        monkeypatch.setattr(sys, "argv", [str(argument) for argument in arguments])
        return main()

    assert run("--score", "0.6", "--set", "iterations=2") == 0
    said = capsys.readouterr()
    assert str(tmp_path / "st" / "round1" / MIXED) in said.out
    assert "round1: training" in said.err
    assert len(read_metrics(tmp_path / "st" / "round1")) == 1
    assert run("--score", "high") == 2
    assert "numbers with commas" in capsys.readouterr().err


def test_scores_of_a_command_line() -> None:
    assert parsed_scores("0.7,0.65") == (0.7, 0.65)
    assert parsed_scores("0.7") == (0.7,)


def test_other_photos_do_not_resume_a_self_training(start, tmp_path) -> None:
    from training.self_training.self_train import _check_settings

    _check_settings(tmp_path, start, (0.5,))
    _check_settings(tmp_path, start, (0.5,))
    with pytest.raises(ConfigError, match="another set of photos"):
        _check_settings(tmp_path, dataclasses.replace(start, photos=start.labels.parent.parent), (0.5,))
