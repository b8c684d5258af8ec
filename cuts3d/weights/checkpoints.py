"""Checkpoints of other people's networks: their tensors under our names, all of them or a clear error."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import nn

from cuts3d.errors import WeightsUnavailableError
from cuts3d.weights.folders import WEIGHTS_VARIABLE

State = Mapping[str, torch.Tensor]

_NAMED = 2  # tensors of each kind that an error names


def renamed(state: State, prefixes: Mapping[str, str]) -> dict[str, torch.Tensor]:
    """Tensors under new names.

    Args:
        state: Tensors by name.
        prefixes: New prefix by old; no key is the prefix of another. A name that none fits stays as it is.
    """
    found: dict[str, torch.Tensor] = {}
    for name, tensor in state.items():
        old = next((p for p in prefixes if name.startswith(p)), "")
        found[prefixes[old] + name.removeprefix(old) if old else name] = tensor
    return found


def mismatches(wanted: State, state: State) -> list[str]:
    """What keeps tensors from being the wanted ones, as short phrases, the first of every kind in front."""
    kinds = (
        [f"'{k}' is missing" for k in wanted if k not in state],
        [f"'{k}' is unknown" for k in state if k not in wanted],
        [
            f"'{k}' is {tuple(state[k].shape)} instead of {tuple(v.shape)}"
            for k, v in wanted.items()
            if k in state and state[k].shape != v.shape
        ],
    )
    return [p for kind in kinds for p in kind[:_NAMED]] + [p for kind in kinds for p in kind[_NAMED:]]


def load_strictly(
    network: nn.Module,
    state: State,
    prefixes: Mapping[str, str],
    *,
    unused: tuple[str, ...],
    source: str,
    title: str,
) -> None:
    """Put a checkpoint's tensors into our network, and leave it in evaluation mode without gradients.

    Args:
        network: Changed in place.
        state: Tensors under the checkpoint's names.
        prefixes: Our prefix by the checkpoint's, one to one.
        unused: The checkpoint's prefixes of tensors that nothing reads in use; they are dropped.
        source: Where the tensors come from, for the error.
        title: What they should be, for the error.

    Raises:
        WeightsUnavailableError: A tensor is missing, unknown or of another shape, named as in the checkpoint.
    """
    used = {k: v for k, v in state.items() if not k.startswith(unused)}
    wanted = renamed(network.state_dict(), {ours: theirs for theirs, ours in prefixes.items()})
    wrong = mismatches(wanted, used)
    if wrong:
        first = 3 * _NAMED
        more = f" and {len(wrong) - first} more" if len(wrong) > first else ""
        raise WeightsUnavailableError(
            f"{source} is not a checkpoint of {title}: {'; '.join(wrong[:first])}{more}. "
            f"Put the right checkpoint into the folder ${WEIGHTS_VARIABLE}, or choose the embedded depth."
        )
    network.load_state_dict(renamed(used, prefixes), strict=True)
    network.eval().requires_grad_(False)
