"""Methods on COCO dev, 315 images in two halves: one to tune on (every other image), one to report."""

from __future__ import annotations

import json
import math
import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tqdm import tqdm

from cuts3d.arrays import BoolArray, ImageArray
from cuts3d.config import CutS3DConfig
from cuts3d.evaluate import evaluate
from cuts3d.io.coco import encode_rle
from cuts3d.io.photos import read_image
from cuts3d.memo import Memo
from cuts3d.run.methods import find_masks

Masks = list[tuple[BoolArray, float]]  # masks at the photo's size, with scores
Method = Callable[[ImageArray, Memo], Masks]
HEAD = "AP / AP50 / AR1 / AR10 / AR100 / pairs separated / masks a photo / ms a photo"


@dataclass(frozen=True, slots=True)
class Row:
    """The figures of one method on one half, in percent."""

    ap: float
    ap50: float
    ar1: float
    ar10: float
    ar100: float
    pairs: float
    per_photo: float
    milliseconds: float

    def __str__(self) -> str:
        percentages = (self.ap, self.ap50, self.ar1, self.ar10, self.ar100, self.pairs)
        return " / ".join([*(f"{x:.2f}" for x in percentages), f"{self.per_photo:.1f}", f"{self.milliseconds:.0f}"])


def run_method(config: CutS3DConfig, name: str = "cuts3d") -> Method:
    """A method of the product, with its own scores."""
    return lambda image, memo: [(m.mask, m.score) for m in find_masks(image, config, method=name, memo=memo)]


HALVES = {"first": slice(None, None, 2), "second": slice(1, None, 2)}
PARTS = {**HALVES, "quarter": slice(None, None, 4)}  # the last is a part of the first


def measure(module: str, *, halves: Sequence[str] = tuple(HALVES), workers: int = 2) -> dict[str, dict[str, Row]]:
    """Run the methods of a benchmark over `$CUTS3D_COCO_DEV`, one thread each.

    Args:
        module: A module whose `methods()` returns names and methods.
        halves: Some of `PARTS`; "first" is for tuning, "second" for reports.
        workers: Number of processes.

    Returns:
        The figures by half and name.
    """
    folder = Path(os.environ["CUTS3D_COCO_DEV"])
    truth = json.loads((folder / "instances.json").read_text())
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in _methods(module)}
    seconds: dict[str, dict[int, float]] = {name: {} for name in found}
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        images = [image for half in halves for image in truth["images"][PARTS[half]]]
        photos = [(module, folder / "images" / image["file_name"]) for image in images]
        done = zip(images, pool.map(_photo, photos), strict=True)
        for image, by_method in tqdm(done, total=len(photos), desc=module):
            for name, (masks, spent) in by_method.items():
                seconds[name][image["id"]] = spent
                found[name] += [{**mask, "image_id": image["id"]} for mask in masks]
    parts = {half: [image["id"] for image in truth["images"][PARTS[half]]] for half in halves}
    return {
        half: {name: _row(truth, folder, masks, part, seconds[name]) for name, masks in found.items()}
        for half, part in parts.items()
    }


def lines(module: str, *, halves: Sequence[str] = tuple(HALVES)) -> Iterator[str]:
    """The result of `measure` as lines of a table."""
    for half, rows in measure(module, halves=halves).items():
        for name, row in rows.items():
            yield f"| {half}{' half' if half in HALVES else ''}: {name} | {row} |"


@cache
def _methods(module: str) -> dict[str, Method]:
    return import_module(module).methods()


def _photo(work: tuple[str, Path]) -> dict[str, tuple[list[dict[str, Any]], float]]:
    module, path = work
    torch.set_num_threads(1)
    image = read_image(path)
    memo = Memo()
    results = {}
    for name, method in _methods(module).items():
        networks = _SharedNetworks(memo)
        start = time.process_time()
        masks = method(image, networks)
        spent = time.process_time() - start - networks.spent
        results[name] = [{"segmentation": encode_rle(m), "score": score} for m, score in masks], spent
    return results


class _SharedNetworks(Memo):
    """A memo that shares only the results of the networks between the methods, and measures their time."""

    def __init__(self, shared: Memo) -> None:
        super().__init__()
        self.shared, self.spent = shared, 0.0

    def remembered(self, stage: str, key: Any, compute: Any) -> Any:
        if stage not in ("features", "depth"):
            return super().remembered(stage, key, compute)
        start = time.process_time()
        value = self.shared.remembered(stage, key, compute)
        self.spent += time.process_time() - start
        return value


def _row(truth: Any, folder: Path, masks: list[Any], part: list[int], seconds: dict[int, float]) -> Row:
    found = evaluate(truth, masks, pairs=folder / "touching_pairs.json", image_ids=part)
    assert found.mask is not None, "the ground truth of COCO dev has masks"
    fractions = (
        found.mask.ap,
        found.mask.ap50,
        found.mask.ar1,
        found.mask.ar10,
        found.mask.ar100,
        found.pairs_separated,
    )
    ap, ap50, ar1, ar10, ar100, pairs = (math.nan if x is None else 100 * x for x in fractions)
    return Row(
        ap,
        ap50,
        ar1,
        ar10,
        ar100,
        pairs,
        found.counts.predictions_per_image,
        1000 * float(np.mean([seconds[i] for i in part])),
    )
