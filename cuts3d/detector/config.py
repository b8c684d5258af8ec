"""The detector's architecture and thresholds."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, fields
from typing import Any, Literal

from cuts3d.detector.checks import Range, check
from cuts3d.errors import ConfigError

DEFAULT_SCORE = 0.5  # least score of the detections of one photo: four to ten objects on the shipped examples

NETWORK_RANGES: dict[str, Range] = {
    "channels": (1, 2048),
    "levels": (2, 5),
    "frozen_blocks": (0, 7),
    "anchor_sizes": (1, 4096),
    "canonical_box": (1, 4096),
    "rpn_nms": (0, 1),
    "rpn_train": (1, 20_000),
    "rpn_test": (1, 20_000),
    "rpn_batch": (1, 20_000),
    "box_width": (1, 8192),
    "box_batch": (1, 20_000),
    "mask_width": (1, 2048),
    "mask_convs": (1, 16),
    "score_threshold": (0, 1),
    "box_nms": (0, 1),
    "max_detections": (1, 20_000),
    "test_short_side": (16, 4096),
    "test_max_side": (16, 8192),
}
"""Allowed range of each number of a network; so an untrusted file cannot make us allocate all memory."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkConfig:
    """Configuration of a class-agnostic Cascade Mask R-CNN; it is stored in the checkpoint.

    The defaults are those of detectron2's R50-FPN (CutLER).

    Attributes:
        backbone: `resnet50`, or `efficientnet_lite0` (small).
        channels: Width of the feature pyramid and of the RPN.
        pyramid_norm: Batch norm in the pyramid.
        freeze_norm: Keep the statistics of the backbone's batch norms (small batches); scale and shift are trained.
        levels: Levels of the backbone in the pyramid, by the exponent k of their stride 2^k; the pyramid adds one more.
        frozen_blocks: The stem and so many first blocks of the backbone are not trained; 0: everything is trained.
        anchor_sizes: Side of the anchors in pixels, by level of the pyramid.
        canonical_box: Side of a box that is pooled at stride 16, in pixels; larger boxes are pooled at coarser levels.
        rpn_nms: IoU above which a proposal is removed in favour of a better one of its level.
        rpn_train: Proposals kept in training, before and after NMS.
        rpn_test: Proposals kept at inference, before and after NMS.
        rpn_batch: Anchors of a photo that are sampled for the losses of the RPN.
        box_width: Width of the two layers of each stage's box head.
        box_batch: Proposals of a photo that are sampled for the losses of the cascade.
        mask_width: Channels of the mask head.
        mask_convs: Convolutions of the mask head at 14×14.
        score_threshold: Least score of a detection.
        box_nms: IoU above which a detection is removed in favour of a better one.
        max_detections: Largest number of detections of a photo.
        test_short_side: Shorter side of the photo at inference, in pixels.
        test_max_side: Upper limit of its longer side, in pixels.

    Raises:
        ConfigError: A value has the wrong type or is out of its range (`NETWORK_RANGES`), or two do not fit together.
    """

    backbone: Literal["resnet50", "efficientnet_lite0"] = "resnet50"
    channels: int = 256
    pyramid_norm: bool = True
    freeze_norm: bool = False
    levels: tuple[int, ...] = (2, 3, 4, 5)
    frozen_blocks: int = 0
    anchor_sizes: tuple[int, ...] = (32, 64, 128, 256, 512)
    canonical_box: int = 224
    rpn_nms: float = 0.65
    rpn_train: tuple[int, int] = (2000, 1000)
    rpn_test: tuple[int, int] = (1000, 1000)
    rpn_batch: int = 256
    box_width: int = 1024
    box_batch: int = 512
    mask_width: int = 256
    mask_convs: int = 4
    score_threshold: float = 0.0
    box_nms: float = 0.5
    max_detections: int = 100
    test_short_side: int = 800
    test_max_side: int = 1333

    def __post_init__(self) -> None:
        """Check all values: they may come from an untrusted file."""
        check(self, "network", NETWORK_RANGES)
        first, count = self.levels[0] if self.levels else 0, len(self.levels)
        if not count or self.levels != tuple(range(first, first + count)):
            raise ConfigError(
                f"The network's levels must follow each other, such as (3, 4, 5); they are {self.levels}."
            )
        if len(self.anchor_sizes) != count + 1:
            raise ConfigError(
                f"The network needs an anchor size for each of the {count + 1} levels of its pyramid, one more than "
                f"levels; it has {len(self.anchor_sizes)}."
            )

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> NetworkConfig:
        """The inverse of `to_dict`.

        Raises:
            ConfigError: A field is unknown, or a value cannot be used.
        """
        known = [f.name for f in fields(cls)]
        if not isinstance(values, dict) or set(values) - set(known):
            raise ConfigError(f"This is not the configuration of a network; its fields are: {', '.join(known)}.")
        plain: dict[str, Any] = {name: tuple(v) if isinstance(v, list) else v for name, v in values.items()}
        return cls(**plain)


LIGHT = NetworkConfig(
    backbone="efficientnet_lite0",
    channels=96,
    pyramid_norm=False,
    freeze_norm=True,
    levels=(3, 4, 5),
    frozen_blocks=2,
    anchor_sizes=(32, 64, 128, 256),
    canonical_box=160,
    rpn_train=(600, 300),
    rpn_test=(500, 200),
    box_width=384,
    box_batch=96,
    mask_width=96,
    mask_convs=3,
    test_short_side=352,
    test_max_side=576,
)
"""The network of the shipped `detector_light.safetensors`, on EfficientNet-Lite0: for two processor cores."""
