"""Every number of the detector and of its training: what a network is made of, and how a recipe trains it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, fields
from typing import Any, Literal

from cuts3d.errors import ConfigError


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkConfig:
    """A class-agnostic Cascade Mask R-CNN; travels with its weights. The defaults are detectron2's R50-FPN (CutLER).

    Attributes:
        backbone: `resnet50`, or `efficientnet_lite0` (small).
        channels: Width of the feature pyramid and of the RPN.
        pyramid_norm: Batch norm in the pyramid.
        freeze_norm: Keep the backbone's batch norms as they are (small batches).
        levels: Levels of the backbone that the pyramid takes, as powers of two of their stride; it adds a coarser one.
        frozen_blocks: First blocks of the backbone that are not trained, and with them its stem; 0: all is trained.
        anchor_sizes: Side of the anchors in pixels, one a level of the pyramid.
        canonical_box: Side of a box that is read at stride 16; larger ones are read coarser.
        rpn_nms: IoU above which a proposal yields to a better one of its level.
        rpn_train: Proposals kept in training, before and after NMS.
        rpn_test: The same at test.
        rpn_batch: Anchors of a photo that the RPN's loss looks at.
        box_width: Width of the two layers of each stage's box head.
        box_batch: Proposals of a photo that the cascade's losses look at.
        mask_width: Width of the mask head.
        mask_convs: Its convolutions at 14×14.
        score_threshold: Least score of a detection.
        box_nms: IoU above which a detection yields to a better one.
        max_detections: Most detections of a photo.
        test_short_side: Shorter side of the photo at test, in pixels.
        test_max_side: Its longer side at most.
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

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return dataclasses.asdict(self)

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> NetworkConfig:
        """The inverse of `to_dict`.

        Raises:
            ConfigError: A value is of a kind that no network has.
        """
        return cls(**_checked(cls, values))


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
"""The light network: EfficientNet-Lite0, for two cores; `assets/weights/detector_light.safetensors` is one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How a network is trained (method 1.8).

    Attributes:
        network: What is trained.
        iterations: Optimiser steps.
        batch: Photos of a step, over all processes.
        optimizer: `sgd` (momentum 0.9) or `adamw`.
        lr: Learning rate after the warm-up.
        lr_steps: Shares of the iterations, in (0, 1), at which it falls.
        lr_gamma: What it is multiplied by there.
        warmup: Steps over which it rises from a thousandth.
        weight_decay: Of all weights but norms and biases.
        clip_norm: Largest norm of the gradient.
        short_sides: Shorter side of a training photo: one of these, drawn anew each time.
        max_side: Longer side at most.
        flip: Chance of a mirrored photo.
        min_score: Pseudo-labels below this score are left out.
        top_labels: Most pseudo-labels of a photo, the best scored.
        copy_paste: Chance that objects of another photo of the batch are pasted in.
        paste_select: Paste confident masks only: those of the better half of all by mean confidence.
        paste_blend: Blend what is pasted by its spatial confidence.
        mask_loss: `confidence`: the soft target loss by spatial confidence; `plain`: binary cross-entropy.
        drop_loss: DropLoss: do not punish proposals that meet no pseudo-label. Off in self-training.
        score_loss: CuVLER's soft loss: all losses of a label are weighted by its score.
        ema: Decay of a running mean of the weights that is what is saved; None: none.
        bf16: Forward pass in bfloat16.
        seed: Of everything random.
        checkpoint_every: Steps between checkpoints to go on from.
        workers: Processes that load photos.
    """

    network: NetworkConfig
    iterations: int
    batch: int
    optimizer: Literal["sgd", "adamw"] = "sgd"
    lr: float = 0.01
    lr_steps: tuple[float, ...] = (0.5,)
    lr_gamma: float = 0.02
    warmup: int = 1000
    weight_decay: float = 5e-5
    clip_norm: float = 1.0
    short_sides: tuple[int, ...] = (240, 320, 480, 640, 672, 704, 736, 768, 800, 1024)
    max_side: int = 1333
    flip: float = 0.5
    min_score: float = 0.0
    top_labels: int = 100
    copy_paste: float = 1.0
    paste_select: bool = True
    paste_blend: bool = True
    mask_loss: Literal["confidence", "plain"] = "confidence"
    drop_loss: bool = True
    score_loss: bool = False
    ema: float | None = None
    bf16: bool = False
    seed: int = 0
    checkpoint_every: int = 1000
    workers: int = 2

    def replace(self, **values: Any) -> Recipe:
        """A copy with some fields changed.

        Raises:
            ConfigError: A name is unknown.
        """
        unknown = set(values) - {f.name for f in fields(self)}
        if unknown:
            raise ConfigError(f"Unknown recipe fields: {', '.join(sorted(unknown))}.")
        return dataclasses.replace(self, **values)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return dataclasses.asdict(self)


def _checked(kind: type[NetworkConfig], values: dict[str, Any]) -> dict[str, Any]:
    known = {f.name: getattr(kind(), f.name) for f in fields(kind)}
    if not isinstance(values, dict) or set(values) - set(known):
        raise ConfigError(f"This is no description of a network; its fields are: {', '.join(known)}.")
    checked = {}
    for name, value in values.items():
        default = known[name]
        new = tuple(value) if isinstance(default, tuple) and isinstance(value, list | tuple) else value
        if name == "backbone" and new not in ("resnet50", "efficientnet_lite0"):
            raise ConfigError(f"Unknown backbone {new!r}; choose resnet50 or efficientnet_lite0.")
        number = isinstance(default, float) and isinstance(new, int) and not isinstance(new, bool)
        if type(new) is not type(default) and not number:
            raise ConfigError(f"The network's '{name}' must be like {default!r}; it is {value!r}.")
        if isinstance(new, tuple) and not all(type(x) is int for x in new):
            raise ConfigError(f"The network's '{name}' must be whole numbers; it is {value!r}.")
        checked[name] = new
    return checked
