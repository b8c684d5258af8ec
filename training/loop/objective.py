"""What a training minimises: the losses of the detector on a batch, as one module."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.models.detection._utils import BalancedPositiveNegativeSampler
from torchvision.ops import box_iou

from cuts3d.detector.network import CascadeMaskRCNN
from cuts3d.detector.roi_heads import BACKGROUND, FOREGROUND, MASK_SIDE, CascadeHeads, Sizes, Stage, clipped
from cuts3d.detector.rpn import AnchorPredictions, Proposals
from training.data.samples import Sample
from training.loop.losses import LossOptions, box_loss, class_loss, crop, drop_weights, mask_loss

IOUS = (0.5, 0.6, 0.7)  # least IoU of a foreground proposal with its label, by stage
POSITIVE_FRACTION = 0.25  # of the sampled proposals, at most
Losses = dict[str, Tensor]


class Objective(nn.Module):
    """The losses of a network; a module of its own, so that several processes can share it.

    Args:
        network: The detector, in training mode.
        options: Which losses are used.
    """

    def __init__(self, network: CascadeMaskRCNN, options: LossOptions) -> None:
        super().__init__()
        self.network, self.options = network, options
        self.sampler = BalancedPositiveNegativeSampler(network.config.box_batch, POSITIVE_FRACTION)

    def forward(self, images: list[Tensor], samples: list[Sample]) -> Losses:
        """Scalar losses by name; their sum is minimised. Anchors and proposals are sampled by the global generator.

        Args:
            images: float32 [3, H, W] each, RGB in [0, 1].
            samples: The labels of each photo, at its size.
        """
        network, by_score = self.network, self.options.score_loss
        batch = network.batch(images)
        features = network.backbone(batch.tensors)
        predictions = network.rpn.predict(batch, features)
        proposals, _ = network.rpn.select(predictions, batch.image_sizes)
        losses = proposal_losses(network.rpn, predictions, samples, by_score=by_score)
        return losses | self._cascade_losses(features, proposals, batch.image_sizes, samples)

    def _cascade_losses(
        self, features: list[Tensor], proposals: list[Tensor], sizes: Sizes, samples: list[Sample]
    ) -> Losses:
        """Losses of all stages and of the masks; the labels' boxes are added to the proposals before sampling."""
        heads, truth = self.network.heads, [sample.boxes for sample in samples]
        joined = [torch.cat((p, t)) for p, t in zip(proposals, truth, strict=True)]
        boxes, matches = self._sample(joined, truth)
        masks = _mask_loss(heads, features, boxes, matches, samples, self.options)
        losses: Losses = {}
        for k, iou in enumerate(IOUS):
            if k > 0:
                boxes = [b[(b[:, 2:] > b[:, :2]).all(dim=1)] for b in boxes]
                matches = [match(b, t, iou) for b, t in zip(boxes, truth, strict=True)]
            stage = heads.run_stage(k, features, boxes, scale=1 / len(IOUS))
            losses |= stage_losses(heads, k, stage, matches, samples, self.options)
            boxes = clipped(stage, sizes)
        return losses | {"mask": masks}

    def _sample(self, boxes: list[Tensor], truth: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        matches = [match(b, t, IOUS[0]) for b, t in zip(boxes, truth, strict=True)]
        positive, negative = self.sampler([(m >= 0).to(torch.int64) for m in matches])
        chosen = [torch.nonzero(p | n)[:, 0] for p, n in zip(positive, negative, strict=True)]
        pairs = list(zip(chosen, boxes, matches, strict=True))
        return [b[c] for c, b, _ in pairs], [m[c] for c, _, m in pairs]


def proposal_losses(rpn: Proposals, predictions: AnchorPredictions, samples: list[Sample], *, by_score: bool) -> Losses:
    """Cross-entropy and L1 of the anchors, each divided by the number of sampled anchors, as in detectron2.

    Args:
        rpn: The proposal network.
        predictions: Its output for the batch.
        samples: The labels of each photo.
        by_score: Weight each label's losses by its score.
    """
    anchors, logits, deltas = predictions.anchors, predictions.logits, predictions.deltas
    labels, matched = rpn.assign_targets_to_anchors(anchors, [{"boxes": sample.boxes} for sample in samples])
    wanted = torch.cat(rpn.box_coder.encode(matched, anchors))
    positive, negative = (torch.cat(masks).bool() for masks in rpn.fg_bg_sampler(labels))
    sampled = positive | negative
    weights = _anchor_weights(anchors, samples) if by_score else torch.ones_like(logits[:, 0])
    weights = torch.where(torch.cat(labels) == 1, weights, 1.0)
    count = max(int(sampled.sum()), 1)
    objectness = F.binary_cross_entropy_with_logits(
        logits[sampled, 0], torch.cat(labels)[sampled], weight=weights[sampled], reduction="sum"
    )
    box = ((deltas[positive] - wanted[positive]).abs().sum(dim=1) * weights[positive]).sum()
    return {"rpn_class": objectness / count, "rpn_box": box / count}


def stage_losses(
    heads: CascadeHeads, k: int, stage: Stage, matches: list[Tensor], samples: list[Sample], options: LossOptions
) -> Losses:
    """Class and box loss of one stage of the cascade.

    Args:
        heads: The cascade.
        k: Index of the stage.
        stage: Its input and output.
        matches: Per photo the label of each input box, int64 [n_i]; -1 for background.
        samples: The labels of each photo.
        options: Which losses are used.
    """
    matched, truth = torch.cat(matches), [sample.boxes for sample in samples]
    foreground = matched >= 0
    weights = _label_weights(matches, samples, options)
    kept = weights
    if options.drop_loss:
        refined = stage.refined.split([len(b) for b in stage.boxes])
        kept = weights * torch.cat([drop_weights(r, t) for r, t in zip(refined, truth, strict=True)])
    labels = torch.where(foreground, FOREGROUND, BACKGROUND)
    wanted = torch.cat([t[m[m >= 0]] for t, m in zip(truth, matches, strict=True)])
    deltas = heads.coders[k].encode_single(wanted, torch.cat(stage.boxes)[foreground])
    box = box_loss(stage.deltas[foreground], deltas, weights[foreground], len(matched))
    return {f"class_{k}": class_loss(stage.logits, labels, kept), f"box_{k}": box}


def match(boxes: Tensor, truth: Tensor, iou: float) -> Tensor:
    """The label of each box, int64 [n]: the one with the greatest IoU if that is at least `iou`, else -1."""
    if not len(truth):
        return torch.full((len(boxes),), -1, device=boxes.device)
    best, index = box_iou(boxes, truth).max(dim=1) if len(boxes) else (boxes.new_zeros(0), boxes.new_zeros(0).long())
    return torch.where(best >= iou, index, -1)


def _mask_loss(
    heads: CascadeHeads,
    features: list[Tensor],
    boxes: list[Tensor],
    matches: list[Tensor],
    samples: list[Sample],
    options: LossOptions,
) -> Tensor:
    boxes = [b[m >= 0] for b, m in zip(boxes, matches, strict=True)]
    matches = [m[m >= 0] for m in matches]
    logits, side = heads.mask_logits(features, boxes), 2 * MASK_SIDE
    crops = list(zip(boxes, matches, samples, strict=True))
    wanted = torch.cat([crop(s.masks, b, m, side) for b, m, s in crops]).ge(0.5).float()
    confidence = None
    if options.mask_loss == "confidence":
        confidence = torch.cat([crop(s.confidence, b, m, side) for b, m, s in crops])
    return mask_loss(logits, wanted, confidence, _label_weights(matches, samples, options))


def _label_weights(matches: list[Tensor], samples: list[Sample], options: LossOptions) -> Tensor:
    """Weight of each box, float [sum n]: the score of its label where losses are weighted by it, else 1."""
    if not options.score_loss:
        return torch.ones(sum(len(m) for m in matches), device=matches[0].device)
    weights = []
    for matched, sample in zip(matches, samples, strict=True):
        scores = torch.cat((sample.scores, sample.scores.new_ones(1)))  # the last one for the background, at -1
        weights.append(scores[matched])
    return torch.cat(weights)


def _anchor_weights(anchors: list[Tensor], samples: list[Sample]) -> Tensor:
    """Score of the label with the greatest IoU with each anchor; 1 in a photo without labels."""
    weights = []
    for boxes, sample in zip(anchors, samples, strict=True):
        if len(sample.scores):
            weights.append(sample.scores[box_iou(sample.boxes, boxes).argmax(dim=0)])
        else:
            weights.append(boxes.new_ones(len(boxes)))
    return torch.cat(weights)
