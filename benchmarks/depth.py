"""Depth estimators compared with measured depth, and by the masks on COCO dev that they give.

AbsRel, δ < 1.25 and the F-score of depth edges on the folder `$CUTS3D_RGBD`, after the least-squares scale and shift
of inverse depth; masks on `$CUTS3D_COCO_DEV`, without CRF. The teacher, an ONNX file in `$CUTS3D_TEACHER`, serves only
for comparison. About ten minutes on two cores: `python -m benchmarks depth`; the results are in `benchmarks/depth.md`.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

import numpy as np

from benchmarks import dev_set
from benchmarks.dev_set import HEAD, Masks, Method, run_method
from cuts3d.arrays import ImageArray
from cuts3d.backbones.features import photo_vectors
from cuts3d.config import CutS3DConfig, FeatureConfig
from cuts3d.depth import estimate_depth, get_depth
from cuts3d.depth.embedded import WEIGHTS
from cuts3d.depth.loaded import loaded_estimator
from cuts3d.io.photos import read_image
from cuts3d.memo import Memo
from cuts3d.run.methods import find_masks
from cuts3d.types import DepthMap
from training.depth_head.evaluate import rgbd_figures

REPEATS = 5


@lru_cache(maxsize=1)
def teacher() -> Callable[[np.ndarray], np.ndarray]:
    """The teacher as a function of the photo."""
    from training.depth_head.teachers import load_teacher

    return load_teacher(f"onnx:{os.environ['CUTS3D_TEACHER']}")


def run() -> list[str]:
    lines = [f"| rgbd: {name}: AbsRel, δ < 1.25, edge F | {figures} |" for name, figures in _against_measured().items()]
    lines += [f"| {name}: milliseconds a photo, megabytes of weights | {cost} |" for name, cost in _costs().items()]
    lines.append(f"| COCO dev: depth | {HEAD} |")
    lines += dev_set.lines("benchmarks.depth")
    return lines


def _against_measured() -> dict[str, str]:
    folder = Path(os.environ["CUTS3D_RGBD"])
    predictions = {"embedded": lambda image: estimate_depth(image).inverse(), "teacher": teacher()}
    found = {}
    for name, predict in predictions.items():
        row = rgbd_figures(predict, folder)
        found[name] = f"{row['absrel']:.3f}, {row['delta1']:.3f}, {row['edge_f']:.3f}"
    return found


def _costs() -> dict[str, str]:
    """Time of each estimator after the backbone, at 476 px, and the size of its weights."""
    image = read_image(sorted(Path(os.environ["CUTS3D_RGBD"]).glob("*_rgb.png"))[0])
    features = photo_vectors(image, FeatureConfig(), get_depth("embedded").token_layers)
    head = loaded_estimator("embedded")
    work = {"embedded, after the backbone": lambda: head(image, features), "teacher": lambda: teacher()(image)}
    megabytes = {"teacher": Path(os.environ["CUTS3D_TEACHER"]).stat().st_size / 1e6}
    return {
        name: f"{_milliseconds(call)}, {megabytes.get(name, WEIGHTS.stat().st_size / 1e6):.1f}"
        for name, call in work.items()
    }


def _milliseconds(call: Callable[[], object]) -> str:
    call()
    seconds = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        call()
        seconds.append(time.perf_counter() - start)
    return f"{1000 * statistics.median(seconds):.0f} ms ({1000 * min(seconds):.0f} to {1000 * max(seconds):.0f})"


def methods() -> dict[str, Method]:
    """Our masks with each source of depth, without the CRF."""
    config = CutS3DConfig().replace(crf=False)

    def with_teacher(image: ImageArray, memo: Memo) -> Masks:
        values = teacher()(image).astype(np.float32)
        own = DepthMap(values=values, kind="disparity", estimator="teacher")
        return [(m.mask, m.score) for m in find_masks(image, config, depth=own, memo=memo)]

    none = run_method(config.replace(depth="none"))
    return {"embedded": run_method(config), "teacher": with_teacher, "none": none}
