"""Compressed weights on disk: half precision, or eight bits with a scale per row."""

from __future__ import annotations

from typing import Literal

import torch
from torch import Tensor

Storage = Literal["float32", "float16", "int8"]
SCALE = "::scale"  # suffix of a tensor's name: the factors of its rows of whole numbers
LARGEST = 127


def packed(state: dict[str, Tensor], storage: Storage) -> dict[str, Tensor]:
    """Compress a state dict for a file; the result is on the CPU.

    Args:
        state: Weights by name.
        storage: `int8` rounds each row (first axis) of a matrix or kernel to 255 steps and keeps vectors in half
            precision.
    """
    out: dict[str, Tensor] = {}
    for name, weights in state.items():
        value = weights.detach().cpu()
        if storage == "float32" or not value.is_floating_point():
            out[name] = value
        elif storage == "float16" or value.ndim < 2:
            out[name] = value.half()
        else:
            rows = value.float().flatten(1)
            scale = rows.abs().amax(dim=1).clamp(min=torch.finfo(torch.float32).tiny) / LARGEST
            out[name] = (rows / scale[:, None]).round().to(torch.int8).view(value.shape)
            out[name + SCALE] = scale
    return out


def unpacked(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The inverse of `packed`: weights in float32.

    Raises:
        ValueError: A scale does not fit the tensor that it belongs to.
    """
    out: dict[str, Tensor] = {}
    for name, value in state.items():
        if name.endswith(SCALE):
            continue
        scale = state.get(name + SCALE)
        if scale is None:
            out[name] = value.float() if value.is_floating_point() else value
        elif value.ndim < 2 or scale.shape != value.shape[:1]:
            raise ValueError(f"the scale of '{name}' does not fit it")
        else:
            out[name] = (value.float().flatten(1) * scale.float()[:, None]).view(value.shape)
    return out
