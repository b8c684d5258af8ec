"""Every number of the detector and of its training: what a network is made of, and how a recipe trains it."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, fields
from typing import Any, Literal

from cuts3d.errors import ConfigError
from training.checks import Range, check

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
"""What a number of a network, or each of several, must lie within; generous, yet no file can ask for all memory."""

RECIPE_RANGES: dict[str, Range] = {
    "iterations": (1, 10**9),
    "batch": (1, 65_536),
    "lr": (1e-12, 100),
    "lr_steps": (0, 1),
    "lr_gamma": (0, 1),
    "warmup": (0, 10**9),
    "weight_decay": (0, 10),
    "clip_norm": (1e-6, 1e6),
    "short_sides": (16, 4096),
    "max_side": (16, 8192),
    "pad_to": (32, 4096),
    "flip": (0, 1),
    "min_score": (0, 1),
    "top_labels": (1, 10_000),
    "score_range": (0, 1),
    "find_range": (0, 1),
    "mix_before": (0, 1),
    "copy_paste": (0, 1),
    "ema": (0, 1),
    "seed": (0, 2**31 - 1),
    "checkpoint_every": (1, 10**9),
    "workers": (0, 256),
}
"""The same of a recipe."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkConfig:
    """A class-agnostic Cascade Mask R-CNN; travels with its weights. The defaults are detectron2's R50-FPN (CutLER).

    Attributes:
        backbone: `resnet50`, or `efficientnet_lite0` (small).
        channels: Width of the feature pyramid and of the RPN.
        pyramid_norm: Batch norm in the pyramid.
        freeze_norm: Keep the statistics of the backbone's batch norms (small batches); scale and shift are trained.
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

    Raises:
        ConfigError: A value is of another kind or out of its range (`NETWORK_RANGES`), or two do not go together.
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
        """Check all values: a description may come with a file of anybody's, and is built from."""
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
            ConfigError: These are no values of a network.
        """
        known = [f.name for f in fields(cls)]
        if not isinstance(values, dict) or set(values) - set(known):
            raise ConfigError(f"This is no description of a network; its fields are: {', '.join(known)}.")
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
        pad_to: Sides of a batch are padded to a multiple of this, itself one of 32. More padding, but fewer shapes: on
            a GPU each new one costs seconds, once (benchmarks/detector.md).
        flip: Chance of a mirrored photo.
        min_score: Pseudo-labels below this score are left out.
        top_labels: Most pseudo-labels of a photo, the best scored.
        copy_paste: Chance that objects of another photo of the batch are pasted in.
        paste_select: Paste confident masks only: those of the better half of all by mean confidence.
        paste_blend: Blend what is pasted by its spatial confidence.
        mask_loss: `confidence`: the soft target loss by spatial confidence; `plain`: binary cross-entropy.
        drop_loss: DropLoss: do not punish proposals that meet no pseudo-label. Off in self-training.
        score_loss: CuVLER's soft loss: all losses of a label are weighted by its score.
        score_range: Scores that this loss counts as 0 and as 1; between them in proportion.
        find_range: The same of a detector's finds, which self-training brings to the scale of the labels before.
        rank_finds: Its finds are weighed by how far they stand out, too, before they become labels (`training.rank`).
        mix_before: Share of the weights before a round of self-training in those that it ends with (interpolation of
            weights, WiSE-FT, arXiv:2109.01903); 0: none.
        ema: Decay of a running mean of the weights that is what is saved; None: none.
        bf16: Forward pass in bfloat16.
        seed: Of everything random.
        checkpoint_every: Steps between checkpoints to go on from.
        workers: Processes that load photos.

    Raises:
        ConfigError: A value is of another kind or out of its range (`RECIPE_RANGES`).
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
    pad_to: int = 32
    flip: float = 0.5
    min_score: float = 0.0
    top_labels: int = 100
    copy_paste: float = 1.0
    paste_select: bool = True
    paste_blend: bool = True
    mask_loss: Literal["confidence", "plain"] = "confidence"
    drop_loss: bool = True
    score_loss: bool = False
    score_range: tuple[float, float] = (0.0, 1.0)
    find_range: tuple[float, float] = (0.0, 1.0)
    rank_finds: bool = False
    mix_before: float = 0.0
    ema: float | None = None
    bf16: bool = False
    seed: int = 0
    checkpoint_every: int = 1000
    workers: int = 2

    def __post_init__(self) -> None:
        """Check all values: a typing error should not cost hours."""
        check(self, "recipe", RECIPE_RANGES)
        if not self.short_sides:
            raise ConfigError("The recipe's 'short_sides' needs one size at least, such as (480,).")
        for name, values in (("score_range", self.score_range), ("find_range", self.find_range)):
            if values[0] >= values[1]:
                raise ConfigError(f"The recipe's '{name}' must rise, such as (0.3, 0.55); it is {values}.")
        if self.pad_to % 32:
            raise ConfigError(f"The recipe's 'pad_to' must be a multiple of 32; it is {self.pad_to}.")

    def replace(self, **values: Any) -> Recipe:
        """A copy with some fields changed.

        Raises:
            ConfigError: A name is unknown, or a value not one of a recipe.
        """
        unknown = set(values) - {f.name for f in fields(self)}
        if unknown:
            raise ConfigError(f"Unknown recipe fields: {', '.join(sorted(unknown))}.")
        return dataclasses.replace(self, **values)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return dataclasses.asdict(self)
