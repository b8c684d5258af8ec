"""RoIAlign as matrix products compared with torchvision's, forward and gradient, alternating, on the CPU.

Maps and boxes are like those of a step of `light_cpu`: four photos, 96 channels, 96 boxes each.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import torch
import torchvision.ops
from torch import Tensor

from cuts3d.detector.roi_align import roi_align

PHOTOS, CHANNELS, BOXES, REPEATS = 4, 96, 96, 9
CASES = (((28, 40), 8, 7), ((14, 20), 16, 7), ((14, 20), 16, 14))  # map, its stride, side of the result
Pool = Callable[[Tensor, Tensor], Tensor]


def run() -> list[str]:
    return [_line(shape, stride, side) for shape, stride, side in CASES]


def _line(shape: tuple[int, int], stride: int, side: int) -> str:
    generator = torch.Generator().manual_seed(0)
    feature = torch.randn((PHOTOS, CHANNELS, *shape), generator=generator).requires_grad_()
    limit = torch.tensor([shape[1], shape[0]]) * stride
    ends = torch.rand((2, PHOTOS * BOXES, 2), generator=generator).sort(dim=0).values * limit
    photo = torch.arange(PHOTOS).repeat_interleave(BOXES)[:, None].float()
    rois = torch.cat((photo, ends[0], ends[1]), dim=1)
    pools: tuple[Pool, Pool] = (
        lambda f, r: torchvision.ops.roi_align(f, r, side, 1 / stride, 0, aligned=True),
        lambda f, r: roi_align(f, r, side, 1 / stride),
    )
    ratios = []
    for _ in range(REPEATS + 1):
        theirs, mine = (_seconds(pool, feature, rois) for pool in pools)
        ratios.append(theirs / mine)
    low, middle, high = min(ratios[1:]), statistics.median(ratios[1:]), max(ratios[1:])
    return f"| {shape[0]}×{shape[1]} cells to {side}×{side} | {middle:.1f} times as fast ({low:.1f} to {high:.1f}) |"


def _seconds(pool: Pool, feature: Tensor, rois: Tensor) -> float:
    start = time.perf_counter()
    torch.autograd.grad(pool(feature, rois).sum(), feature)
    return time.perf_counter() - start
