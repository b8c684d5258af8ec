"""The first NCut of every photo of a batch at once, for a GPU."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from cuts3d.arrays import ImageArray
from cuts3d.config import CutS3DConfig
from cuts3d.memo import Memo
from cuts3d.method.ncut import bipartition
from cuts3d.method.ncut_batched import bipartitions
from cuts3d.run.scene import Scene, open_scene
from cuts3d.run.stages import returned


def provide_first_cuts(images: Sequence[ImageArray], memos: Sequence[Memo], config: CutS3DConfig, device: str) -> None:
    """Solve the first NCut of all photos in one batch, and provide each memo with its own.

    Args:
        images: Photos, uint8 [H, W, 3] each.
        memos: One per photo, with its features at least.
        config: The configuration. The recursive mode does not read these cuts, so nothing is done.
        device: Where the batch is solved.
    """
    if config.masks.region == "recursive":
        return
    scenes: dict[int, Scene] = {}
    for index, (image, memo) in enumerate(zip(images, memos, strict=True)):
        try:
            scenes[index] = returned(open_scene(image, config, memo))
        except Exception:  # the photo's own run raises the same error, and records it
            continue
    if not scenes:
        return
    weights = np.stack([scene.weights.value for scene in scenes.values()])
    grid = next(iter(scenes.values())).grid_shape  # the same for all: photos are stretched to one input size
    cuts = bipartitions(torch.from_numpy(weights).to(device), grid)
    for (index, scene), cut in zip(scenes.items(), cuts, strict=True):
        memos[index].provide(cut, "ncut", bipartition, scene.weights, grid)
