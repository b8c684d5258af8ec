"""Checkpoints of published networks: their tensors under our names, either all of them or an error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import nn

from cuts3d.weights.source import wrong_checkpoint

State = Mapping[str, torch.Tensor]

_PER_KIND = 2  # tensors of each kind that an error names first
_NAMED = 3 * _PER_KIND


def rename_tensors(state: State, prefixes: Mapping[str, str]) -> dict[str, torch.Tensor]:
    """Tensors under new names.

    Args:
        state: Tensors by name.
        prefixes: New prefix by old prefix. No old prefix starts with another one. Other names stay as they are.
    """
    renamed: dict[str, torch.Tensor] = {}
    for name, tensor in state.items():
        old = next((p for p in prefixes if name.startswith(p)), "")
        renamed[prefixes[old] + name.removeprefix(old) if old else name] = tensor
    return renamed


def mismatches(wanted: State, state: State) -> list[str]:
    """Differences of two states in names and shapes, each a short phrase; the first two of every kind come first."""
    kinds = (
        [f"'{k}' is missing" for k in wanted if k not in state],
        [f"'{k}' is unknown" for k in state if k not in wanted],
        [
            f"'{k}' is {tuple(state[k].shape)} instead of {tuple(v.shape)}"
            for k, v in wanted.items()
            if k in state and state[k].shape != v.shape
        ],
    )
    return [p for kind in kinds for p in kind[:_PER_KIND]] + [p for kind in kinds for p in kind[_PER_KIND:]]


def refuse_mismatches(found: Sequence[str], *, label: str, title: str) -> None:
    """Raise the error that names the first mismatches.

    Args:
        found: Phrases, see `mismatches`.
        label: Name of the checkpoint, see `WeightSource.label`.
        title: What it should be a checkpoint of.

    Raises:
        WeightsUnavailableError: There is a mismatch.
    """
    if found:
        more = f" and {len(found) - _NAMED} more" if len(found) > _NAMED else ""
        raise wrong_checkpoint(label, title, "; ".join(found[:_NAMED]) + more)


def load_strictly(
    network: nn.Module,
    state: State,
    *,
    label: str,
    title: str,
    prefixes: Mapping[str, str] | None = None,
    unused: tuple[str, ...] = (),
) -> None:
    """Load a checkpoint's tensors into a network, and leave it in evaluation mode without gradients.

    Args:
        network: Changed in place.
        state: Tensors under the checkpoint's names.
        label: Name of the checkpoint, for the error.
        title: What it should be a checkpoint of, for the error.
        prefixes: Our prefix by the checkpoint's prefix, one to one.
        unused: Prefixes of tensors that inference does not need; they are dropped.

    Raises:
        WeightsUnavailableError: A tensor is missing, unknown or of another shape; it is named as in the checkpoint.
    """
    prefixes = prefixes or {}
    used = {k: v for k, v in state.items() if not k.startswith(unused)}
    wanted = rename_tensors(network.state_dict(), {ours: theirs for theirs, ours in prefixes.items()})
    refuse_mismatches(mismatches(wanted, used), label=label, title=title)
    network.load_state_dict(rename_tensors(used, prefixes), strict=True)
    network.eval().requires_grad_(False)
