"""Pairs of COCO documents for evaluation: the same content, written otherwise, with things that do not fit."""

from __future__ import annotations

import copy
import json
import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.strange.case import Case, Rng, chance, one_of
from benchmarks.strange.values import mangled, strange
from cuts3d.evaluate import Evaluation, evaluate
from cuts3d.evaluate.report import markdown, to_json
from cuts3d.io.coco import encode_rle

SIZE = (24, 36)  # h, w of the images
Json = dict[str, Any]


def _documents(rng: Rng) -> tuple[Json, Json]:
    """A ground truth and the predictions on the same images, both valid, with names inside two folders."""
    images, objects, found = [], [], []
    for n in range(1, 5):
        images.append({"id": n, "file_name": f"{'xy'[n % 2]}/{n // 3}.jpg", "height": SIZE[0], "width": SIZE[1]})
        for _ in range(2):
            (y, x), (h, w) = rng.integers(0, 12, 2).tolist(), rng.integers(4, 12, 2).tolist()
            mask = np.zeros(SIZE, dtype=np.bool_)
            mask[y : y + h, x : x + w] = True
            one = {"image_id": n, "category_id": 1, "segmentation": encode_rle(mask), "bbox": [x, y, w, h]}
            objects.append({"id": len(objects) + 1, **one, "area": h * w, "iscrowd": 0})
            found.append({"id": len(found) + 1, **one, "score": round(float(rng.random()), 3)})
    return {"images": images, "annotations": objects}, {"images": copy.deepcopy(images), "annotations": found}


IDS: tuple[Callable[[int], Any], ...] = (int, float, str, lambda i: f"{i}.0", lambda i: -i, lambda i: i + 10**20)
NAMES: tuple[Callable[[str], str], ...] = (
    lambda name: f"/data/{name}",
    lambda name: "C:\\data\\" + name.replace("/", "\\"),
    lambda name: f"./{name}",
    str.upper,
    lambda name: name.replace(".jpg", ".png"),
)
FLAGS = (0, 0.0, "0", False, "false", None)


def _same(rng: Rng, truth: Json, guess: Json) -> None:
    """Write ids, names, flags and sizes in other ways that mean the same."""
    for document in (truth, guess):
        write = one_of(rng, IDS)
        some = write if chance(rng, 0.5) or write(1) in (-1, 1 + 10**20) else None
        for image in document["images"]:
            image["id"] = (some or one_of(rng, IDS[:4]))(image["id"])
            image["width"] = one_of(rng, (int, float, str))(image["width"])
        for entry in document["annotations"]:
            entry["image_id"] = (some or one_of(rng, IDS[:4]))(entry["image_id"])
            entry["iscrowd"] = one_of(rng, FLAGS)
    name = one_of(rng, NAMES)
    for image in guess["images"]:
        image["file_name"] = name(image["file_name"])


def evaluated_pair(rng: Rng, folder: Path) -> Case:
    """Two documents that mean the same as valid ones, or have something that cannot be compared."""
    truth, guess = _documents(rng)
    wanted = evaluate(truth, guess)
    if chance(rng, 0.3):
        _same(rng, truth, guess)
        return Case(f"the same: {json.dumps([truth, guess])[:1500]}", lambda: _is(evaluate(truth, guess), wanted))
    if chance(rng, 0.3):
        _same(rng, truth, guess)
    kind = int(rng.integers(4))
    given: Any = [truth, guess if chance(rng, 0.6) else guess["annotations"]]
    more: Json = {}
    if kind == 0:
        for entry in one_of(rng, (truth, guess))["annotations"][: int(rng.integers(1, 4))]:
            entry[one_of(rng, ("id", "image_id", "segmentation", "bbox", "score", "iscrowd", "area"))] = strange(rng)
    elif kind == 1:
        more = {"pairs": mangled(rng, [{"ann_ids": [1, 2]}, {"ann_ids": [3, "4"]}], 1)}
    elif kind == 2:
        more = {"image_ids": mangled(rng, [1, "2", "x/0.jpg", 4.0], 1)}
    else:
        given = mangled(rng, given, int(rng.integers(1, 4)))
        given = given if len(given) == 2 else [truth, guess]
    if chance(rng, 0.5) and kind < 3:
        given[1] = folder / "predictions.json"
        given[1].write_text(json.dumps(guess))
    description = f"{json.dumps([truth, guess, more])[:1500]}"
    return Case(description, lambda: _counted(evaluate(given[0], given[1], **more), wanted))


def _is(found: Evaluation, wanted: Evaluation) -> None:
    assert replace(found, notices=()) == replace(wanted, notices=())


def _counted(found: Evaluation, wanted: Evaluation) -> None:
    """Nothing may be missing without a word, and the report must be writable."""
    text = markdown(found)
    text.encode()
    json.dumps(to_json(found), allow_nan=False)
    assert text.splitlines()[: len(found.notices)] == [f"note: {one.text}" for one in found.notices]
    lost = found.counts.instances + found.counts.crowds < wanted.counts.instances
    lost |= found.counts.predictions < wanted.counts.predictions
    fewer_images = found.counts.images < wanted.counts.images
    assert found.notices or fewer_images or not lost, "something is missing without a word"
    assert math.isfinite(found.counts.predictions_per_image)
