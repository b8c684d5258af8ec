"""Formulas of the detector's losses, and the three options (method 1.8)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.ops import box_iou, roi_align

DROP_IOU = 0.01  # of DropLoss


@dataclass(frozen=True, slots=True, kw_only=True)
class LossOptions:
    """Which losses are used (method 1.8).

    Attributes:
        mask_loss: `confidence`: spatial confidence soft target loss; `plain`: binary cross-entropy.
        drop_loss: Ignore the classification loss of proposals that overlap no pseudo-label.
        score_loss: Weight all losses of a label by its score (CuVLER).
    """

    mask_loss: Literal["confidence", "plain"] = "plain"
    drop_loss: bool = False
    score_loss: bool = False


def class_loss(logits: Tensor, labels: Tensor, weights: Tensor) -> Tensor:
    """Weighted cross-entropy, averaged over all proposals.

    Args:
        logits: float [n, 2].
        labels: Column of the correct class, int64 [n].
        weights: float [n]; a proposal of weight 0 still counts in the mean.
    """
    each = F.cross_entropy(logits, labels, reduction="none")
    return (each * weights).sum() / max(len(labels), 1)


def drop_weights(predicted: Tensor, truth: Tensor) -> Tensor:
    """DropLoss (CutLER): 0 where a predicted box has IoU ≤ 0.01 with every pseudo-label's, else 1.

    Args:
        predicted: float [n, 4], xyxy.
        truth: float [m, 4], xyxy.

    Returns:
        float [n].
    """
    if not len(truth):
        return predicted.new_zeros(len(predicted))
    return (box_iou(predicted, truth).amax(dim=1) > DROP_IOU).to(predicted.dtype)


def box_loss(deltas: Tensor, targets: Tensor, weights: Tensor, count: int) -> Tensor:
    """L1 loss of the foreground's box deltas, divided by the number of all proposals.

    Args:
        deltas: Deltas of the foreground proposals, float [p, 4].
        targets: float [p, 4].
        weights: float [p].
        count: Number of all proposals.
    """
    return ((deltas - targets).abs().sum(dim=1) * weights).sum() / max(count, 1)


def mask_loss(logits: Tensor, targets: Tensor, confidence: Tensor | None, weights: Tensor) -> Tensor:
    """Spatial confidence soft target loss, L = Σ SC·BCE(M̂, M), as a mean over pixels; without SC plain BCE.

    Args:
        logits: float [p, s, s].
        targets: float [p, s, s], 0 or 1.
        confidence: SC, float [p, s, s] in [0, 1], or None.
        weights: float [p].
    """
    if not len(logits):
        return logits.sum() * 0
    each = F.binary_cross_entropy_with_logits(logits, targets, reduction="none")
    if confidence is not None:
        each = each * confidence
    return (each.mean(dim=(1, 2)) * weights).mean()


def crop(maps: Tensor, boxes: Tensor, index: Tensor, side: int) -> Tensor:
    """Crop each box from the map of its label and resize it; used for masks and for confidence.

    Args:
        maps: [m, H, W], bool or float.
        boxes: float [p, 4], xyxy.
        index: Which map each box is cropped from, int64 [p].
        side: Side of the result, in pixels.

    Returns:
        float32 [p, side, side].
    """
    if not len(boxes):
        return boxes.new_zeros((0, side, side), dtype=torch.float32)
    rois = torch.cat((index[:, None].float(), boxes.float()), dim=1)
    return roi_align(maps[:, None].float(), rois, (side, side), 1.0, 0, aligned=True)[:, 0]
