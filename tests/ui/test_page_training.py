"""The small training from the page: it learns, stops at once, leaves nothing behind, and is one at a time."""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cuts3d.config import CutS3DConfig
from cuts3d.detector.checkpoint import load_network
from cuts3d.errors import InputError
from cuts3d.io.photos import read_photo
from cuts3d.run import methods
from tests.made_detector import TINY
from training.recipes.recipe import Recipe
from ui.controls import values_from
from ui.events import opening, training_runs, visitors
from ui.session import page_training, training_slot
from ui.session.page_training import MOST_PHOTOS, PageTraining, TrainingSettings, page_recipe
from ui.session.sessions import Sessions
from ui.session.training_slot import TrainingSlot
from ui.tabs import detector_training

Updates = list[dict[str, Any]]


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch, pixel_config: CutS3DConfig, tmp_path: Path) -> Path:
    """A tiny network, labels by mean colours, a slot and a temporary folder of its own."""

    def tiny(steps: int) -> Recipe:
        recipe = page_recipe(steps)
        return recipe.replace(network=TINY, short_sides=(64,), max_side=96)

    monkeypatch.setattr(page_training, "page_recipe", tiny)
    monkeypatch.setattr(page_training, "label_config", lambda: pixel_config)
    monkeypatch.setattr(page_training, "LOOK_EVERY", 2)
    monkeypatch.setattr(training_slot, "TRAINING_SLOT", TrainingSlot())
    monkeypatch.setattr(visitors, "SESSIONS", Sessions())
    monkeypatch.setattr(training_runs, "PAUSE", 0.05)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(scratch))
    return scratch


@pytest.fixture
def photos(tmp_path: Path, photo) -> list[str]:
    paths = [tmp_path / f"photo {n}.png" for n in range(2)]
    for n, path in enumerate(paths):
        Image.fromarray(photo.image[:, :: 1 - 2 * n].copy()).save(path)
    return [str(path) for path in paths]


@pytest.fixture
def opened(photos: list[str], pixel_config: CutS3DConfig) -> None:
    list(opening.open_upload("ann", photos[0], None, "relative", values_from(pixel_config.to_dict())))


def until_idle(seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while training_slot.TRAINING_SLOT.current is not None:
        assert time.monotonic() < end, "the training did not end"
        time.sleep(0.02)


def run(photos: list[str], *, steps: int = 20, visitor: str = "ann") -> Updates:
    return list(training_runs.train_here(visitor, photos, False, steps))


def progress_of(updates: Updates) -> list[str]:
    return [u["training_progress"] for u in updates if "training_progress" in u]


def test_a_training_is_watched_from_the_labels_to_the_file(photos, opened, small) -> None:
    files = {}

    def watch() -> Iterator[dict[str, Any]]:
        for update in training_runs.train_here("ann", photos, False, 20):
            file = update.get("trained_file") or {}
            if file.get("value"):
                files["read"] = load_network(Path(file["value"]))  # it is there as long as the page copies it
            yield update

    updates = list(watch())
    words = progress_of(updates)
    assert "photo 1 of 2" in words[0]
    assert any("Step" in w and "loss-chart" in w for w in words)
    assert "Done: 20 steps" in words[-1]
    previews = [u["training_preview"] for u in updates if u.get("training_preview")]
    assert "Training target" in previews[0] and "<path" in previews[0]
    assert "Detections after step 20" in previews[-1]
    network, info = files["read"]
    assert network.config == TINY
    assert (info["steps"], info["photos"]) == (20, 2)
    session = visitors.SESSIONS.get("ann")
    assert session is not None and session.detections.own is not None
    assert session.detections.own.title == "Yours, trained here"
    until_idle()
    assert not list(small.iterdir()), "temporary folders are gone"


def test_the_loss_falls(photos) -> None:
    settings = TrainingSettings(
        owner="ann",
        photos=training_runs.chosen_photos(photos, with_examples=False),
        steps=40,
        folder=Path(tempfile.mkdtemp()),
    )
    training = PageTraining(settings)
    training.run()
    assert training.progress.phase == "done", training.progress.error
    assert len(training.progress.losses) == 40
    assert np.mean(training.progress.losses[-8:]) < 0.9 * np.mean(training.progress.losses[:8])


def test_cancel_works_within_a_step_and_leaves_nothing(photos, opened, small) -> None:
    updates, stopped = [], {}
    for update in training_runs.train_here("ann", photos, False, 200):
        updates.append(update)
        training = training_slot.TRAINING_SLOT.current
        if training is not None and training.progress.losses and not stopped:
            assert "Stopping" in training_runs.cancel("ann")["training_progress"]
            stopped[training] = len(training.progress.losses)
    assert "Cancelled after" in progress_of(updates)[-1]
    ((training, at),) = stopped.items()
    assert 0 < len(training.progress.losses) <= at + 1
    assert all(not (u.get("trained_file") or {}).get("value") for u in updates)
    until_idle()
    assert not list(small.iterdir())
    session = visitors.SESSIONS.get("ann")
    assert session is not None and session.detections.own is None


def test_cancel_works_during_the_labels(photos) -> None:
    seen = []
    for update in training_runs.train_here("ann", photos * 6, False, 20):
        seen.append(update)
        training_runs.cancel("ann")
    assert "Cancelled after 0 of 20" in progress_of(seen)[-1]


def test_one_training_at_a_time_and_the_others_get_a_sentence(photos) -> None:
    first = training_runs.train_here("ann", photos, False, 200)
    next(first)
    (bob,) = run(photos, visitor="bob")
    assert "Another visitor" in bob["training_progress"]
    (ann,) = run(photos, visitor="ann")
    assert "Your training is running already" in ann["training_progress"]
    assert training_runs.cancel("bob") == {}, "bob cannot cancel what ann began"
    assert training_slot.TRAINING_SLOT.current is not None and not training_slot.TRAINING_SLOT.current.stop.is_set()
    first.close()  # ann's page is gone
    until_idle()
    assert "Done" in progress_of(run(photos, visitor="bob"))[-1]


def test_a_visitor_who_leaves_ends_the_training(photos) -> None:
    updates = training_runs.train_here("ann", photos, False, 200)
    next(updates)
    visitors.close("ann")
    until_idle()
    updates.close()


def test_a_photo_that_cannot_be_read_is_left_out_with_its_sentence(photos, tmp_path) -> None:
    broken = tmp_path / "broken <b>.png"
    broken.write_text("no photo")
    words = progress_of(run([str(broken), *photos]))[-1]
    assert "Done" in words
    assert "broken &lt;b&gt;.png was left out" in words


def test_photos_without_an_object_are_one_sentence(photos, small, monkeypatch) -> None:
    monkeypatch.setattr(methods, "find_masks", lambda image, config: [])
    words = progress_of(run(photos))[-1]
    assert 'role="alert"' in words
    assert "nothing to train on" in words
    until_idle()
    assert not list(small.iterdir())


def test_an_error_that_nobody_foresaw_is_a_sentence_too(photos, monkeypatch) -> None:
    def fails(steps: int) -> Recipe:
        raise RuntimeError("secret path")

    monkeypatch.setattr(page_training, "page_recipe", fails)
    words = progress_of(run(photos))[-1]
    assert "Something went wrong" in words and "secret" not in words
    until_idle()


def test_no_photo_and_too_many_are_one_sentence(photos) -> None:
    assert "Upload photos" in progress_of(run([]))[0]
    assert f"at most {MOST_PHOTOS}" in progress_of(run(photos * 7))[0]
    with pytest.raises(InputError, match="13 photos"):
        training_runs.chosen_photos(photos * 2 + photos[:1], with_examples=True)
    assert len(training_runs.chosen_photos(photos * 2, with_examples=True)) == MOST_PHOTOS
    assert training_slot.TRAINING_SLOT.current is None


@pytest.mark.parametrize(("steps", "expected"), [(5, 20), (10_000, 200), (None, 20), ("nan", 20), (40, 40)])
def test_the_steps_stay_in_their_range(steps, expected, photos, monkeypatch) -> None:
    begun: list[PageTraining] = []

    class Refuses:
        def start(self, training: PageTraining) -> PageTraining:
            begun.append(training)
            return training

    monkeypatch.setattr(training_slot, "TRAINING_SLOT", Refuses())
    list(training_runs.train_here("ann", photos, False, steps))
    assert begun[0].settings.steps == expected


def test_the_page_learns_the_smoke_recipe_and_writes_no_checkpoint_to_go_on_from() -> None:
    from training.recipes import get_recipe

    recipe, smoke = page_recipe(100), get_recipe("light_cpu_smoke")
    assert (recipe.iterations, recipe.batch, recipe.lr) == (100, smoke.batch, smoke.lr)
    assert recipe.network.backbone == smoke.network.backbone
    assert recipe.checkpoint_every > recipe.iterations


def test_waiting_ends_when_something_changes() -> None:
    training = PageTraining(TrainingSettings(owner="ann", photos=[], steps=1, folder=Path(".")))
    threading.Timer(0.05, training.update, kwargs={"labelled": 1}).start()
    begin = time.monotonic()
    assert training.wait(0, 30) == 1
    assert time.monotonic() - begin < 10
    assert training.wait(1, 0.01) == 1


def test_the_remaining_time_is_shown(photos) -> None:
    one_photo = [("a", lambda: read_photo(np.zeros((9, 9, 3), np.uint8)))]
    training = PageTraining(TrainingSettings(owner="ann", photos=one_photo, steps=100, folder=Path(".")))
    training.update(phase="training", losses=(2.0,) * 40, seconds=(3.0,) * 40)
    assert "Step 40 of 100, about 3 min left" in detector_training.progress(training)
    training.update(losses=(2.0,), seconds=(3.0,))
    assert "left" not in detector_training.progress(training)


def test_what_was_done_to_a_photo_is_said(photos, tmp_path) -> None:
    flat = tmp_path / "flat.png"
    Image.new("RGB", (64, 64), (90, 90, 90)).save(flat)
    words = progress_of(run([str(flat), *photos]))[-1]
    assert "Done" in words
    assert "flat.png: The photo is nearly uniform" in words
