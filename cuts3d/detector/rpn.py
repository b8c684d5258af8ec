"""Region proposals: torchvision's network on detectron2's anchors."""

from __future__ import annotations

from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor
from torchvision.models.detection.image_list import ImageList
from torchvision.models.detection.rpn import RegionProposalNetwork, RPNHead, concat_box_prediction_layers

from cuts3d.detector.anchors import RATIOS, Anchors
from cuts3d.detector.config import NetworkConfig


@dataclass(frozen=True, slots=True, eq=False)
class AnchorPredictions:
    """The network's output for every anchor of a batch of n photos with a anchors each.

    Attributes:
        anchors: Per photo float32 [a, 4], xyxy in pixels.
        logits: Objectness, float [n * a, 1].
        deltas: From the anchor to the object's box, float [n * a, 4].
        counts: Anchors of one photo on each level of the pyramid.
    """

    anchors: list[Tensor]
    logits: Tensor
    deltas: Tensor
    counts: list[int]


class Proposals(RegionProposalNetwork):
    """Boxes that may contain an object.

    Args:
        config: Sizes and thresholds.
        strides: Strides of the pyramid's levels, in pixels.
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

    def predict(self, images: ImageList, features: list[Tensor]) -> AnchorPredictions:
        """Objectness and box deltas of all anchors.

        Args:
            images: The batch.
            features: The pyramid's maps.
        """
        logits, deltas = self.head(features)
        anchors = self.anchor_generator(images, features)
        counts = [level[0].numel() for level in logits]
        flat_logits, flat_deltas = concat_box_prediction_layers(logits, deltas)
        return AnchorPredictions(anchors, flat_logits, flat_deltas, counts)

    def select(self, predictions: AnchorPredictions, sizes: list[tuple[int, int]]) -> tuple[list[Tensor], list[Tensor]]:
        """The best boxes after non-maximum suppression; in training mode it keeps `rpn_train`, else `rpn_test`.

        Args:
            predictions: What `predict` returned.
            sizes: (H, W) of each photo, to which boxes are clipped.

        Returns:
            Per photo boxes [p, 4] (xyxy, best first) and their probabilities [p]; no gradient flows through them.
        """
        deltas, anchors = predictions.deltas.detach().float(), predictions.anchors
        boxes = self.box_coder.decode(deltas, anchors).view(len(anchors), -1, 4)
        return self.filter_proposals(boxes, predictions.logits.float(), sizes, predictions.counts)
