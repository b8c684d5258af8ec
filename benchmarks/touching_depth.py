"""Where depth cannot help: how far two touching objects of one class lie apart in depth, as each estimator sees it.

For every pair of `$CUTS3D_COCO_DEV` the median z of either object beside their border is compared, on the 0 to 1 range
of the photo. Minutes on two cores: `python -m benchmarks touching_depth`; kept in `benchmarks/touching_depth.md`.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import numpy as np
from pycocotools.coco import COCO
from scipy import ndimage
from tqdm import tqdm

from benchmarks.depth import teacher
from cuts3d.arrays import BoolArray, FloatArray
from cuts3d.depth import estimate_depth, normalise_depth
from cuts3d.grids import resize_map, resize_mask
from cuts3d.io.photos import read_image
from cuts3d.types import DepthMap

SIDE = 240  # longer side on which borders are looked at
NEAR = 6  # cells of it that count as beside the border
STEPS = (0.02, 0.05, 0.10)


def run() -> list[str]:
    folder = Path(os.environ["CUTS3D_COCO_DEV"])
    coco: Any = COCO(str(folder / "instances.json"))
    found: dict[str, list[float]] = {"embedded": [], "teacher": []}
    pairs = json.loads((folder / "touching_pairs.json").read_text())["pairs"]
    by_image: dict[int, list[Any]] = {}
    for pair in pairs:
        by_image.setdefault(pair["image_id"], []).append(pair)
    for image_id, members in tqdm(by_image.items(), desc="pairs"):
        image = read_image(folder / "images" / coco.imgs[image_id]["file_name"])
        maps = {"embedded": estimate_depth(image), "teacher": _teacher(image)}
        for pair in members:
            masks = [coco.annToMask(coco.anns[a]).astype(bool) for a in pair["ann_ids"]]
            for name, depth in maps.items():
                found[name].append(step_between(normalise_depth(depth, clip_percent=1.0), *masks))
    return [_line(name, np.array(steps)) for name, steps in found.items()]


def step_between(z: FloatArray, first: BoolArray, second: BoolArray) -> float:
    """Difference of the median z of two objects beside their common border; NaN where they do not meet."""
    h, w = first.shape
    shape = (round(SIDE * h / max(h, w)), round(SIDE * w / max(h, w)))
    small, a, b = resize_map(z, shape), resize_mask(first, shape), resize_mask(second, shape)
    near_a, near_b = (ndimage.binary_dilation(m, iterations=NEAR) for m in (a, b))
    beside = (small[a & near_b], small[b & near_a])
    return float("nan") if min(map(len, beside)) == 0 else abs(float(np.median(beside[0]) - np.median(beside[1])))


def _teacher(image: np.ndarray) -> DepthMap:
    return DepthMap(values=teacher()(image).astype(np.float32), kind="disparity", estimator="teacher")


def _line(name: str, steps: FloatArray) -> str:
    known = steps[np.isfinite(steps)]
    shares = ", ".join(f"{100 * float(np.mean(known > least)):.0f} % over {least:.2f}" for least in STEPS)
    return f"| {name}: step in z across the border of {len(known)} pairs, median | {np.median(known):.3f}; {shares} |"
