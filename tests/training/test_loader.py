"""Batches: what a step holds depends on seed, step and rank alone."""

from __future__ import annotations

import multiprocessing
from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Any

import pytest
import torch
from made_samples import assert_same, assert_valid, write_labels

from cuts3d.detector.config import LIGHT
from cuts3d.errors import ConfigError, InputError
from training.data import loader
from training.data.augment import areas
from training.data.dataset import PseudoLabels
from training.data.loader import batches, make_batch
from training.data.samples import Sample
from training.recipes.recipe import Recipe

RECIPE = Recipe(network=LIGHT, iterations=10, batch=3, short_sides=(32, 40, 48), max_side=64, workers=0)
PLAIN = RECIPE.replace(flip=0.0, copy_paste=0.0, short_sides=(48,))


@pytest.fixture(scope="module")
def dataset(tmp_path_factory) -> PseudoLabels:
    folder = tmp_path_factory.mktemp("photos")
    return PseudoLabels(folder, write_labels(folder, count=5))


def assert_equal(first: list[Sample], second: list[Sample]) -> None:
    for one, other in zip(first, second, strict=True):
        assert_same(one, other)


def take(dataset: PseudoLabels, recipe: Recipe, steps: int, **options: int) -> list[list[Sample]]:
    return list(islice(batches(dataset, recipe, **options), steps))


def test_a_batch_holds_valid_samples_of_the_steps_size(dataset):
    for batch in take(dataset, RECIPE, 6):
        assert len(batch) == 3
        assert len({min(sample.image.shape[1:]) for sample in batch}) == 1
        for sample in batch:
            assert_valid(sample)


def test_a_resumed_run_sees_the_same_batches(dataset):
    whole, resumed = take(dataset, RECIPE, 7), take(dataset, RECIPE, 3, start=4)
    for first, second in zip(whole[4:], resumed, strict=True):
        assert_equal(first, second)
    assert not torch.equal(whole[0][0].image, whole[1][0].image)


def test_worker_processes_change_nothing(dataset):
    found = batches(dataset, RECIPE.replace(workers=2), start=2)
    for step, batch in enumerate(islice(found, 3), start=2):
        assert_equal(batch, make_batch(dataset, RECIPE, step))
    found.close()  # pyright: ignore[reportAttributeAccessIssue]


def test_an_error_in_a_worker_is_the_sentence_alone(tmp_path):
    document = write_labels(tmp_path, count=1)
    dataset = PseudoLabels(tmp_path, document)
    (tmp_path / "0.png").unlink()
    for workers in (0, 1):
        with pytest.raises(InputError) as caught:
            next(batches(dataset, RECIPE.replace(workers=workers)))
        assert str(caught.value) == "The photo '0.png' of the labels cannot be used: There is no file '0.png'."


def test_the_global_generators_are_left_alone(dataset):
    torch.manual_seed(1)
    expected = torch.rand(2)
    torch.manual_seed(1)
    take(dataset, RECIPE, 2)
    assert torch.equal(torch.rand(2), expected)


def test_an_epoch_shows_every_photo_once_each_in_its_own_order(dataset):
    names = [sample.name for batch in take(dataset, PLAIN, 10) for sample in batch]  # 30 photos: six epochs
    epochs = [names[first : first + 5] for first in range(0, 30, 5)]
    assert all(len(set(epoch)) == 5 for epoch in epochs)
    assert len({tuple(epoch) for epoch in epochs}) > 1


def test_ranks_share_a_step_without_overlap(dataset):
    recipe = PLAIN.replace(batch=4)
    alone = take(dataset, recipe, 5)
    shared = [take(dataset, recipe, 5, rank=rank, world_size=2) for rank in range(2)]
    for step, batch in enumerate(alone):
        assert [s.name for s in batch] == [s.name for rank in shared for s in rank[step]]
    augmented = [take(dataset, RECIPE.replace(batch=4), 5, rank=rank, world_size=2) for rank in range(2)]
    for first, second in zip(*augmented, strict=True):
        assert len({min(sample.image.shape[1:]) for sample in [*first, *second]}) == 1


def test_another_seed_gives_other_batches(dataset):
    first, second = (take(dataset, PLAIN.replace(seed=seed), 5) for seed in (0, 1))
    names = [[sample.name for batch in batches_ for sample in batch] for batches_ in (first, second)]
    assert names[0] != names[1]


def test_short_sides_and_flips_come_about_as_often_as_they_should(dataset):
    steps = take(dataset, PLAIN.replace(short_sides=(24, 30), flip=0.5, max_side=100), 60)
    counted = Counter(min(batch[0].image.shape[1:]) for batch in steps)
    assert set(counted) == {24, 30}
    assert min(counted.values()) >= 18
    straight = {
        (name, short): dataset.load(i, short=short)
        for i, name in enumerate(f"{n}.png" for n in range(5))
        for short in (24, 30)
    }
    flips = [not torch.equal(s.masks, straight[s.name, min(s.image.shape[1:])].masks) for batch in steps for s in batch]
    assert 0.35 < sum(flips) / len(flips) < 0.65


def test_objects_come_from_the_photo_before_and_only_confident_ones(dataset):
    recipe = PLAIN.replace(copy_paste=1.0)
    pasted = 0
    for step in range(8):
        plain, mixed = make_batch(dataset, PLAIN, step), make_batch(dataset, recipe, step)
        for place, (before, after) in enumerate(zip(plain, mixed, strict=True)):
            added = set(after.scores.tolist()) - set(before.scores.tolist())
            source = plain[place - 1]
            good = source.mean_confidence >= dataset.confidence_median
            assert added <= set(source.scores[good].tolist())
            pasted += len(added)
    assert pasted


def test_without_selection_more_labels_are_pasted(dataset):
    recipe = PLAIN.replace(copy_paste=1.0)
    recipes = (recipe, recipe.replace(paste_select=False))
    few, many = (sum(len(s.masks) for step in range(8) for s in make_batch(dataset, r, step)) for r in recipes)
    assert many > few


def test_blending_is_a_switch(dataset):
    hard, soft = (make_batch(dataset, PLAIN.replace(copy_paste=1.0, paste_blend=blend), 0) for blend in (False, True))
    assert any(not torch.equal(a.image, b.image) for a, b in zip(hard, soft, strict=True))
    assert all(torch.equal(a.masks, b.masks) for a, b in zip(hard, soft, strict=True))


def test_a_single_photo_gets_nothing_pasted(dataset):
    recipe = PLAIN.replace(batch=1, copy_paste=1.0)
    for step in range(5):
        (sample,) = make_batch(dataset, recipe, step)
        original = dataset.load(int(sample.name[0]))
        assert_same(sample, original)
        assert areas(sample.masks).min() > 0


def test_more_processes_than_photos_in_a_batch_are_refused(dataset):
    with pytest.raises(ConfigError, match="batch of 3 cannot be split among 4 processes"):
        next(batches(dataset, RECIPE, world_size=4))


class Broken:
    """A loader whose iterator fails."""

    def __init__(self, error: Exception) -> None:
        self.error = error

    def __iter__(self) -> Iterator[Any]:
        raise self.error
        yield


@pytest.mark.parametrize("error", [EOFError(), ConnectionResetError(104, "reset"), FileNotFoundError(2, "socket")])
def test_a_worker_that_is_killed_while_it_hands_a_batch_over_is_the_same_sentence(dataset, monkeypatch, error):
    monkeypatch.setattr(loader, "DataLoader", lambda *_, **__: Broken(error))
    with pytest.raises(InputError, match=r"was killed, probably because memory ran out"):
        next(batches(dataset, RECIPE.replace(workers=1)))


@pytest.mark.parametrize(
    "error", [PermissionError(13, "denied"), EOFError("Caught EOFError in a worker"), RuntimeError("x")]
)
def test_other_errors_are_not_taken_for_a_killed_worker(dataset, monkeypatch, error):
    monkeypatch.setattr(loader, "DataLoader", lambda *_, **__: Broken(error))
    with pytest.raises(type(error)):
        next(batches(dataset, RECIPE.replace(workers=1)))


def test_a_worker_that_is_killed_is_one_clear_sentence(dataset):
    found = batches(dataset, RECIPE.replace(workers=1))
    next(found)
    for worker in multiprocessing.active_children():
        worker.kill()
    with pytest.raises(InputError, match=r"was killed, probably because memory ran out"):
        list(islice(found, 100))
