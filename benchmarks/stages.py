"""Milliseconds of every stage and of a whole photo, at 34×34 and 60×60 patches."""

from __future__ import annotations

import statistics
import time
from collections import defaultdict

import skimage.data

from cuts3d.config import CutS3DConfig
from cuts3d.run.pipeline import run_pipeline

PHOTOS = ("astronaut", "coffee", "chelsea", "rocket")
NETWORKS = ("features", "depth")
REPEATS = 3


def run() -> list[str]:
    lines = []
    for side in (34, 60):
        config = CutS3DConfig().replace(image_size=14 * side)
        runs = [_stage_seconds(name, config) for name in PHOTOS for _ in range(REPEATS)][1:]  # the first loads
        for stage in runs[0]:
            values = [r.get(stage, 0.0) for r in runs]
            lines.append(_line(f"{side}×{side}, {stage.replace('_', ' ')}", values))
        lines.append(_line(f"**{side}×{side}, a photo**", [sum(r.values()) for r in runs]))
        after = [sum(v for s, v in r.items() if s not in (*NETWORKS, "refine", "segmentation")) for r in runs]
        lines.append(_line(f"**{side}×{side}, all after the networks, T = 6, N = 3, no CRF**", after))
    return lines


def _stage_seconds(name: str, config: CutS3DConfig) -> dict[str, float]:
    image = getattr(skimage.data, name)()
    seconds: dict[str, float] = defaultdict(float)
    start = time.perf_counter()
    for step in run_pipeline(image, config):
        now = time.perf_counter()
        seconds[step.stage] += now - start
        start = now
    return dict(seconds)


def _line(name: str, values: list[float]) -> str:
    low, median, high = (1000 * v for v in (min(values), statistics.median(values), max(values)))
    return f"| {name} | {median:.0f} ms ({low:.0f} to {high:.0f}) |"
