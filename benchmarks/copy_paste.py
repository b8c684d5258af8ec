"""Copy-paste of the detector's training: images a second on one core.

Source and target have one size and the same number of labels (made ellipses, a spatial confidence of their own each);
all of them are offered, blended by confidence. The photos are at hand as tensors: reading them is left out. The last
figures are what a schedule of 160,000 steps of 16 photos costs. `python -m benchmarks copy_paste`; the output is kept
in `benchmarks/copy_paste.md`.
"""

from __future__ import annotations

import statistics
import time
from itertools import pairwise

import numpy as np
import torch

from training.data.copy_paste import copy_paste
from training.data.samples import Sample

SIZES = ((320, 427), (480, 640))  # the light recipe's, and COCO's own
LABELS = (3, 10, 30)
PHOTOS, REPEATS = 13, 7
SCHEDULE = 160_000 * 16


def run() -> list[str]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        rates = {(size, count): _rates(size, count) for size in SIZES for count in LABELS}
    finally:
        torch.set_num_threads(threads)
    lines = [
        f"| {w}×{h}, {count} labels each: images a second | "
        f"{statistics.median(found):.0f} ({min(found):.0f} to {max(found):.0f}) |"
        for ((h, w), count), found in rates.items()
    ]
    for h, w in SIZES:
        hours = SCHEDULE / statistics.median(rates[(h, w), 10]) / 3600
        lines.append(f"| {w}×{h}, 10 labels each: 2.56 million photos | {hours:.1f} core-hours |")
    return lines


def _rates(size: tuple[int, int], count: int) -> list[float]:
    """Images a second of some rounds over the same pairs of photos."""
    rng = np.random.default_rng(0)
    photos = [_photo(rng, size, count) for _ in range(PHOTOS)]
    return [_round(photos, seed) for seed in range(REPEATS + 1)][1:]  # the first warms up


def _round(photos: list[Sample], seed: int) -> float:
    generator = torch.Generator().manual_seed(seed)
    start = time.perf_counter()
    for source, target in pairwise(photos):
        copy_paste(target, source, generator, select_above=None, blend=True)
    return (len(photos) - 1) / (time.perf_counter() - start)


def _photo(rng: np.random.Generator, size: tuple[int, int], count: int) -> Sample:
    """Noise with ellipses from a twentieth to a half of each side."""
    y, x = np.mgrid[: size[0], : size[1]]
    masks = []
    for _ in range(count):
        centre, radius = rng.uniform(0.1, 0.9, 2) * size, rng.uniform(0.025, 0.25, 2) * size
        masks.append(((y - centre[0]) / radius[0]) ** 2 + ((x - centre[1]) / radius[1]) ** 2 < 1)
    inside = torch.from_numpy(np.array(masks))
    return Sample(
        image=torch.from_numpy(rng.random((3, *size), dtype=np.float32)),
        masks=inside,
        confidence=torch.where(inside, 0.8, 1.0),
        scores=torch.ones(count),
        mean_confidence=torch.full((count,), 0.8),
    )
