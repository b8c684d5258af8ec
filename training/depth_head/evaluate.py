"""Figures of a depth estimator: rank correlation with its teacher, and errors against measured depth."""

from __future__ import annotations

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from scipy import ndimage
from scipy.stats import spearmanr

from cuts3d.arrays import BoolArray, FloatArray
from cuts3d.depth.head import DepthHead
from cuts3d.grids import resize_map
from cuts3d.io.photos import read_image
from training.depth_head.train import load_batch
from training.depth_head.views import ViewStore

Predict = Callable[[np.ndarray], FloatArray]  # uint8 photo -> inverse depth, larger = nearer


@torch.inference_mode()
def teacher_agreement(head: DepthHead, store: ViewStore) -> FloatArray:
    """Spearman correlation of head and teacher on every stored view; float64 [N]."""
    scores = []
    for index in range(store.count):
        tokens, guide, target = load_batch(store, np.array([index]), flip=False)
        grid = math.isqrt(tokens[0].shape[1])
        prediction = resize_map(head(tokens, guide, (grid, grid))[0].numpy(), tuple(target.shape[1:]))
        scores.append(spearmanr(prediction.ravel(), target[0].numpy().ravel()).statistic)
    return np.array(scores)


def aligned_depth(inverse: FloatArray, truth: FloatArray, valid: BoolArray) -> FloatArray:
    """Metric depth from inverse depth, with the least-squares scale and shift to the measured inverse depth.

    Args:
        inverse: Predicted inverse depth, float [H, W].
        truth: Metres, float [H, W].
        valid: Pixels with a measurement, bool [H, W].

    Returns:
        Metres, float64 [H, W], at most twice the farthest measured depth.
    """
    columns = np.stack([inverse[valid], np.ones(np.count_nonzero(valid))], axis=1)
    (scale, shift), *_ = np.linalg.lstsq(columns, 1.0 / truth[valid], rcond=None)
    return 1.0 / np.maximum(scale * inverse + shift, 0.5 / truth[valid].max())


def depth_edges(depth: FloatArray, valid: BoolArray) -> BoolArray:
    """Pixels where depth changes by more than 10 % over four pixels; bool [H, W]."""
    log = np.log(np.maximum(depth, 1e-3))
    jump = np.zeros(depth.shape)
    jump[:, 2:-2] = np.abs(log[:, 4:] - log[:, :-4])
    jump[2:-2] = np.maximum(jump[2:-2], np.abs(log[4:] - log[:-4]))
    return (jump > math.log(1.1)) & ndimage.binary_erosion(valid, iterations=5)


def rgbd_figures(predict: Predict, folder: Path) -> dict[str, float]:
    """Mean AbsRel, δ < 1.25 and F-score of depth edges (tolerance 3 pixels) over photos with measured depth.

    Args:
        predict: The estimator.
        folder: Folder with `*_rgb.png` and `*_depth_mm.png` (16-bit millimetres, 0 = not measured).

    Returns:
        `absrel`, `delta1` and `edge_f`, each a mean over the photos.
    """
    rows = [_pair_figures(predict, p) for p in sorted(folder.glob("*_rgb.png"))]
    return {name: float(np.mean([r[name] for r in rows])) for name in rows[0]}


def _pair_figures(predict: Predict, rgb: Path) -> dict[str, float]:
    truth = np.asarray(Image.open(rgb.with_name(rgb.name.replace("_rgb", "_depth_mm"))), dtype=np.float64) / 1000
    valid = truth > 0
    depth = aligned_depth(resize_map(predict(read_image(rgb)), truth.shape).astype(np.float64), truth, valid)
    ratio = np.maximum(depth[valid] / truth[valid], truth[valid] / depth[valid])
    filled = truth[tuple(ndimage.distance_transform_edt(~valid, return_distances=False, return_indices=True))]
    found, real = depth_edges(depth, valid), depth_edges(filled, valid)
    near_real = ndimage.binary_dilation(real, iterations=3)
    near_found = ndimage.binary_dilation(found, iterations=3)
    precision = np.count_nonzero(found & near_real) / max(1, np.count_nonzero(found))
    recall = np.count_nonzero(real & near_found) / max(1, np.count_nonzero(real))
    return {
        "absrel": float(np.mean(np.abs(depth[valid] - truth[valid]) / truth[valid])),
        "delta1": float(np.mean(ratio < 1.25)),
        "edge_f": 2 * precision * recall / max(1e-9, precision + recall),
    }
