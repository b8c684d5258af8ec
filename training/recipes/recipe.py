"""All parameters of a training."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, fields
from typing import Any, Literal

from cuts3d.detector.checks import Range, check
from cuts3d.detector.config import NetworkConfig
from cuts3d.errors import ConfigError

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
    "detection_score_range": (0, 1),
    "mix_before": (0, 1),
    "copy_paste": (0, 1),
    "ema": (0, 1),
    "seed": (0, 2**31 - 1),
    "checkpoint_every": (1, 10**9),
    "workers": (0, 256),
}
"""Allowed range of each number of a recipe."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """How a network is trained (method 1.8).

    Attributes:
        network: The network that is trained.
        iterations: Number of optimiser steps.
        batch: Photos per step, over all processes.
        optimizer: `sgd` (momentum 0.9) or `adamw`.
        lr: Learning rate after the warm-up.
        lr_steps: Fractions of the iterations, in (0, 1), at which the learning rate is reduced.
        lr_gamma: Factor of each reduction.
        warmup: Steps over which the learning rate rises from a thousandth.
        weight_decay: Weight decay of all weights except norms and biases.
        clip_norm: Largest norm of the gradient.
        short_sides: Shorter side of the training photos in pixels; one of these is drawn for each step.
        max_side: Upper limit of the longer side, in pixels.
        pad_to: Sides of a batch are padded to a multiple of this, itself a multiple of 32. A larger value gives fewer
            different shapes; on a GPU each new shape costs seconds, once (benchmarks/detector.md).
        flip: Probability that a photo is mirrored.
        min_score: Pseudo-labels below this score are left out.
        top_labels: Largest number of pseudo-labels of a photo; the best scored are kept.
        copy_paste: Probability that objects of another photo of the batch are pasted in.
        paste_select: Paste only masks whose mean confidence is at least the median of the dataset.
        paste_blend: Blend pasted objects by their spatial confidence.
        mask_loss: `confidence`: the soft target loss by spatial confidence; `plain`: binary cross-entropy.
        drop_loss: DropLoss: ignore the class loss of proposals that overlap no pseudo-label. Off in self-training.
        score_loss: CuVLER's soft loss: all losses of a label are weighted by its score.
        score_range: Scores that are mapped linearly to the weights 0 and 1 of this loss.
        detection_score_range: Scores of detections that self-training maps linearly to `score_range`.
        rank_detections: In self-training, rank detections by their distinctness too (`training.rank`).
        mix_before: After a round of self-training, interpolate its weights with those before it, which get this weight
            (WiSE-FT, arXiv:2109.01903); 0: no interpolation.
        ema: Decay of an exponential moving average of the weights, which is what is saved; None: no average.
        bf16: Forward pass in bfloat16.
        seed: Seed of everything random.
        checkpoint_every: Steps between the checkpoints that a resume starts from.
        workers: Number of processes that load photos.

    Raises:
        ConfigError: A value has the wrong type or is out of its range (`RECIPE_RANGES`).
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
    detection_score_range: tuple[float, float] = (0.0, 1.0)
    rank_detections: bool = False
    mix_before: float = 0.0
    ema: float | None = None
    bf16: bool = False
    seed: int = 0
    checkpoint_every: int = 1000
    workers: int = 2

    def __post_init__(self) -> None:
        """Check all values: a typing error should not be found after hours."""
        check(self, "recipe", RECIPE_RANGES)
        if not self.short_sides:
            raise ConfigError("The recipe's 'short_sides' needs at least one size, such as (480,).")
        for name, values in (("score_range", self.score_range), ("detection_score_range", self.detection_score_range)):
            if values[0] >= values[1]:
                raise ConfigError(f"The recipe's '{name}' must rise, such as (0.3, 0.55); it is {values}.")
        if self.pad_to % 32:
            raise ConfigError(f"The recipe's 'pad_to' must be a multiple of 32; it is {self.pad_to}.")

    @property
    def score_ranges(self) -> dict[str, tuple[float, float]]:
        """The two ranges that `merge_labels` maps between, by its argument names."""
        return {"detection_score_range": self.detection_score_range, "score_range": self.score_range}

    def replace(self, **values: Any) -> Recipe:
        """A copy with some fields changed.

        Raises:
            ConfigError: A name is unknown, or a value cannot be used.
        """
        unknown = set(values) - {f.name for f in fields(self)}
        if unknown:
            raise ConfigError(f"Unknown recipe fields: {', '.join(sorted(unknown))}.")
        return dataclasses.replace(self, **values)

    def to_dict(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return dataclasses.asdict(self)
