"""Untrusted files that training and evaluation read: labels, predictions, detectors."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from benchmarks.strange.case import Case, Rng, chance, one_of
from benchmarks.strange.damage import cut_off, damaged, flipped, imposter, lying
from benchmarks.strange.photos import pixels
from benchmarks.strange.values import mangled
from cuts3d.config import CutS3DConfig
from cuts3d.detector.checkpoint import KEY, load_network, save_network
from cuts3d.detector.detect import detect
from cuts3d.evaluate import evaluate
from cuts3d.extract import encode_confidence
from cuts3d.io.coco import encode_rle
from tests.made_detector import TINY, made_network, made_photo
from training.data.dataset import PseudoLabels
from training.self_training.merge_labels import merge_labels
from training.self_training.rank import rank_detections

SIDE = 24  # pixels of the labelled photos
SMALL = CutS3DConfig().replace(image_size=112, depth="none")  # for quick ranking
LENGTH = 8  # bytes at the start of a safetensors file that state the length of its header
Json = dict[str, Any]


@cache
def labels() -> Json:
    """A valid document of labels of three photos."""
    mask = np.zeros((SIDE, SIDE), bool)
    mask[4:14, 6:20] = True
    polygon = [[2.0, 2.0, 20.0, 3.0, 18.0, 20.0]]
    segmentations = (encode_rle(mask), polygon, {"size": [SIDE, SIDE], "counts": [30, 200, SIDE * SIDE - 230]})
    return {
        "images": [{"id": n, "file_name": f"{n}.png", "width": SIDE, "height": SIDE} for n in range(3)],
        "categories": [{"id": 1, "name": "object"}],
        "annotations": [
            {
                "id": n + 1,
                "image_id": n % 3,
                "category_id": 1,
                "segmentation": segmentations[n % 3],
                "bbox": [4, 4, 10, 9],
                "area": 100,
                "iscrowd": 0,
                "score": 0.1 * n,
                "mean_confidence": 0.5,
                "confidence": encode_confidence(np.full((6, 6), 0.5)) if n % 2 else None,
            }
            for n in range(6)
        ],
    }


def label_file(rng: Rng, folder: Path) -> Case:
    """Labels with a few wrong values, which are read for training, evaluated, merged or ranked."""
    for n in range(3):
        path = folder / f"{n}.png"
        if not path.exists():
            Image.fromarray(pixels(np.random.default_rng(n), (SIDE, SIDE))).save(path)
    document: Any = mangled(rng, labels(), int(rng.integers(1, 4)))
    description = f"labels {json.dumps(document)[:1500]}"
    if chance(rng, 0.5):
        content = json.dumps(document).encode()
        source = folder / "labels.json"
        source.write_bytes(damaged(rng, content) if chance(rng, 0.3) else content)
        document, description = source, f"{description} as a file"
    what = one_of(rng, ("train", "predictions", "truth", "merge", "rank"))
    calls = {
        "train": lambda: _loaded(folder, document),
        "predictions": lambda: evaluate(labels(), document),
        "truth": lambda: evaluate(document, labels()),
        "merge": lambda: merge_labels(document, labels(), score=0.3),
        "rank": lambda: _ranked(folder, document),
    }
    return Case(f"{what}: {description}", calls[what])


def detector_file(rng: Rng, folder: Path) -> Case:
    """A detector file with a wrong description, header or bytes."""
    good = _detector(folder)
    content, description = one_of(
        rng,
        (
            lambda: (_described(rng, good), "another description"),
            lambda: (_headed(rng, good), "another header"),
            lambda: (_headed(rng, good), "another header"),
            lambda: (flipped(rng, good), "flipped"),
            lambda: (lying(rng, good), "lying"),
            lambda: (cut_off(rng, good), "cut off"),
            lambda: (imposter(rng, folder / "victim"), "an imposter"),
        ),
    )()
    path = folder / f"detector.{one_of(rng, ('safetensors', 'safetensors', 'safetensors', 'pth'))}"
    path.write_bytes(content)
    return Case(f"{path.name}, {description}: {content[:60]!r}", lambda: _found(path))


def detector_of_odd_weights(rng: Rng, folder: Path) -> Case:
    """A valid detector file with weights that no training would produce."""
    path = folder / "odd.safetensors"
    network = made_network(int(rng.integers(5)))
    factor = float(one_of(rng, (0.0, 1e3, 1e10, 1e30, -1.0, 1e-30)))
    with torch.no_grad():
        for weights in network.parameters():
            if chance(rng, 0.2):
                weights.mul_(factor)
    save_network(network, path)
    return Case(f"weights times {factor:g}", lambda: _found(path))


def _loaded(folder: Path, document: Any) -> None:
    data = PseudoLabels(folder, document)
    for index in range(len(data)):
        sample = data.load(index)
        assert bool(((sample.confidence >= 0) & (sample.confidence <= 1)).all())
        assert bool(((sample.scores >= 0) & (sample.scores <= 1)).all())


def _ranked(folder: Path, document: Any) -> None:
    ranked = rank_detections(folder, document, config=SMALL)
    assert all(0 <= one["score"] <= 1 for one in ranked["annotations"])
    json.dumps(ranked)


def _found(path: Path) -> None:
    network, info = load_network(path)
    assert isinstance(info, dict)
    image = made_photo((40, 60))
    for one in detect(network, image):
        assert one.mask.shape == image.shape[:2]
        assert 0 <= one.score <= 1
        assert np.isfinite(one.box).all()


@cache
def _detector(folder: Path) -> bytes:
    path = folder / "good.safetensors"
    save_network(made_network(), path, {"made": True}, storage="int8")
    return path.read_bytes()


def _parts(content: bytes) -> tuple[Json, bytes]:
    end = LENGTH + int.from_bytes(content[:LENGTH], "little")
    return json.loads(content[LENGTH:end]), content[end:]


def _joined(header: Json, body: bytes) -> bytes:
    text = json.dumps(header).encode()
    return len(text).to_bytes(LENGTH, "little") + text + body


def _described(rng: Rng, content: bytes) -> bytes:
    header, body = _parts(content)
    description = mangled(rng, {"network": json.loads(json.dumps(TINY.to_dict())), "info": {"steps": 1}})
    header["__metadata__"] = {KEY: json.dumps(description)}
    return _joined(header, body)


def _headed(rng: Rng, content: bytes) -> bytes:
    header, body = _parts(content)
    return _joined(mangled(rng, header, int(rng.integers(1, 3))), body)
