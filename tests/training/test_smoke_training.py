"""All parts of training together: the light detector over-fits four photos, and its detections are evaluated."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cuts3d.detector.predict import predict
from cuts3d.evaluate import evaluate
from cuts3d.extract.records import annotation
from cuts3d.scenes import SCENES, make_scene
from cuts3d.types import FoundMask
from training.data.dataset import PseudoLabels
from training.loop.metrics import read_metrics
from training.loop.train import train
from training.recipes import get_recipe
from training.recipes.recipe import Recipe

SIZE = (240, 320)
SIDE = 192  # shorter side in training and at test: a minute on two cores


def write_scenes(folder: Path) -> Path:
    """The synthetic scenes as photos, and a file with their objects as `cuts3d extract` would write them."""
    folder.mkdir()
    document: dict[str, Any] = {"images": [], "annotations": [], "categories": [{"id": 1, "name": "object"}]}
    for number, name in enumerate(SCENES, start=1):
        scene = make_scene(name, size=SIZE)
        file_name = f"{name}.png"
        Image.fromarray(scene.image).save(folder / file_name)
        document["images"].append({"id": number, "file_name": file_name, "height": SIZE[0], "width": SIZE[1]})
        for label in np.unique(scene.labels[scene.labels > 0]):
            mask = scene.labels == label
            found = annotation(FoundMask(mask=mask, score=1.0, coarse_mask=mask))
            document["annotations"].append({"id": len(document["annotations"]) + 1, "image_id": number, **found})
    path = folder / "labels.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    return path


def smoke_recipe() -> Recipe:
    """The recipe for watching, cut to the size of a test; its network is the light one, with the weights at hand."""
    recipe = get_recipe("light_cpu_smoke")
    network = dataclasses.replace(recipe.network, test_short_side=SIDE)
    return recipe.replace(network=network, iterations=80, short_sides=(SIDE,), flip=0.0)


@pytest.mark.slow
def test_four_photos_are_learnt_by_heart(tmp_path: Path) -> None:
    labels, recipe = write_scenes(tmp_path / "photos"), smoke_recipe()
    dataset = PseudoLabels(tmp_path / "photos", labels)
    assert len(dataset) == 4
    detector = train(recipe, dataset, tmp_path / "run")
    found = tmp_path / "found.json"
    counts = predict(tmp_path / "photos", detector, found)
    assert (counts["images"], counts["failures"]) == (4, 0)
    figures = evaluate(labels, found)
    assert figures.mask is not None
    assert figures.mask.ap50 is not None
    assert figures.mask.ap50 > 0.9
    losses = [line["total"] for line in read_metrics(tmp_path / "run")]
    assert len(losses) == recipe.iterations
    assert np.mean(losses[-10:]) < 0.7 * np.mean(losses[:10])
