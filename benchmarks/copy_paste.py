"""Copy-paste of the detector's training: images per second on one core.

Source and target have the same size and the same number of labels (synthetic ellipses, each with its own spatial
confidence). All labels are offered and blended by confidence. The photos are tensors in memory: reading is not
measured. The last figures are the cost of a schedule of 160,000 steps of 16 photos. Run `python -m benchmarks
copy_paste`; results are in `benchmarks/copy_paste.md`.
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
        f"| {w}×{h}, {count} labels each: images per second | "
        f"{statistics.median(found):.0f} ({min(found):.0f} to {max(found):.0f}) |"
        for ((h, w), count), found in rates.items()
    ]
    for h, w in SIZES:
        hours = SCHEDULE / statistics.median(rates[(h, w), 10]) / 3600
        lines.append(f"| {w}×{h}, 10 labels each: 2.56 million photos | {hours:.1f} core-hours |")
    return lines


def _rates(size: tuple[int, int], count: int) -> list[float]:
    """Images per second of several rounds over the same pairs of photos."""
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
