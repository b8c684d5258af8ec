"""Synthetic training photos with labels, in memory and on disk."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from cuts3d.extract.records import annotation
from cuts3d.types import FoundMask
from training.data.samples import Sample

FIELDS = ("image", "masks", "confidence", "scores", "mean_confidence")


def made_sample(seed: int, size: tuple[int, int] = (64, 96), count: int = 3) -> Sample:
    """Noise with `count` ellipses, which may overlap, each in a spatial confidence from 0.5 to 1."""
    rng = np.random.default_rng(seed)
    masks = ellipses(rng, size, count)
    confidence = np.where(masks, rng.uniform(0.5, 1, masks.shape), 1).astype(np.float32)
    mean = [float(c[m].mean()) for c, m in zip(confidence, masks, strict=True)]
    return Sample(
        image=torch.from_numpy(rng.random((3, *size), dtype=np.float32)),
        masks=torch.from_numpy(masks),
        confidence=torch.from_numpy(confidence),
        scores=torch.from_numpy(np.sort(rng.random(count, dtype=np.float32))[::-1].copy()),
        mean_confidence=torch.tensor(mean, dtype=torch.float32),
        name=f"made-{seed}",
    )


def ellipses(rng: np.random.Generator, size: tuple[int, int], count: int) -> np.ndarray:
    """bool [count, H, W], each of 16 pixels at least."""
    y, x = np.mgrid[: size[0], : size[1]]
    masks = []
    for _ in range(count):
        centre = rng.uniform(0.1, 0.9, 2) * size
        radius = np.maximum(rng.uniform(0.05, 0.35, 2) * size, 3.5)
        masks.append(((y - centre[0]) / radius[0]) ** 2 + ((x - centre[1]) / radius[1]) ** 2 < 1)
    return np.array(masks)


def empty_sample(size: tuple[int, int] = (64, 96)) -> Sample:
    """A photo without a label."""
    return made_sample(0, size, 1).keep(torch.zeros(1, dtype=torch.bool))


def assert_same(first: Sample, second: Sample) -> None:
    assert first.name == second.name
    for name in FIELDS:
        assert torch.equal(getattr(first, name), getattr(second, name)), name


def assert_valid(sample: Sample) -> None:
    """What every sample promises."""
    n, (h, w) = len(sample.masks), sample.image.shape[1:]
    assert sample.image.shape == (3, h, w)
    assert sample.masks.shape == sample.confidence.shape == (n, h, w)
    assert sample.scores.shape == sample.mean_confidence.shape == (n,)
    assert sample.masks.dtype == torch.bool
    assert {getattr(sample, name).dtype for name in FIELDS if name != "masks"} == {torch.float32}
    assert sample.masks.flatten(1).any(dim=1).all()
    assert (sample.confidence[~sample.masks] == 1).all()
    for values in (sample.image, sample.confidence):
        assert 0 <= float(values.min() if values.numel() else 0) <= float(values.max() if values.numel() else 0) <= 1


def write_labels(folder: Path, count: int = 4, size: tuple[int, int] = (48, 64)) -> dict[str, Any]:
    """Write `0.png` … into a folder, and `labels.json` with two labels of each as `cuts3d extract` has it."""
    document: dict[str, Any] = {"images": [], "annotations": [], "categories": [{"id": 1, "name": "object"}]}
    for index in range(count):
        rng = np.random.default_rng(index)
        masks = ellipses(rng, size, 2)
        pixels = rng.integers(0, 255, (*size, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{index}.png")
        document["images"].append({"id": index + 1, "file_name": f"{index}.png", "height": size[0], "width": size[1]})
        for mask in masks:
            coarse = mask[::4, ::4]
            confidence = np.where(coarse, rng.uniform(0.5, 1, coarse.shape), 1).astype(np.float32)
            found = FoundMask(
                mask=mask, score=float(rng.random()), coarse_mask=coarse, coarse_confidence=confidence, fallback=""
            )
            number = len(document["annotations"]) + 1
            document["annotations"].append({"id": number, "image_id": index + 1, **annotation(found)})
    (folder / "labels.json").write_text(json.dumps(document), encoding="utf-8")
    return document
