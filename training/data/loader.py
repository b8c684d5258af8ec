"""An endless sequence of batches. Each depends only on seed, step and rank, so that a run can be resumed exactly."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import suppress
from functools import lru_cache
from itertools import count, takewhile
from typing import Any

import torch
from torch.utils.data import DataLoader, Dataset

from cuts3d.errors import ConfigError, CutS3DError, InputError
from training.data.augment import flip
from training.data.copy_paste import copy_paste
from training.data.dataset import PseudoLabels
from training.data.samples import Sample
from training.recipes.recipe import Recipe


def batches(
    dataset: PseudoLabels, recipe: Recipe, *, start: int = 0, rank: int = 0, world_size: int = 1
) -> Iterator[list[Sample]]:
    """The photos of each step, resized, mirrored and with pasted objects as the recipe says.

    A step's photos depend neither on `start` nor on the number of workers. Each epoch has a new random order.

    Args:
        dataset: The photos.
        recipe: Batch, sizes, probabilities, seed, workers (0: photos are loaded in this process).
        start: The first step.
        rank: Number of this process.
        world_size: Processes that share a batch, each with `recipe.batch // world_size` photos.

    Raises:
        ConfigError: There are more processes than photos in a batch.
        InputError: A photo cannot be used, or a worker process was killed.
    """
    if recipe.batch < world_size:
        raise ConfigError(
            f"A batch of {recipe.batch} cannot be split among {world_size} processes; use a larger batch."
        )
    finished = threading.Event()
    steps: Any = takewhile(lambda _: not finished.is_set(), count(start))  # its type does not allow an iterator
    loader: DataLoader[Any] = DataLoader(
        _Steps(dataset, recipe, rank, world_size),
        batch_size=None,
        sampler=steps,
        num_workers=recipe.workers,
        multiprocessing_context="spawn" if recipe.workers else None,
        generator=torch.Generator(),  # without it, it would draw from the global generator
    )
    found = iter(loader)
    try:
        for batch in found:
            if isinstance(batch, CutS3DError):
                raise batch
            yield batch
    except (GeneratorExit, CutS3DError):
        finished.set()
        with suppress(RuntimeError, EOFError, OSError):  # a worker that died with this process
            for _ in found:  # a worker that is stopped while it hands a batch over aborts
                pass
        raise
    except (RuntimeError, EOFError, OSError) as error:
        if not _is_of_a_killed_worker(error):
            raise
        raise InputError(
            "A process that loads photos was killed, probably because memory ran out: use fewer (workers), and run the "
            "same command again to resume."
        ) from error


def _is_of_a_killed_worker(error: Exception) -> bool:
    """Whether PyTorch reports a dead worker, or this process met one while it took over a batch from it."""
    if isinstance(error, RuntimeError):
        return str(error).startswith("DataLoader worker")
    in_the_worker = str(error).startswith("Caught ")
    return isinstance(error, EOFError | ConnectionError | FileNotFoundError) and not in_the_worker


class _Steps(Dataset[Any]):
    """The batch of any step, or the error that it meets: raised by a worker it would come with a traceback for text."""

    def __init__(self, dataset: PseudoLabels, recipe: Recipe, rank: int, world_size: int) -> None:
        self.dataset, self.recipe, self.rank, self.world_size = dataset, recipe, rank, world_size

    def __getitem__(self, step: int) -> list[Sample] | CutS3DError:
        try:
            return make_batch(self.dataset, self.recipe, step, rank=self.rank, world_size=self.world_size)
        except CutS3DError as error:
            return error


def make_batch(dataset: PseudoLabels, recipe: Recipe, step: int, *, rank: int = 0, world_size: int = 1) -> list[Sample]:
    """The photos of one step, as `batches` yields them."""
    each = recipe.batch // world_size
    sides = recipe.short_sides
    short = sides[int(torch.randint(len(sides), (), generator=_generator(recipe.seed, "size", step)))]
    generators = [_generator(recipe.seed, "photo", step, rank, index) for index in range(each)]
    first = (step * world_size + rank) * each
    samples = []
    for index, generator in enumerate(generators):
        photo = _photo(first + index, len(dataset), recipe.seed)
        sample = dataset.load(photo, short=short, max_side=recipe.max_side)
        samples.append(flip(sample) if _happens(recipe.flip, generator) else sample)
    if each == 1:
        return samples
    return [
        _pasted(sample, samples[index - 1], generator, dataset, recipe)
        for index, (sample, generator) in enumerate(zip(samples, generators, strict=True))
    ]


def _pasted(
    target: Sample, source: Sample, generator: torch.Generator, dataset: PseudoLabels, recipe: Recipe
) -> Sample:
    if not _happens(recipe.copy_paste, generator):
        return target
    above = dataset.confidence_median if recipe.paste_select else None
    return copy_paste(target, source, generator, select_above=above, blend=recipe.paste_blend)


def _photo(position: int, photos: int, seed: int) -> int:
    """Index of the photo at a position of the endless sequence of epochs, each with its own permutation."""
    epoch, index = divmod(position, photos)
    return int(_order(photos, seed, epoch)[index])


@lru_cache(maxsize=2)
def _order(photos: int, seed: int, epoch: int) -> torch.Tensor:
    return torch.randperm(photos, generator=_generator(seed, "epoch", epoch))


def _happens(probability: float, generator: torch.Generator) -> bool:
    return float(torch.rand((), generator=generator)) < probability


def _generator(*key: int | str) -> torch.Generator:
    """A generator that depends only on the key; different keys give independent numbers."""
    digest = hashlib.sha256(repr(key).encode()).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest[:8], "little") >> 1)
