"""Three box heads in a row, each trained on better boxes than the one before, and a mask head (Cascade R-CNN)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torchvision.models.detection._utils import BalancedPositiveNegativeSampler, BoxCoder
from torchvision.ops import box_iou, clip_boxes_to_image, nms

from cuts3d.detector.config import NetworkConfig
from cuts3d.detector.losses import (
    BACKGROUND,
    FOREGROUND,
    LossOptions,
    box_loss,
    class_loss,
    crop,
    drop_weights,
    mask_loss,
)
from cuts3d.detector.pooling import Pooler
from cuts3d.detector.records import Detections
from training.data.samples import Sample

IOUS = (0.5, 0.6, 0.7)  # of a proposal with a label, from which it is foreground, stage by stage
BOX_WEIGHTS = ((10.0, 10.0, 5.0, 5.0), (20.0, 20.0, 10.0, 10.0), (30.0, 30.0, 15.0, 15.0))
POSITIVE = 0.25  # share of the sampled proposals that are foreground, at most
BOX_SIDE, MASK_SIDE = 7, 14
Sizes = list[tuple[int, int]]


class BoxHead(nn.Module):
    """One stage: two layers, then class logits and box deltas.

    Args:
        channels: Of the pooled features.
        width: Of the two layers.
    """

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(channels * BOX_SIDE**2, width)
        self.fc2 = nn.Linear(width, width)
        self.cls_score = nn.Linear(width, 2)
        self.bbox_pred = nn.Linear(width, 4)
        nn.init.normal_(self.cls_score.weight, std=0.01)
        nn.init.normal_(self.bbox_pred.weight, std=0.001)
        for layer in (self.fc1, self.fc2, self.cls_score, self.bbox_pred):
            nn.init.zeros_(layer.bias)

    def forward(self, pooled: Tensor) -> tuple[Tensor, Tensor]:
        """Logits [n, 2] (foreground, background) and deltas [n, 4] of pooled features [n, C, 7, 7]."""
        x = self.fc2(self.fc1(pooled.flatten(1)).relu()).relu()
        return self.cls_score(x), self.bbox_pred(x)


class MaskHead(nn.Sequential):
    """Convolutions at 14×14, one step up to 28×28, one logit a pixel.

    Args:
        channels: Of the pooled features.
        width: Of the head.
        convs: Convolutions before the step up.
    """

    def __init__(self, channels: int, width: int, convs: int) -> None:
        layers: list[nn.Module] = []
        for i in range(convs):
            layers += [nn.Conv2d(channels if i == 0 else width, width, 3, padding=1), nn.ReLU(inplace=True)]
        super().__init__(*layers, nn.ConvTranspose2d(width, width, 2, 2), nn.ReLU(inplace=True), nn.Conv2d(width, 1, 1))
        for layer in self:
            if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d) and layer.bias is not None:
                nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")
                nn.init.zeros_(layer.bias)
        nn.init.normal_(self[-1].weight, std=0.001)  # pyright: ignore[reportArgumentType]


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """What one stage got and gave: boxes [n, 4] of all photos, logits [n, 2], deltas [n, 4], unclipped boxes [n, 4]."""

    boxes: list[Tensor]
    logits: Tensor
    deltas: Tensor
    refined: Tensor


class CascadeHeads(nn.Module):
    """From proposals to detections.

    Args:
        config: Widths and numbers.
        strides: Of the levels that boxes are read from.
    """

    def __init__(self, config: NetworkConfig, strides: tuple[int, ...]) -> None:
        super().__init__()
        self.config = config
        self.box_pooler = Pooler(BOX_SIDE, strides, config.canonical_box)
        self.mask_pooler = Pooler(MASK_SIDE, strides, config.canonical_box)
        self.stages = nn.ModuleList(BoxHead(config.channels, config.box_width) for _ in IOUS)
        self.mask_head = MaskHead(config.channels, config.mask_width, config.mask_convs)
        self.coders = [BoxCoder(weights) for weights in BOX_WEIGHTS]
        self.sampler = BalancedPositiveNegativeSampler(config.box_batch, POSITIVE)

    # inference

    def run_stage(self, k: int, features: list[Tensor], boxes: list[Tensor], *, scale: float = 1.0) -> Stage:
        """One stage on boxes; `scale` is that of the gradient into the features."""
        pooled = self.box_pooler(features, [b.nan_to_num() for b in boxes])  # of weights that overflow; see `_choose`
        if scale != 1.0:
            pooled = pooled * scale + (pooled * (1 - scale)).detach()
        logits, deltas = self.stages[k](pooled)
        refined = self.coders[k].decode_single(deltas.detach().float(), torch.cat(boxes).float())
        return Stage(boxes, logits, deltas, refined)

    def run_stages(self, features: list[Tensor], boxes: list[Tensor], sizes: Sizes) -> list[Stage]:
        """All stages at test, each on the clipped boxes of the one before."""
        stages = []
        for k in range(len(IOUS)):
            stages.append(self.run_stage(k, features, boxes))
            boxes = clipped(stages[-1], sizes)
        return stages

    def mask_probabilities(self, features: list[Tensor], boxes: list[Tensor]) -> Tensor:
        """float32 [sum n, 28, 28] in [0, 1]."""
        return self.mask_head(self.mask_pooler(features, boxes))[:, 0].float().sigmoid()

    def detect(self, features: list[Tensor], proposals: list[Tensor], sizes: Sizes) -> list[Detections]:
        """Scores averaged over the stages, boxes of the last, NMS, then masks."""
        stages = self.run_stages(features, proposals, sizes)
        scores = torch.stack([s.logits.float().softmax(dim=1) for s in stages]).mean(dim=0)[:, FOREGROUND]
        boxes = clipped(stages[-1], sizes)
        chosen = [self._choose(b, s) for b, s in zip(boxes, scores.split([len(b) for b in boxes]), strict=True)]
        kept = [boxes for boxes, _ in chosen]
        masks = self.mask_probabilities(features, kept).split([len(b) for b in kept])
        return [Detections(boxes=b, scores=s, masks=m) for (b, s), m in zip(chosen, masks, strict=True)]

    def _choose(self, boxes: Tensor, scores: Tensor) -> tuple[Tensor, Tensor]:
        valid = boxes.isfinite().all(dim=1) & scores.isfinite() & (scores > self.config.score_threshold)
        boxes, scores = boxes[valid], scores[valid]
        keep = nms(boxes, scores, self.config.box_nms)[: self.config.max_detections]
        return boxes[keep], scores[keep]

    # training

    def losses(
        self, features: list[Tensor], proposals: list[Tensor], sizes: Sizes, targets: list[Sample], options: LossOptions
    ) -> dict[str, Tensor]:
        """Losses of all stages and of the masks; labels are among the proposals, which are sampled before stage 0."""
        truth = [target.boxes for target in targets]
        joined = [torch.cat((p, t)) for p, t in zip(proposals, truth, strict=True)]
        boxes, matches = self._sample(joined, truth)
        masks = self._mask_loss(features, boxes, matches, targets, options)
        losses: dict[str, Tensor] = {}
        for k, iou in enumerate(IOUS):
            if k > 0:
                boxes = [b[(b[:, 2:] > b[:, :2]).all(dim=1)] for b in boxes]
                matches = [match(b, t, iou) for b, t in zip(boxes, truth, strict=True)]
            stage = self.run_stage(k, features, boxes, scale=1 / len(IOUS))
            losses |= self._stage_losses(k, stage, matches, targets, options)
            boxes = clipped(stage, sizes)
        return losses | masks

    def _sample(self, boxes: list[Tensor], truth: list[Tensor]) -> tuple[list[Tensor], list[Tensor]]:
        matches = [match(b, t, IOUS[0]) for b, t in zip(boxes, truth, strict=True)]
        positive, negative = self.sampler([(m >= 0).to(torch.int64) for m in matches])
        chosen = [torch.nonzero(p | n)[:, 0] for p, n in zip(positive, negative, strict=True)]
        pairs = list(zip(chosen, boxes, matches, strict=True))
        return [b[c] for c, b, _ in pairs], [m[c] for c, _, m in pairs]

    def _stage_losses(
        self, k: int, stage: Stage, matches: list[Tensor], targets: list[Sample], options: LossOptions
    ) -> dict[str, Tensor]:
        matched, truth = torch.cat(matches), [t.boxes for t in targets]
        foreground = matched >= 0
        weights = _label_weights(matches, targets, options)
        kept = weights
        if options.drop_loss:
            refined = stage.refined.split([len(b) for b in stage.boxes])
            kept = weights * torch.cat([drop_weights(r, t) for r, t in zip(refined, truth, strict=True)])
        labels = torch.where(foreground, FOREGROUND, BACKGROUND)
        pairs = zip(truth, matches, strict=True)
        wanted = torch.cat([t[m[m >= 0]] for t, m in pairs])
        deltas = self.coders[k].encode_single(wanted, torch.cat(stage.boxes)[foreground])
        box = box_loss(stage.deltas[foreground], deltas, weights[foreground], len(matched))
        return {f"class_{k}": class_loss(stage.logits, labels, kept), f"box_{k}": box}

    def _mask_loss(
        self,
        features: list[Tensor],
        boxes: list[Tensor],
        matches: list[Tensor],
        targets: list[Sample],
        options: LossOptions,
    ) -> dict[str, Tensor]:
        boxes = [b[m >= 0] for b, m in zip(boxes, matches, strict=True)]
        matches = [m[m >= 0] for m in matches]
        logits = self.mask_head(self.mask_pooler(features, boxes))[:, 0].float()
        cut = list(zip(boxes, matches, targets, strict=True))
        side = 2 * MASK_SIDE
        wanted = torch.cat([crop(t.masks, b, m, side) for b, m, t in cut]).ge(0.5).float()
        confidence = None
        if options.mask_loss == "confidence":
            confidence = torch.cat([crop(t.confidence, b, m, side) for b, m, t in cut])
        return {"mask": mask_loss(logits, wanted, confidence, _label_weights(matches, targets, options))}


def match(boxes: Tensor, truth: Tensor, iou: float) -> Tensor:
    """Label of each box, int64 [n]: that of the greatest IoU, where it is at least `iou`; else −1."""
    if not len(truth):
        return torch.full((len(boxes),), -1, device=boxes.device)
    best, index = box_iou(boxes, truth).max(dim=1) if len(boxes) else (boxes.new_zeros(0), boxes.new_zeros(0).long())
    return torch.where(best >= iou, index, -1)


def clipped(stage: Stage, sizes: Sizes) -> list[Tensor]:
    """A stage's boxes inside their photos, photo by photo."""
    refined = stage.refined.split([len(b) for b in stage.boxes])
    return [clip_boxes_to_image(boxes, size) for boxes, size in zip(refined, sizes, strict=True)]


def _label_weights(matches: list[Tensor], targets: list[Sample], options: LossOptions) -> Tensor:
    """Score of each foreground box's label where losses are weighted by it, else 1; float [sum n]."""
    if not options.score_loss:
        return torch.ones(sum(len(m) for m in matches), device=matches[0].device)
    weights = []
    for matched, target in zip(matches, targets, strict=True):
        scores = torch.cat((target.scores, target.scores.new_ones(1)))  # the last for the background, at −1
        weights.append(scores[matched])
    return torch.cat(weights)
