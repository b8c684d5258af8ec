"""The optimiser and its learning rate."""

from __future__ import annotations

import torch
from torch import nn

from training.recipes.recipe import Recipe

WARMUP_START = 0.001  # fraction of the learning rate at step 0


def learning_rate(recipe: Recipe, step: int) -> float:
    """Learning rate of a step, from 0: a linear warm-up, then reductions at `lr_steps`."""
    rise = min(1.0, WARMUP_START + (1 - WARMUP_START) * step / max(recipe.warmup, 1))
    falls = sum(step >= fraction * recipe.iterations for fraction in recipe.lr_steps)
    return recipe.lr * rise * recipe.lr_gamma**falls


def optimizer_for(network: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """SGD with momentum 0.9, or AdamW; without weight decay of norms and biases."""
    trained = [p for p in network.parameters() if p.requires_grad]
    groups = [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": recipe.weight_decay},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]
    if recipe.optimizer == "adamw":
        return torch.optim.AdamW(groups, lr=recipe.lr)
    return torch.optim.SGD(groups, lr=recipe.lr, momentum=0.9)
