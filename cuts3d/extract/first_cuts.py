"""The first NCut of every photo of a batch in one go, for a GPU."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from typing import TypeVar

import numpy as np
import torch

from cuts3d.arrays import FloatArray, ImageArray
from cuts3d.backbones import get_backbone
from cuts3d.config import CutS3DConfig
from cuts3d.method.affinity import graph_weights
from cuts3d.method.ncut_batched import bipartitions
from cuts3d.run.pipeline import run_pipeline
from cuts3d.run.stages import Memo, Stage
from cuts3d.types import Bipartition

T = TypeVar("T")


def first_cuts(images: Sequence[ImageArray], memos: Sequence[Memo], config: CutS3DConfig, device: str) -> list[Memo]:
    """Memos that know the first NCut of their photo too.

    Args:
        images: Photos, uint8 [H, W, 3] each.
        memos: What is known of each, features at least.
        config: The configuration; in its recursive mode, whose cuts no memo sees, nothing is gained.
        device: Where the batch is solved.
    """
    if config.masks.region == "recursive":
        return list(memos)
    own = config.affinity.tau_ncut
    tau = get_backbone(config.features.backbone).tau_ncut if own is None else own
    weights: dict[int, FloatArray] = {}
    grid = (0, 0)  # one for all: photos are stretched to one input size
    for index, (image, memo) in enumerate(zip(images, memos, strict=True)):
        try:
            grid, sharpened = _sharpened(image, config, memo)
        except Exception:  # its own run meets the same error, and records it
            continue
        options = config.affinity
        weights[index] = graph_weights(sharpened, tau_ncut=tau, epsilon=options.epsilon, mode=options.affinity)
    if not weights:
        return list(memos)
    cuts = bipartitions(torch.from_numpy(np.stack(list(weights.values()))).to(device), grid)
    known = dict(zip(weights, cuts, strict=True))
    return [_knowing(memo, known[index]) if index in known else memo for index, memo in enumerate(memos)]


def _sharpened(image: ImageArray, config: CutS3DConfig, memo: Memo) -> tuple[tuple[int, int], FloatArray]:
    """Patch grid and sharpened affinity of a photo; its memo remembers what led there."""
    results = {}
    for step in run_pipeline(image, config, memo=memo):
        results[step.stage] = step.value
        if step.stage == "sharpened":
            break
    return results["features"].grid_shape, results["sharpened"]


def _knowing(memo: Memo, first: Bipartition) -> Memo:
    """A memo whose first NCut is known: the iteration asks for that of the whole photo before any other."""
    known: dict[Hashable, Bipartition] = {}

    def remember(stage: Stage, key: Hashable, compute: Callable[[], T]) -> T:
        if stage != "ncut":
            return memo(stage, key, compute)
        if not known:
            known[key] = first
        return known[key] if key in known else memo(stage, key, compute)  # pyright: ignore[reportReturnType]

    return remember
