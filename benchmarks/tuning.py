"""One changed parameter at a time, on a quarter of COCO dev: every other image of the first half.

`python -m benchmarks tuning` with the folder in `$CUTS3D_COCO_DEV`, about six minutes on two cores; the results are in
`benchmarks/tuning.md`. On so few images (79) small differences are noise.
"""

from __future__ import annotations

from typing import Any

from benchmarks.dev_set import HEAD, Method, lines, run_method
from cuts3d.config import CutS3DConfig

VARIANTS: tuple[dict[str, Any], ...] = (
    {},
    {"center": False},
    {"feature": "key"},
    {"layer": -2},
    {"image_size": 336},
    {"tau_ncut": 0.15},
    {"tau_ncut": 0.3},
    {"affinity": "soft"},
    {"sharpen": False},
    {"beta": 0.0},
    {"sigma": 6.0},
    {"pair_rule": "max"},
    {"direction": "lower"},
    {"k_neighbors": 8},
    {"tau_knn": 0.06},
    {"tau_knn": 0.25},
    {"sigma_c": 0.05},
    {"depth_scale": 1.0},
    {"depth_scale": 8.0},
    {"camera": "perspective"},
    {"depth": "none"},
    {"terminals": "single"},
    {"capacity": "euclidean"},
    {"cut_size": 60},
    {"max_instances": 10, "max_ncut": 0.9},
    {"crf_size": 80},
    {"score": "order"},
    {"score": "confidence"},
)


def run() -> list[str]:
    return [f"| what | {HEAD} |", *lines("benchmarks.tuning", halves=("quarter",))]


def methods() -> dict[str, Method]:
    """One row per variant."""
    words = [", ".join(f"{name} = {value}" for name, value in change.items()) for change in VARIANTS]
    return {
        text or "the default": run_method(CutS3DConfig().replace(**change))
        for text, change in zip(words, VARIANTS, strict=True)
    }
