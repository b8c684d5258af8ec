"""Limits of depth: the difference in depth between two touching objects of one class, by estimator.

For every pair of `$CUTS3D_COCO_DEV` the median z of both objects next to their border is compared, in the range 0 to 1
of the photo. A few minutes on two cores: `python -m benchmarks touching_depth`; the results are in
`benchmarks/touching_depth.md`.
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
from cuts3d.grids import fit_longer_side, resize_map, resize_mask
from cuts3d.io.photos import read_image
from cuts3d.types import DepthMap

SIDE = 240  # longer side of the masks and depth maps that are compared
NEAR = 6  # cells that count as next to the border
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
    """Difference of the median z of two objects next to their common border; NaN where they do not touch."""
    shape = fit_longer_side(first.shape, SIDE)
    small, a, b = resize_map(z, shape), resize_mask(first, shape), resize_mask(second, shape)
    near_a, near_b = (ndimage.binary_dilation(m, iterations=NEAR) for m in (a, b))
    depths = (small[a & near_b], small[b & near_a])
    return float("nan") if min(map(len, depths)) == 0 else abs(float(np.median(depths[0]) - np.median(depths[1])))


def _teacher(image: np.ndarray) -> DepthMap:
    return DepthMap(values=teacher()(image).astype(np.float32), kind="disparity", estimator="teacher")


def _line(name: str, steps: FloatArray) -> str:
    known = steps[np.isfinite(steps)]
    above = ", ".join(f"{100 * float(np.mean(known > least)):.0f} % over {least:.2f}" for least in STEPS)
    return f"| {name}: step in z across the border of {len(known)} pairs, median | {np.median(known):.3f}; {above} |"
