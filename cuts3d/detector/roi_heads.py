"""Three box heads in sequence, each trained on better boxes than the one before, and a mask head (Cascade R-CNN)."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torchvision.models.detection._utils import BoxCoder
from torchvision.ops import clip_boxes_to_image, nms

from cuts3d.detector.config import NetworkConfig
from cuts3d.detector.pooling import Pooler
from cuts3d.detector.records import RawDetections

FOREGROUND, BACKGROUND = 0, 1  # columns of the class logits, as in detectron2
BOX_WEIGHTS = ((10.0, 10.0, 5.0, 5.0), (20.0, 20.0, 10.0, 10.0), (30.0, 30.0, 15.0, 15.0))  # of the deltas, by stage
STAGES = len(BOX_WEIGHTS)
BOX_SIDE, MASK_SIDE = 7, 14  # cells of the pooled features
Sizes = list[tuple[int, int]]


class BoxHead(nn.Module):
    """One stage: two layers, then class logits and box deltas.

    Args:
        channels: Channels of the pooled features.
        width: Width of the two layers.
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
    """Convolutions at 14×14, upsampling to 28×28, one logit per pixel.

    Args:
        channels: Channels of the pooled features.
        width: Channels of the head.
        convs: Number of convolutions before the upsampling.
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
    """Input and output of one stage.

    Attributes:
        boxes: Per photo the input boxes, float32 [n_i, 4], xyxy.
        logits: Foreground and background, float [n, 2], of all photos.
        deltas: From the input box to the object's box, float [n, 4].
        refined: The boxes after the deltas, not clipped to the photos, float32 [n, 4].
    """

    boxes: list[Tensor]
    logits: Tensor
    deltas: Tensor
    refined: Tensor


class CascadeHeads(nn.Module):
    """From proposals to detections.

    Args:
        config: Widths and thresholds.
        strides: Strides of the pyramid's levels that the heads read, in pixels.
    """

    def __init__(self, config: NetworkConfig, strides: tuple[int, ...]) -> None:
        super().__init__()
        self.config = config
        self.box_pooler = Pooler(BOX_SIDE, strides, config.canonical_box)
        self.mask_pooler = Pooler(MASK_SIDE, strides, config.canonical_box)
        self.stages = nn.ModuleList(BoxHead(config.channels, config.box_width) for _ in range(STAGES))
        self.mask_head = MaskHead(config.channels, config.mask_width, config.mask_convs)
        self.coders = [BoxCoder(weights) for weights in BOX_WEIGHTS]

    def run_stage(self, k: int, features: list[Tensor], boxes: list[Tensor], *, scale: float = 1.0) -> Stage:
        """Run stage k on boxes.

        Args:
            k: Index of the stage.
            features: The pyramid's maps.
            boxes: Per photo float32 [n_i, 4], xyxy.
            scale: Factor of the gradient that flows into the features.
        """
        pooled = self.box_pooler(features, [b.nan_to_num() for b in boxes])  # weights may overflow; see `_choose`
        if scale != 1.0:
            pooled = pooled * scale + (pooled * (1 - scale)).detach()
        logits, deltas = self.stages[k](pooled)
        refined = self.coders[k].decode_single(deltas.detach().float(), torch.cat(boxes).float())
        return Stage(boxes, logits, deltas, refined)

    def run_stages(self, features: list[Tensor], boxes: list[Tensor], sizes: Sizes) -> list[Stage]:
        """Run all stages for inference, each on the clipped boxes of the one before."""
        stages = []
        for k in range(STAGES):
            stages.append(self.run_stage(k, features, boxes))
            boxes = clipped(stages[-1], sizes)
        return stages

    def mask_logits(self, features: list[Tensor], boxes: list[Tensor]) -> Tensor:
        """Logits of the masks inside the boxes, float32 [sum n, 28, 28]."""
        return self.mask_head(self.mask_pooler(features, boxes))[:, 0].float()

    def mask_probabilities(self, features: list[Tensor], boxes: list[Tensor]) -> Tensor:
        """Probabilities of the masks inside the boxes, float32 [sum n, 28, 28] in [0, 1]."""
        return self.mask_logits(features, boxes).sigmoid()

    def detect(self, features: list[Tensor], proposals: list[Tensor], sizes: Sizes) -> list[RawDetections]:
        """Detections of each photo: mean score over the stages, boxes of the last one, NMS, then masks."""
        stages = self.run_stages(features, proposals, sizes)
        scores = torch.stack([s.logits.float().softmax(dim=1) for s in stages]).mean(dim=0)[:, FOREGROUND]
        boxes = clipped(stages[-1], sizes)
        chosen = [self._choose(b, s) for b, s in zip(boxes, scores.split([len(b) for b in boxes]), strict=True)]
        kept = [boxes for boxes, _ in chosen]
        masks = self.mask_probabilities(features, kept).split([len(b) for b in kept])
        return [RawDetections(boxes=b, scores=s, masks=m) for (b, s), m in zip(chosen, masks, strict=True)]

    def _choose(self, boxes: Tensor, scores: Tensor) -> tuple[Tensor, Tensor]:
        valid = boxes.isfinite().all(dim=1) & scores.isfinite() & (scores > self.config.score_threshold)
        boxes, scores = boxes[valid], scores[valid]
        keep = nms(boxes, scores, self.config.box_nms)[: self.config.max_detections]
        return boxes[keep], scores[keep]


def clipped(stage: Stage, sizes: Sizes) -> list[Tensor]:
    """The refined boxes of a stage, clipped to their photos; float32 [n_i, 4] per photo."""
    refined = stage.refined.split([len(b) for b in stage.boxes])
    return [clip_boxes_to_image(boxes, size) for boxes, size in zip(refined, sizes, strict=True)]
