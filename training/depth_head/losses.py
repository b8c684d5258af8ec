"""Losses that are invariant to scale and shift (Ranftl et al., MiDaS, TPAMI 2022, eq. 3 to 11)."""

from __future__ import annotations

import torch
import torch.nn.functional as F


def align(prediction: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Prediction scaled and shifted to the target, by least squares for each photo.

    Args:
        prediction: Float [B, H, W].
        target: Float [B, H, W].

    Returns:
        Float [B, H, W].
    """
    p, t = prediction.flatten(1), target.flatten(1)
    p_mean, t_mean = p.mean(1, keepdim=True), t.mean(1, keepdim=True)
    covariance = ((p - p_mean) * (t - t_mean)).mean(1, keepdim=True)
    variance = (p - p_mean).square().mean(1, keepdim=True)
    scale = covariance / (variance + 1e-6)
    return (scale * (p - p_mean) + t_mean).view_as(prediction)


def standardise(target: torch.Tensor) -> torch.Tensor:
    """Target with median 0 and mean absolute deviation 1 in each photo; float [B, H, W] to the same."""
    flat = target.flatten(1)
    centred = flat - flat.median(dim=1, keepdim=True).values
    return (centred / centred.abs().mean(dim=1, keepdim=True).clamp_min(1e-6)).view_as(target)


def gradient_matching(difference: torch.Tensor, scales: int = 4) -> torch.Tensor:
    """Mean absolute gradient of the residual at several scales, which keeps edges sharp and adds none.

    Args:
        difference: Aligned prediction minus target, float [B, H, W].
        scales: Number of scales; each has half the resolution of the one before.

    Returns:
        Scalar.
    """
    total = difference.new_zeros(())
    for scale in range(scales):
        d = difference[:, :: 2**scale, :: 2**scale]
        total = total + (d[:, :, 1:] - d[:, :, :-1]).abs().mean() + (d[:, 1:] - d[:, :-1]).abs().mean()
    return total


def depth_loss(prediction: torch.Tensor, target: torch.Tensor, *, gradient_weight: float = 0.5) -> torch.Tensor:
    """Scale-and-shift-invariant L1 loss plus multi-scale gradient matching.

    Args:
        prediction: Float [B, H, W].
        target: The teacher's inverse depth, float [B, H, W].
        gradient_weight: Weight of the gradient matching.

    Returns:
        Scalar.
    """
    target = standardise(target)
    difference = align(prediction, target) - target
    # a constant or negated prediction is aligned with scale 0; the correlation term penalises both
    correlation = F.cosine_similarity(
        prediction.flatten(1) - prediction.flatten(1).mean(1, keepdim=True),
        target.flatten(1) - target.flatten(1).mean(1, keepdim=True),
    )
    return difference.abs().mean() + gradient_weight * gradient_matching(difference) + 0.1 * (1 - correlation).mean()
