"""The losses of the whole detector: what a step trains and leaves alone, odd photos, and the labels of boxes."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from made_detector import TINY
from made_samples import empty_sample, made_sample
from torch import Tensor, nn

from cuts3d.detector.network import CascadeMaskRCNN, build
from training.data.samples import Sample
from training.loop.losses import LossOptions
from training.loop.objective import Objective, match

LOSSES = {"rpn_class", "rpn_box", "class_0", "box_0", "class_1", "box_1", "class_2", "box_2", "mask"}
ALL = LossOptions(mask_loss="confidence", drop_loss=True, score_loss=True)
ODD = [(65, 97), (1, 40), (40, 1), (1, 1), (33, 32), (200, 3)]


@pytest.fixture
def network() -> CascadeMaskRCNN:
    torch.manual_seed(0)
    return build(TINY, pretrained=False).train()


def losses_of(network: CascadeMaskRCNN, samples: list[Sample], options: LossOptions | None = None) -> dict[str, Tensor]:
    torch.manual_seed(1)  # proposals are sampled by the global generator
    return Objective(network, options or LossOptions())([s.image for s in samples], samples)


@pytest.mark.parametrize("options", [None, LossOptions(), ALL])
def test_training_gives_finite_losses_by_name(network: CascadeMaskRCNN, options: LossOptions | None) -> None:
    losses = losses_of(network, [made_sample(0), made_sample(1, (80, 64))], options)
    assert set(losses) == LOSSES
    assert all(loss.shape == () and loss.isfinite() and loss >= 0 for loss in losses.values())


def test_gradients_reach_all_that_is_trained_and_nothing_that_is_frozen(network: CascadeMaskRCNN) -> None:
    frozen = [p for p in network.parameters() if not p.requires_grad]
    assert frozen
    torch.stack(list(losses_of(network, [made_sample(i, (128, 160)) for i in range(3)]).values())).sum().backward()
    untouched = [k for k, p in network.named_parameters() if p.requires_grad and (p.grad is None or not p.grad.any())]
    assert not untouched
    assert all(p.grad is None for p in frozen)


@pytest.mark.parametrize("samples", [[empty_sample()], [made_sample(0, (1, 40), 1)]])
def test_every_trained_weight_takes_part_in_every_step(network: CascadeMaskRCNN, samples: list[Sample]) -> None:
    """Processes that train together wait for the gradients of all weights."""
    torch.stack(list(losses_of(network, samples).values())).sum().backward()
    assert not [k for k, p in network.named_parameters() if p.requires_grad and p.grad is None]


def norms(network: CascadeMaskRCNN) -> dict[str, Tensor]:
    return {k: v.clone() for k, v in network.backbone.state_dict().items() if "running" in k}


@pytest.mark.parametrize("freeze", [True, False])
def test_frozen_norms_keep_their_statistics(freeze: bool) -> None:
    """Those of frozen blocks too; others, as of the pyramid, do not."""
    network = build(dataclasses.replace(TINY, freeze_norm=freeze, pyramid_norm=True), pretrained=False).train()
    before = norms(network)
    losses_of(network, [made_sample(0), made_sample(1)])
    moved = {k for k, v in norms(network).items() if not torch.equal(v, before[k])}
    still = ("body.",) if freeze else ("body.bn1.", "body.blocks.0.", "body.blocks.1.")
    assert moved == {k for k in before if not k.startswith(still)}
    assert any(k.startswith("fpn.") for k in moved)


@pytest.mark.parametrize("size", ODD)
def test_odd_photos_train(network: CascadeMaskRCNN, size: tuple[int, int]) -> None:
    sample = made_sample(0, size, 1)
    mask = torch.zeros(1, *size, dtype=torch.bool)
    mask[0, : max(size[0] // 2, 1), : max(size[1] // 2, 1)] = True
    samples = [dataclasses.replace(sample, masks=mask), empty_sample((64, 64))]
    losses = losses_of(network, samples, ALL)
    total = torch.stack(list(losses.values())).sum()
    total.backward()
    assert total.isfinite()
    assert all(p.grad.isfinite().all() for p in network.parameters() if p.grad is not None)


def test_a_step_lowers_the_losses(network: CascadeMaskRCNN) -> None:
    samples = [made_sample(0), made_sample(1)]
    optimizer = torch.optim.SGD([p for p in network.parameters() if p.requires_grad], lr=0.01)
    totals = []
    for _ in range(5):
        total = torch.stack(list(losses_of(network, samples).values())).sum()
        optimizer.zero_grad()
        total.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        totals.append(float(total.detach()))
    assert totals[-1] < totals[0]


def test_the_same_seed_gives_the_same_losses_and_gradients(network: CascadeMaskRCNN) -> None:
    samples = [made_sample(0), made_sample(1)]
    runs: list[list[Tensor]] = []
    for _ in range(2):
        network.zero_grad()
        losses = losses_of(network, samples)
        torch.stack(list(losses.values())).sum().backward()
        runs.append([*losses.values(), *(p.grad.clone() for p in network.parameters() if p.grad is not None)])
    assert all(torch.equal(a, b) for a, b in zip(*runs, strict=True))


def test_a_box_belongs_to_the_label_it_meets_best_if_it_meets_it_well() -> None:
    truth = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 20]])
    boxes = torch.tensor([[0.0, 0, 10, 11], [0, 0, 10, 18], [0, 0, 10, 40], [30, 30, 40, 40], [0, 0, 10, 5]])
    assert match(boxes, truth, 0.5).tolist() == [0, 1, 1, -1, 0]
    assert match(boxes, truth, 0.6).tolist() == [0, 1, -1, -1, -1]
    assert match(boxes, truth[:0], 0.5).tolist() == [-1] * 5
    assert match(boxes[:0], truth, 0.5).tolist() == match(boxes[:0], truth[:0], 0.5).tolist() == []
