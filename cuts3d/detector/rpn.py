"""Region proposals: torchvision's network on detectron2's anchors, with a weight for each label."""

from __future__ import annotations

from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.rpn import RegionProposalNetwork, RPNHead, concat_box_prediction_layers

from cuts3d.detector.anchors import RATIOS, Anchors
from cuts3d.detector.config import NetworkConfig
from training.data.samples import Sample


class Proposals(RegionProposalNetwork):
    """Boxes that may hold an object.

    Args:
        config: Sizes and numbers.
        strides: Of the pyramid's levels.
    """

    def __init__(self, config: NetworkConfig, strides: tuple[int, ...]) -> None:
        kept = {"training": config.rpn_train, "testing": config.rpn_test}
        super().__init__(
            cast("torch.nn.Module", Anchors(config.anchor_sizes, strides)),  # pyright: ignore[reportArgumentType]
            RPNHead(config.channels, len(RATIOS)),
            fg_iou_thresh=0.7,
            bg_iou_thresh=0.3,
            batch_size_per_image=config.rpn_batch,
            positive_fraction=0.5,
            pre_nms_top_n={mode: counts[0] for mode, counts in kept.items()},
            post_nms_top_n={mode: counts[1] for mode, counts in kept.items()},
            nms_thresh=config.rpn_nms,
        )

    def propose(
        self, images: ImageList, features: list[Tensor], targets: list[Sample] | None = None, *, by_score: bool = False
    ) -> tuple[list[Tensor], list[Tensor], dict[str, Tensor]]:
        """Proposals of a batch.

        Args:
            images: The batch.
            features: The pyramid's maps.
            targets: Labels, in training.
            by_score: Weight each label's losses by its score.

        Returns:
            Per photo boxes [p, 4] (xyxy, best first) and their probabilities [p]; the losses, none without targets.
        """
        logits, deltas = self.head(features)
        anchors = self.anchor_generator(images, features)
        counts = [level[0].numel() for level in logits]
        flat_logits, flat_deltas = concat_box_prediction_layers(logits, deltas)
        boxes = self.box_coder.decode(flat_deltas.detach().float(), anchors).view(len(anchors), -1, 4)
        proposals, scores = self.filter_proposals(boxes, flat_logits.float(), images.image_sizes, counts)
        losses = {} if targets is None else self._losses(anchors, flat_logits, flat_deltas, targets, by_score)
        return proposals, scores, losses

    def _losses(
        self, anchors: list[Tensor], logits: Tensor, deltas: Tensor, targets: list[Sample], by_score: bool
    ) -> dict[str, Tensor]:
        """Cross-entropy and L1, each over the number of sampled anchors, as detectron2 has it."""
        truth = [{"boxes": target.boxes} for target in targets]
        labels, matched = self.assign_targets_to_anchors(anchors, truth)
        wanted = torch.cat(self.box_coder.encode(matched, anchors))
        positive, negative = (torch.cat(masks).bool() for masks in self.fg_bg_sampler(labels))
        sampled = positive | negative
        weights = _weights(anchors, targets, self.box_similarity) if by_score else torch.ones_like(logits[:, 0])
        weights = torch.where(torch.cat(labels) == 1, weights, 1.0)
        count = max(int(sampled.sum()), 1)
        objectness = F.binary_cross_entropy_with_logits(
            logits[sampled, 0], torch.cat(labels)[sampled], weight=weights[sampled], reduction="sum"
        )
        box = ((deltas[positive] - wanted[positive]).abs().sum(dim=1) * weights[positive]).sum()
        return {"rpn_class": objectness / count, "rpn_box": box / count}


def _weights(anchors: list[Tensor], targets: list[Sample], similarity: object) -> Tensor:
    """Score of the label that meets each anchor best; 1 where a photo has none."""
    weights = []
    for boxes, target in zip(anchors, targets, strict=True):
        if len(target.scores):
            weights.append(target.scores[similarity(target.boxes, boxes).argmax(dim=0)])  # pyright: ignore[reportCallIssue]
        else:
            weights.append(boxes.new_ones(len(boxes)))
    return torch.cat(weights)
