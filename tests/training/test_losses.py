"""The detector's losses against their formulas, written out in loops."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import torch
from made_detector import TINY
from made_samples import empty_sample, made_sample
from torch import Tensor
from torchvision.models.detection.image_list import ImageList

from cuts3d.detector.network import CascadeMaskRCNN, build
from cuts3d.detector.roi_heads import BACKGROUND, BOX_WEIGHTS, FOREGROUND, Stage
from cuts3d.detector.rpn import Proposals
from training.data.samples import Sample
from training.loop.losses import LossOptions, box_loss, class_loss, crop, drop_weights, mask_loss
from training.loop.objective import Objective, proposal_losses
from training.loop.objective import stage_losses as losses_of_stage

SEEDS = range(3)
STRIDES = (8, 16, 32, 64)


def random(seed: int, *shape: int) -> Tensor:
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def bce(logit: float, target: float) -> float:
    p = 1 / (1 + math.exp(-logit))
    return -target * math.log(p) - (1 - target) * math.log(1 - p)


def iou(a: list[float], b: list[float]) -> float:
    w, h = min(a[2], b[2]) - max(a[0], b[0]), min(a[3], b[3]) - max(a[1], b[1])
    inside = max(w, 0) * max(h, 0)
    area = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])
    return inside / (area - inside)


def encoded(box: list[float], anchor: list[float], weights: tuple[float, ...]) -> list[float]:
    """Deltas from an anchor to a box (R-CNN, Eq. 6 to 9 of its appendix)."""
    (w, h), (W, H) = ((b[2] - b[0], b[3] - b[1]) for b in (box, anchor))
    dx = (box[0] + box[2] - anchor[0] - anchor[2]) / 2 / W
    dy = (box[1] + box[3] - anchor[1] - anchor[3]) / 2 / H
    return [k * d for k, d in zip(weights, (dx, dy, math.log(w / W), math.log(h / H)), strict=True)]


@pytest.fixture(scope="module")
def network() -> CascadeMaskRCNN:
    torch.manual_seed(0)
    return build(TINY, pretrained=False).train()


# masks


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("soft", [True, False])
def test_mask_loss_is_the_formula(seed: int, soft: bool) -> None:
    logits, targets = random(seed, 3, 5, 5) * 8 - 4, (random(seed + 9, 3, 5, 5) > 0.5).float()
    confidence, weights = random(seed + 18, 3, 5, 5), random(seed + 27, 3)
    total = 0.0
    for p in range(3):
        for y in range(5):
            for x in range(5):
                sc = float(confidence[p, y, x]) if soft else 1.0
                total += float(weights[p]) * sc * bce(float(logits[p, y, x]), float(targets[p, y, x])) / 25 / 3
    found = mask_loss(logits, targets, confidence if soft else None, weights)
    assert float(found) == pytest.approx(total, rel=1e-5)


def test_full_confidence_is_the_plain_loss() -> None:
    logits, targets = random(0, 4, 28, 28) * 4 - 2, (random(1, 4, 28, 28) > 0.5).float()
    soft = mask_loss(logits, targets, torch.ones_like(logits), torch.ones(4))
    torch.testing.assert_close(soft, mask_loss(logits, targets, None, torch.ones(4)), rtol=0, atol=0)


def test_a_pixel_of_no_confidence_teaches_nothing() -> None:
    logits = (random(0, 1, 4, 4)).requires_grad_()
    confidence = torch.ones(1, 4, 4)
    confidence[0, 1, 2] = 0
    mask_loss(logits, torch.ones(1, 4, 4), confidence, torch.ones(1)).backward()
    assert logits.grad is not None
    assert ((logits.grad == 0) == (confidence == 0)).all()


def test_a_box_on_whole_pixels_is_cut_out_as_it_is() -> None:
    maps = random(0, 2, 40, 50)
    boxes, index = torch.tensor([[3.0, 5.0, 31.0, 33.0], [20.0, 10.0, 48.0, 38.0]]), torch.tensor([1, 0])
    found = crop(maps, boxes, index, 28)
    torch.testing.assert_close(found, torch.stack((maps[1, 5:33, 3:31], maps[0, 10:38, 20:48])))


def test_a_larger_box_is_averaged() -> None:
    maps = random(0, 1, 64, 64)
    found = crop(maps, torch.tensor([[4.0, 2.0, 60.0, 58.0]]), torch.tensor([0]), 28)[0]
    wanted = maps[0, 2:58, 4:60].reshape(28, 2, 28, 2).mean(dim=(1, 3))
    torch.testing.assert_close(found, wanted)


def test_masks_and_confidence_are_cut_the_same_way() -> None:
    masks = made_sample(3).masks
    boxes, index = torch.tensor([[3.3, 1.7, 60.2, 50.9]] * 3), torch.arange(3)
    assert torch.equal(crop(masks, boxes, index, 28), crop(masks.float(), boxes, index, 28))


def with_confidence(sample: Sample, value: float) -> Sample:
    return dataclasses.replace(sample, confidence=torch.full_like(sample.confidence, value))


@pytest.mark.parametrize("value", [1.0, 0.5])
def test_confidence_scales_the_networks_mask_loss_and_no_other(network: CascadeMaskRCNN, value: float) -> None:
    sample = with_confidence(made_sample(1), value)
    found = {}
    for kind in ("plain", "confidence"):
        torch.manual_seed(0)
        losses = Objective(network, LossOptions(mask_loss=kind))([sample.image], [sample])
        found[kind] = losses
    soft, plain = found["confidence"], found["plain"]
    torch.testing.assert_close(soft["mask"], value * plain["mask"])
    assert plain["mask"] > 0
    assert all(torch.equal(soft[k], plain[k]) for k in plain if k != "mask")


# classes and boxes


@pytest.mark.parametrize("seed", SEEDS)
def test_class_loss_is_weighted_cross_entropy_over_all_proposals(seed: int) -> None:
    logits, labels, weights = random(seed, 6, 2) * 6 - 3, torch.tensor([0, 1, 1, 0, 1, 0]), random(seed + 9, 6)
    weights[2] = 0
    total = 0.0
    for i in range(6):
        exponentials = [math.exp(float(x)) for x in logits[i]]
        total -= float(weights[i]) * math.log(exponentials[int(labels[i])] / sum(exponentials))
    assert float(class_loss(logits, labels, weights)) == pytest.approx(total / 6, rel=1e-5)


@pytest.mark.parametrize("seed", SEEDS)
def test_box_loss_is_l1_over_all_proposals(seed: int) -> None:
    deltas, targets, weights = random(seed, 3, 4), random(seed + 9, 3, 4), random(seed + 18, 3)
    total = 0.0
    for i in range(3):
        total += float(weights[i]) * sum(abs(float(deltas[i, k]) - float(targets[i, k])) for k in range(4))
    assert float(box_loss(deltas, targets, weights, 12)) == pytest.approx(total / 12, rel=1e-5)


def test_losses_of_nothing_are_zero_with_a_gradient() -> None:
    logits, deltas, masks = (torch.zeros(0, *s, requires_grad=True) for s in ((2,), (4,), (28, 28)))
    found = (
        class_loss(logits, torch.zeros(0, dtype=torch.int64), torch.zeros(0)),
        box_loss(deltas, torch.zeros(0, 4), torch.zeros(0), 0),
        mask_loss(masks, torch.zeros(0, 28, 28), None, torch.zeros(0)),
        mask_loss(masks, torch.zeros(0, 28, 28), torch.zeros(0, 28, 28), torch.zeros(0)),
    )
    for loss in found:
        assert loss == 0
        loss.backward()
    assert crop(torch.zeros(2, 9, 9), torch.zeros(0, 4), torch.zeros(0, dtype=torch.int64), 28).shape == (0, 28, 28)


# DropLoss


@pytest.mark.parametrize("seed", SEEDS)
def test_drop_weights_are_the_formula(seed: int) -> None:
    corners = random(seed, 40, 4) * 50
    boxes = torch.cat((corners[:, :2], corners[:, :2] + corners[:, 2:] + 1), dim=1)
    predicted, truth = boxes[:37], boxes[37:]
    wanted = [float(max(iou(p, t) for t in truth.tolist()) > 0.01) for p in predicted.tolist()]
    assert 0 < sum(wanted) < 37
    assert drop_weights(predicted, truth).tolist() == wanted


def test_without_labels_all_is_dropped() -> None:
    assert drop_weights(torch.tensor([[0.0, 0, 9, 9]] * 3), torch.zeros(0, 4)).tolist() == [0, 0, 0]
    assert drop_weights(torch.zeros(0, 4), torch.tensor([[0.0, 0, 9, 9]])).shape == (0,)


def square_sample() -> Sample:
    """Two labels: a square at (8, 8) of score 0.9, one at (40, 40) of score 0.3."""
    masks = torch.zeros(2, 64, 64, dtype=torch.bool)
    masks[0, 8:24, 8:24] = masks[1, 40:56, 40:56] = True
    ones = torch.ones(2)
    scores = torch.tensor([0.9, 0.3])
    return Sample(
        image=torch.zeros(3, 64, 64), masks=masks, confidence=torch.ones(2, 64, 64), scores=scores, mean_confidence=ones
    )


BOXES = [[8.0, 8, 24, 26], [40, 42, 58, 56], [24, 24, 40, 40], [20, 20, 36, 36], [10, 40, 20, 50]]
MATCHES = [0, 1, -1, -1, -1]
REFINED = [[9.0, 9, 24, 24], [0, 30, 8, 38], [40, 40, 50, 50], [30, 0, 40, 10], [10, 40, 20, 50]]
"""What the stage predicts for them: the second left its label, the third came to one, the others meet none."""


def stage_losses(network: CascadeMaskRCNN, options: LossOptions, logits: Tensor, deltas: Tensor) -> dict[str, Tensor]:
    stage = Stage([torch.tensor(BOXES)], logits, deltas, torch.tensor(REFINED))
    return losses_of_stage(network.heads, 1, stage, [torch.tensor(MATCHES)], [square_sample()], options)


def test_a_proposal_whose_prediction_meets_no_label_is_not_punished(network: CascadeMaskRCNN) -> None:
    deltas, logits = random(1, 5, 4), random(0, 5, 2)
    with_gradient = {drop: logits.clone().requires_grad_() for drop in (True, False)}
    losses = {}
    for drop, given in with_gradient.items():
        losses[drop] = stage_losses(network, LossOptions(drop_loss=drop), given, deltas)
        losses[drop]["class_1"].backward()
    dropped, plain = with_gradient[True].grad, with_gradient[False].grad
    assert dropped is not None
    assert plain is not None
    assert dropped.abs().sum(dim=1).gt(0).tolist() == [True, False, True, False, False]
    assert torch.equal(dropped[[0, 2]], plain[[0, 2]])
    assert torch.equal(losses[True]["box_1"], losses[False]["box_1"])


def test_drop_loss_touches_nothing_but_classes(network: CascadeMaskRCNN) -> None:
    sample = made_sample(0, count=1)
    found = {}
    for drop in (True, False):
        torch.manual_seed(0)
        losses = Objective(network, LossOptions(drop_loss=drop))([sample.image], [sample])
        found[drop] = losses
    assert found[True]["class_0"] < found[False]["class_0"]
    assert all(torch.equal(found[True][k], v) for k, v in found[False].items() if not k.startswith("class"))


# CuVLER's score loss


@pytest.mark.parametrize("by_score", [True, False])
@pytest.mark.parametrize("drop", [True, False])
def test_stage_losses_are_weighted_by_the_labels_scores(network: CascadeMaskRCNN, by_score: bool, drop: bool) -> None:
    logits, deltas = random(0, 5, 2) * 4, random(1, 5, 4)
    found = stage_losses(network, LossOptions(score_loss=by_score, drop_loss=drop), logits, deltas)
    sample = square_sample()
    truth, scores = sample.boxes.tolist(), sample.scores.tolist()
    classes = boxes = 0.0
    for i, label in enumerate(MATCHES):
        weight = scores[label] if by_score and label >= 0 else 1.0
        exponentials = [math.exp(float(x)) for x in logits[i]]
        column = FOREGROUND if label >= 0 else BACKGROUND
        meets = max(iou(REFINED[i], t) for t in truth) > 0.01
        if meets or not drop:
            classes -= weight * math.log(exponentials[column] / sum(exponentials))
        if label >= 0:
            wanted = encoded(truth[label], BOXES[i], BOX_WEIGHTS[1])
            boxes += weight * sum(abs(float(d) - w) for d, w in zip(deltas[i], wanted, strict=True))
    assert float(found["class_1"]) == pytest.approx(classes / 5, rel=1e-4)
    assert float(found["box_1"]) == pytest.approx(boxes / 5, rel=1e-4)


def test_scores_weight_the_mask_loss(network: CascadeMaskRCNN) -> None:
    """One label: all its losses but the background's are the plain ones times its score."""
    sample = made_sample(0, count=1)
    found = {}
    for by_score in (True, False):
        torch.manual_seed(0)
        losses = Objective(network, LossOptions(score_loss=by_score))([sample.image], [sample])
        found[by_score] = losses
    score = float(sample.scores[0])
    for name in ("mask", "box_0", "box_1", "box_2", "rpn_box"):
        assert found[False][name] > 0
        torch.testing.assert_close(found[True][name], score * found[False][name])


# region proposals


def anchor_labels(anchors: list[list[float]], truth: list[list[float]]) -> list[tuple[int, int]]:
    """Label (1, 0, −1 ignored) and best-meeting pseudo-label of each anchor (Faster R-CNN 3.1.2)."""
    table = np.array([[iou(a, t) for t in truth] for a in anchors]).reshape(len(anchors), len(truth))
    if not truth:
        return [(0, -1)] * len(anchors)
    best_of_label = table.max(axis=0)
    found = []
    for row in table:
        nearest = int(row.argmax())
        if row.max() >= 0.7 or any(abs(row - best_of_label) < 1e-7):
            found.append((1, nearest))
        else:
            found.append((0 if row.max() < 0.3 else -1, nearest))
    return found


@pytest.mark.parametrize("by_score", [True, False])
def test_proposal_losses_are_the_formula(by_score: bool) -> None:
    """With more samples than anchors all are looked at: nothing is left to chance."""
    torch.manual_seed(0)
    rpn = Proposals(dataclasses.replace(TINY, rpn_batch=2000), STRIDES).train()
    samples = [made_sample(2), empty_sample(), square_sample()]
    features = [torch.rand(3, TINY.channels, 96 // s or 1, 96 // s or 1) for s in STRIDES]
    images = ImageList(torch.zeros(3, 3, 96, 96), [tuple(s.image.shape[1:]) for s in samples])  # pyright: ignore[reportArgumentType]
    losses = proposal_losses(rpn, rpn.predict(images, features), samples, by_score=by_score)
    logits, deltas = rpn.head(features)  # pyright: ignore[reportCallIssue]
    flat = torch.cat([x.detach().permute(0, 2, 3, 1).reshape(3, -1) for x in logits], dim=1)
    moved = torch.cat(
        [x.detach().view(3, 3, 4, *x.shape[2:]).permute(0, 3, 4, 1, 2).reshape(3, -1, 4) for x in deltas], dim=1
    )
    anchors = rpn.anchor_generator(images, features)[0].tolist()
    classes = boxes = count = 0.0
    for n, sample in enumerate(samples):
        truth = sample.boxes.tolist()
        for i, (label, nearest) in enumerate(anchor_labels(anchors, truth)):
            weight = float(sample.scores[nearest]) if by_score and label == 1 else 1.0
            count += label >= 0
            if label >= 0:
                classes += weight * bce(float(flat[n, i]), label)
            if label == 1:
                wanted = encoded(truth[nearest], anchors[i], (1, 1, 1, 1))
                boxes += weight * sum(abs(float(d) - w) for d, w in zip(moved[n, i], wanted, strict=True))
    assert boxes > 0
    assert losses["rpn_class"].item() == pytest.approx(classes / count, rel=1e-4)
    assert losses["rpn_box"].item() == pytest.approx(boxes / count, rel=1e-4)


# nothing to learn from


@pytest.mark.parametrize(
    "options", [LossOptions(), LossOptions(mask_loss="confidence", drop_loss=True, score_loss=True)]
)
@pytest.mark.parametrize("empty", [0, 1, 2])
def test_photos_without_labels_give_finite_losses_and_gradients(
    network: CascadeMaskRCNN, options: LossOptions, empty: int
) -> None:
    samples = [empty_sample() if i < empty else made_sample(i) for i in range(2)]
    network.zero_grad()
    losses = Objective(network, options)([s.image for s in samples], samples)
    total = torch.stack(list(losses.values())).sum()
    assert total.isfinite()
    total.backward()
    assert all(p.grad.isfinite().all() for p in network.parameters() if p.grad is not None)
    if empty == 2:
        assert losses["mask"] == losses["box_0"] == losses["rpn_box"] == 0


def test_no_proposal_at_all_gives_finite_losses(network: CascadeMaskRCNN) -> None:
    features = [torch.rand(1, TINY.channels, 96 // s, 96 // s, requires_grad=True) for s in STRIDES[:3]]
    sample, none = empty_sample((96, 96)), torch.zeros(0, 4)
    losses = Objective(network, LossOptions())._cascade_losses(features, [none], [(96, 96)], [sample])
    total = torch.stack(list(losses.values())).sum()
    assert total == 0
    total.backward()
    network.zero_grad()
