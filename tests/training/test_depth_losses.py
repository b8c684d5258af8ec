"""The depth head's losses against their formulas."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from training.depth_head.losses import align, depth_loss, gradient_matching, standardise


def fields(seed: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(2, 12, 16, generator=generator), torch.rand(2, 12, 16, generator=generator)


@settings(deadline=None, max_examples=30)
@given(seed=st.integers(0, 10_000), scale=st.floats(0.1, 10), shift=st.floats(-5, 5))
def test_alignment_undoes_any_scale_and_shift(seed: int, scale: float, shift: float) -> None:
    _, target = fields(seed)
    torch.testing.assert_close(align(target * scale + shift, target), target, atol=2e-3, rtol=1e-3)


def test_alignment_is_the_least_squares_solution() -> None:
    prediction, target = fields(0)
    aligned = align(prediction, target)
    for p, t, a in zip(prediction, target, aligned, strict=True):
        columns = np.stack([p.numpy().ravel(), np.ones(p.numel())], axis=1)
        solution, *_ = np.linalg.lstsq(columns, t.numpy().ravel(), rcond=None)
        np.testing.assert_allclose(a.numpy().ravel(), columns @ solution, atol=1e-3)


def test_the_target_is_standardised_by_median_and_mean_absolute_deviation() -> None:
    _, target = fields(1)
    out = standardise(target * 7 + 3).flatten(1)
    torch.testing.assert_close(out.median(dim=1).values, torch.zeros(2), atol=1e-5, rtol=0)
    torch.testing.assert_close(out.abs().mean(dim=1), torch.ones(2))


def test_gradient_matching_is_the_mean_absolute_step() -> None:
    ramp = torch.arange(16.0).repeat(1, 16, 1)
    assert gradient_matching(ramp, scales=1).item() == 1.0
    assert gradient_matching(ramp, scales=2).item() == 3.0  # steps of 1, then of 2
    assert gradient_matching(torch.full((1, 16, 16), 4.0)).item() == 0.0


def test_the_loss_is_lowest_at_the_target_and_higher_for_its_negative() -> None:
    noise, target = fields(2)
    best = depth_loss(target * 2 + 1, target)
    assert best < 0.01
    assert depth_loss(noise, target) > best + 0.1
    assert depth_loss(-target, target) > best + 0.1
