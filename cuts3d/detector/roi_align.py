"""RoIAlign as two matrix products, one a side: what a bilinear sample reads is a product of a row and a column.

On small maps a CPU is several times as fast with them as with torchvision's loop, above all in the gradient
(`python -m benchmarks roi_align`).
"""

from __future__ import annotations

import torch
from torch import Tensor


@torch.autocast("cpu", enabled=False)
def roi_align(feature: Tensor, rois: Tensor, side: int, scale: float) -> Tensor:
    """`torchvision.ops.roi_align(feature, rois, side, scale, 0, aligned=True)`, within rounding.

    Args:
        feature: float32 [N, C, H, W].
        rois: Photo (0 to N − 1), then a box in pixels of the photo, xyxy; float32 [n, 5].
        side: Cells along a side of the result.
        scale: Cells of the feature a pixel.

    Returns:
        float32 [n, C, side, side].
    """
    h, w = feature.shape[2:]
    starts, ends = rois[:, 1:3] * scale - 0.5, rois[:, 3:5] * scale - 0.5
    lengths = ends - starts
    columns = _shares(starts[:, 0], lengths[:, 0], w, side)
    rows = _shares(starts[:, 1], lengths[:, 1], h, side)
    pooled = feature.new_zeros((len(rois), feature.shape[1], side, side))
    for photo, each in enumerate(feature):
        here = torch.nonzero(rois[:, 0] == photo)[:, 0]
        narrow = torch.einsum("chw,nqw->nchq", each, columns[here])
        pooled = pooled.index_put((here,), torch.einsum("nph,nchq->ncpq", rows[here], narrow))
    return pooled


def _shares(start: Tensor, length: Tensor, size: int, side: int) -> Tensor:
    """What each of a side's cells takes of each of the `size` cells of the map; float32 [n, side, size].

    A cell is sampled at one point for each cell of the map that it is long, rounded up. Points within one cell of the
    map's edge read the edge, those further away nothing.
    """
    points = torch.ceil(length / side).clamp(min=0)
    most = max(1, int(points.amax())) if len(points) else 1
    each = points[:, None, None].clamp(min=1)
    number = torch.arange(most, device=start.device)
    along = torch.arange(side, device=start.device)[:, None] + (number + 0.5) / each  # in cells of the result
    position = start[:, None, None] + along * (length / side)[:, None, None]
    used = (number < points[:, None, None]) & (position >= -1) & (position <= size)
    distance = position.clamp(0, size - 1)[..., None] - torch.arange(size, device=start.device)
    return ((1 - distance.abs()).clamp(min=0) * (used / each)[..., None]).sum(dim=2)
