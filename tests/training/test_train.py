"""The training loop: exact resume, stopping, and errors."""

from __future__ import annotations

import dataclasses
import json
import os
import resource
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from itertools import pairwise
from pathlib import Path

import pytest
import torch
from made_detector import TINY
from made_samples import write_labels
from safetensors.torch import load_file

from cuts3d.detector.network import CascadeMaskRCNN
from cuts3d.errors import ConfigError, InputError
from training.data.dataset import PseudoLabels
from training.loop.metrics import MetricsLog, read_metrics
from training.loop.processes import stopping
from training.loop.schedule import learning_rate, optimizer_for
from training.loop.state import CHECKPOINT
from training.loop.train import FINAL, Stopped, train
from training.recipes import NAMES, get_recipe
from training.recipes.recipe import Recipe
from training.recipes.settings import with_settings
from training.train import main

RECIPE = Recipe(
    network=TINY, iterations=6, batch=2, lr=0.01, warmup=2, short_sides=(64, 80), max_side=128, workers=0, ema=0.9
)


@pytest.fixture
def dataset(tmp_path_factory: pytest.TempPathFactory) -> PseudoLabels:
    folder = tmp_path_factory.mktemp("photos")
    return PseudoLabels(folder, write_labels(folder))


def weights(path: Path) -> dict[str, torch.Tensor]:
    return load_file(path)


def assert_equal(left: Path, right: Path) -> None:
    a, b = weights(left), weights(right)
    assert a.keys() == b.keys()
    assert all(torch.equal(a[k], b[k]) for k in a)


def test_a_run_that_was_stopped_ends_with_the_weights_of_one_that_was_not(dataset, tmp_path) -> None:
    whole = train(RECIPE, dataset, tmp_path / "whole")
    stop = threading.Event()
    with pytest.raises(Stopped, match="after 2 of 6"):
        train(
            RECIPE, dataset, tmp_path / "parts", stop=stop, on_step=lambda m, _: stop.set() if m["step"] == 2 else None
        )
    assert not (tmp_path / "parts" / FINAL).exists()
    assert_equal(whole, train(RECIPE, dataset, tmp_path / "parts"))
    for folder in ("whole", "parts"):
        assert [m["step"] for m in read_metrics(tmp_path / folder)] == [1, 2, 3, 4, 5, 6]


def test_a_recipe_says_how_batches_are_padded(dataset, tmp_path) -> None:
    shapes = set()

    def look(_: dict[str, float], network: CascadeMaskRCNN) -> None:
        network.backbone.register_forward_pre_hook(lambda _, inputs: shapes.add(tuple(inputs[0].shape[2:])))

    train(RECIPE.replace(pad_to=128, iterations=4), dataset, tmp_path, on_step=look)
    assert shapes
    assert all(side % 128 == 0 for shape in shapes for side in shape)


def test_a_run_that_died_between_checkpoints_repeats_what_was_lost_and_ends_equal(dataset, tmp_path) -> None:
    recipe = RECIPE.replace(checkpoint_every=2)
    whole = train(recipe, dataset, tmp_path / "whole")

    def die(metrics: dict[str, float], _: object) -> None:
        if metrics["step"] == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(recipe, dataset, tmp_path / "parts", on_step=die)
    seen: list[float] = []
    final = train(recipe, dataset, tmp_path / "parts", on_step=lambda m, _: seen.append(m["step"]))
    assert seen == [5, 6]
    assert_equal(whole, final)
    assert [m["step"] for m in read_metrics(tmp_path / "parts")] == [1, 2, 3, 4, 5, 6]


def test_a_finished_run_trains_no_more(dataset, tmp_path) -> None:
    final = train(RECIPE, dataset, tmp_path)
    before, seen = weights(final), []
    train(RECIPE, dataset, tmp_path, on_step=lambda m, _: seen.append(m))
    assert not seen
    assert all(torch.equal(before[k], v) for k, v in weights(final).items())


def test_another_recipe_is_refused_and_how_photos_are_loaded_is_not(dataset, tmp_path) -> None:
    train(RECIPE, dataset, tmp_path)
    with pytest.raises(ConfigError, match="another recipe"):
        train(RECIPE.replace(lr=0.02), dataset, tmp_path)
    train(RECIPE.replace(workers=1, checkpoint_every=7), dataset, tmp_path)


def test_a_damaged_checkpoint_is_named(dataset, tmp_path) -> None:
    (tmp_path / CHECKPOINT).write_bytes(b"no checkpoint")
    with pytest.raises(InputError, match=r"damaged.*delete it"):
        train(RECIPE, dataset, tmp_path)


def test_a_checkpoint_with_one_changed_bit_is_not_gone_on_with(dataset, tmp_path) -> None:
    train(RECIPE.replace(iterations=1), dataset, tmp_path)
    content = bytearray((tmp_path / CHECKPOINT).read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / CHECKPOINT).write_bytes(content)
    with pytest.raises(InputError, match=r"damaged.*delete it"):
        train(RECIPE.replace(iterations=1), dataset, tmp_path)


def test_a_second_training_in_the_same_folder_is_refused(dataset, tmp_path) -> None:
    refused: list[str] = []

    def second(metrics: dict[str, float], _: object) -> None:
        if metrics["step"] == 2:
            with pytest.raises(InputError, match="Another training is running in") as error:
                train(RECIPE, dataset, tmp_path)
            refused.append(str(error.value))

    train(RECIPE, dataset, tmp_path, on_step=second)
    assert len(refused) == 1
    assert [m["step"] for m in read_metrics(tmp_path)] == [1, 2, 3, 4, 5, 6]


def test_what_a_kill_left_half_written_is_removed(dataset, tmp_path) -> None:
    left = [tmp_path / ".checkpoint-abcd_123.pt", tmp_path / ".final-abcd_123.safetensors"]
    other = tmp_path / ".final-mine.safetensors"
    left[1].mkdir()
    for path in (left[0], left[1] / ".tmpAbCdEf", other):
        path.write_bytes(b"half")
    train(RECIPE.replace(iterations=1), dataset, tmp_path)
    assert not any(path.exists() for path in left)
    assert other.exists()


class Evil:
    def __reduce__(self):
        return (Path.touch, (Path("executed"),))


def test_a_checkpoint_runs_no_code(dataset, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save({"recipe": Evil()}, tmp_path / CHECKPOINT)
    with pytest.raises(InputError):
        train(RECIPE, dataset, tmp_path)
    assert not Path("executed").exists()


def test_a_full_disk_keeps_the_checkpoint_before(dataset, tmp_path, monkeypatch) -> None:
    recipe = RECIPE.replace(checkpoint_every=2)

    def full(*_: object) -> None:
        raise RuntimeError("PytorchStreamWriter failed writing file")

    def fill_up(metrics: dict[str, float], _: object) -> None:
        if metrics["step"] == 4:
            monkeypatch.setattr(torch, "save", full)

    with pytest.raises(InputError, match="disk full"):
        train(recipe, dataset, tmp_path, on_step=fill_up)
    assert torch.load(tmp_path / CHECKPOINT, weights_only=True)["step"] == 2
    assert sorted(p.name for p in tmp_path.glob(".*")) == []


@contextmanager
def files_no_larger_than(size: int) -> Iterator[None]:
    """A disk on which every larger file meets an error, as on a full one."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")  # TensorBoard's own thread meets it
def test_a_disk_that_is_full_for_metrics_is_one_clear_sentence_and_the_run_goes_on_later(dataset, tmp_path) -> None:
    recipe = RECIPE.replace(iterations=4, checkpoint_every=2)
    whole = train(recipe, dataset, tmp_path / "whole")
    out = tmp_path / "full"
    with ExitStack() as limit:

        def fill_up(metrics: dict[str, float], _: object) -> None:
            if metrics["step"] == 2:
                limit.enter_context(files_no_larger_than((out / "metrics.jsonl").stat().st_size + 9))

        with pytest.raises(InputError, match="metrics cannot be written"):
            train(recipe.replace(checkpoint_every=4), dataset, out, on_step=fill_up)
    assert_equal(whole, train(recipe, dataset, out))
    assert [m["step"] for m in read_metrics(out)] == [1, 2, 3, 4]


def test_memory_that_runs_out_is_one_clear_sentence(dataset, tmp_path, monkeypatch) -> None:
    def greedy(*_: object) -> None:
        torch.empty(1 << 62, dtype=torch.uint8)

    monkeypatch.setattr("training.loop.train._step", greedy)
    with pytest.raises(InputError, match=r"Memory ran out in step 1 at the photos .*\.png.*smaller batch"):
        train(RECIPE, dataset, tmp_path)


def test_a_loss_that_is_not_finite_names_its_photos(dataset, tmp_path) -> None:
    def spoil(_: object, network: torch.nn.Module) -> None:
        with torch.no_grad():
            next(p for p in network.parameters() if p.requires_grad).fill_(float("nan"))

    with pytest.raises(InputError, match=r"step 2 is not finite at the photos .*\.png"):
        train(RECIPE, dataset, tmp_path, on_step=spoil)


def test_metrics_have_each_loss_and_the_result_says_what_it_was_trained_on(dataset, tmp_path) -> None:
    from cuts3d.detector.checkpoint import load_network

    train(RECIPE, dataset, tmp_path, info={"labels": "made"})
    first = read_metrics(tmp_path)[0]
    assert {"total", "rpn_class", "rpn_box", "class_0", "box_2", "mask", "lr", "seconds"} <= first.keys()
    parts = [v for k, v in first.items() if k.startswith(("rpn", "class", "box", "mask"))]
    assert first["total"] == pytest.approx(sum(parts), abs=1e-4)
    network, info = load_network(tmp_path / FINAL)
    assert network.config == TINY
    assert (info["labels"], info["photos"], info["steps"]) == ("made", len(dataset), 6)
    assert json.dumps(info["recipe"])


def test_tensorboard_has_each_step_once_where_it_is_installed(dataset, tmp_path) -> None:
    pytest.importorskip("tensorboard", reason="TensorBoard is not installed: pip install tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    def die(metrics: dict[str, float], _: object) -> None:
        if metrics["step"] == 5:
            raise KeyboardInterrupt

    recipe = RECIPE.replace(checkpoint_every=2)
    with pytest.raises(KeyboardInterrupt):
        train(recipe, dataset, tmp_path, on_step=die)
    train(recipe, dataset, tmp_path)
    events = EventAccumulator(str(tmp_path)).Reload()
    assert {"total", "mask", "lr", "photos_per_second"} <= set(events.Tags()["scalars"])
    assert [event.step for event in events.Scalars("total")] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_half_precision_trains_too_and_keeps_whole_weights(dataset, tmp_path, optimizer) -> None:
    final = train(RECIPE.replace(bf16=True, optimizer=optimizer, iterations=3, lr=1e-3), dataset, tmp_path)
    assert all(line["total"] > 0 for line in read_metrics(tmp_path))
    assert {v.dtype for v in weights(final).values()} <= {torch.float32, torch.int64}


def test_a_training_may_start_from_a_detector_of_the_same_kind_only(dataset, tmp_path) -> None:
    first = train(RECIPE, dataset, tmp_path / "first")
    second = train(RECIPE.replace(iterations=1, warmup=1000), dataset, tmp_path / "second", init=first)
    pairs = zip(weights(first).values(), weights(second).values(), strict=True)
    assert max(float((a - b).abs().max()) for a, b in pairs if a.is_floating_point()) < 1e-3
    other = RECIPE.replace(network=dataclasses.replace(TINY, channels=8))
    with pytest.raises(ConfigError, match="is not the network of the recipe"):
        train(other, dataset, tmp_path / "third", init=first)


@pytest.mark.parametrize("optimizer", ["sgd", "adamw"])
def test_norms_and_biases_do_not_decay(optimizer) -> None:
    network = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
    made = optimizer_for(network, RECIPE.replace(optimizer=optimizer, weight_decay=0.3))
    for group in made.param_groups:
        assert all((p.ndim > 1) == (group["weight_decay"] == 0.3) for p in group["params"])
    assert sum(len(group["params"]) for group in made.param_groups) == 4


def test_the_learning_rate_rises_then_falls_in_steps() -> None:
    recipe = RECIPE.replace(iterations=100, warmup=10, lr=1.0, lr_steps=(0.5, 0.8), lr_gamma=0.1)
    rates = [learning_rate(recipe, step) for step in range(100)]
    assert rates[0] == pytest.approx(0.001)
    assert all(a < b for a, b in pairwise(rates[:11]))
    assert rates[10:50] == [1.0] * 40
    assert rates[50] == pytest.approx(0.1)
    assert rates[99] == pytest.approx(0.01)


@pytest.mark.parametrize("name", NAMES)
def test_every_recipe_says_how_it_is_run(name) -> None:
    import importlib

    recipe = get_recipe(name)
    said = importlib.import_module(f"training.recipes.{name}").__doc__ or ""
    assert recipe.iterations > 0
    assert f"--recipe {name}" in said
    assert all(word in said for word in ("Command:", "Hardware:", "Time:", "Should reach:"))


def test_settings_change_a_recipe() -> None:
    recipe = with_settings(RECIPE, ["iterations=9", "short_sides=[32, 48]", "optimizer=adamw", "paste_blend=false"])
    assert (recipe.iterations, recipe.short_sides, recipe.optimizer, recipe.paste_blend) == (
        9,
        (32, 48),
        "adamw",
        False,
    )
    with pytest.raises(ConfigError, match="FIELD=VALUE"):
        with_settings(RECIPE, ["iterations"])
    with pytest.raises(ConfigError, match="Unknown recipe fields: speed"):
        with_settings(RECIPE, ["speed=9"])
    with pytest.raises(ConfigError, match="Unknown recipe 'fast'"):
        get_recipe("fast")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_command_ends_with_a_checkpoint_when_it_is_asked_to(dataset, tmp_path, monkeypatch, capsys, number) -> None:
    before = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]
    written = MetricsLog.write

    def interrupted(log: MetricsLog, metrics: dict[str, float]) -> None:
        written(log, metrics)
        if metrics["step"] == 2:
            os.kill(os.getpid(), number)

    monkeypatch.setattr("training.train.get_recipe", lambda name: RECIPE)
    given = ["--photos", dataset.photos, "--labels", dataset.photos / "labels.json", "--out", tmp_path]
    arguments = ["train", "--recipe", "light_cpu", "--device", "cpu", *given]
    monkeypatch.setattr(sys, "argv", [str(argument) for argument in arguments])
    with monkeypatch.context() as patch:
        patch.setattr(MetricsLog, "write", interrupted)
        assert main() == 1
    assert "stopped after 2 of 6 steps" in capsys.readouterr().err
    assert torch.load(tmp_path / CHECKPOINT, weights_only=True)["step"] == 2
    assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)] == before
    assert main() == 0
    assert f"--checkpoint {tmp_path / FINAL}" in capsys.readouterr().out
    assert [m["step"] for m in read_metrics(tmp_path)] == [1, 2, 3, 4, 5, 6]


@pytest.fixture
def usual_sigint() -> Iterator[None]:
    """A shell that runs the tests in the background has them ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("usual_sigint")
def test_a_second_signal_is_not_held_back() -> None:
    with stopping() as stop:
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.wait(5)
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
            threading.Event().wait(5)


def test_other_labels_photos_or_initial_detectors_do_not_resume_a_training(dataset, tmp_path) -> None:
    recipe, out = RECIPE.replace(iterations=1), tmp_path / "run"
    final = train(recipe, dataset, out)
    photos = dataset.photos.rename(tmp_path / "moved")
    labels = photos / "labels.json"
    moved = PseudoLabels(photos, labels)
    assert train(recipe, moved, out) == final
    with pytest.raises(ConfigError, match="another initial detector"):
        train(recipe, moved, out, init=final)
    with pytest.raises(ConfigError, match="another set of labels or photos"):
        train(recipe, PseudoLabels(photos, labels, top_labels=1), out)
