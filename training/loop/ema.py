"""Averages of weights: over the steps of a training, and of two networks."""

from __future__ import annotations

import copy
from typing import TypeVar

import torch
from torch import Tensor, nn

Network = TypeVar("Network", bound=nn.Module)


@torch.no_grad()
def interpolated(before: Network, after: Network, fraction: float) -> Network:
    """A copy of `after` whose weights are interpolated with those of `before` (WiSE-FT, arXiv:2109.01903).

    Args:
        before: A network of the same architecture.
        after: The network that it was trained to.
        fraction: Weight of `before`, in [0, 1].
    """
    result, old = copy.deepcopy(after), before.state_dict()
    for name, value in result.state_dict().items():
        if value.is_floating_point():
            value.lerp_(old[name].to(value), fraction)
    return result


class Ema:
    """Exponential moving average of a network's weights; the decay is smaller at first, so that the start is forgotten.

    Args:
        network: The network.
        decay: Weight of the old average at each step, in (0, 1).
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.decay, self.updates = decay, 0
        self.values = {name: value.detach().clone() for name, value in network.state_dict().items()}

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Add the network's current weights to the average."""
        self.updates += 1
        decay = min(self.decay, self.updates / (9 + self.updates))
        for name, value in network.state_dict().items():
            if value.is_floating_point():
                self.values[name].lerp_(value, 1 - decay)
            else:
                self.values[name].copy_(value)

    def applied(self, network: nn.Module) -> nn.Module:
        """A copy of the network with the averaged weights."""
        averaged = copy.deepcopy(network)
        averaged.load_state_dict(self.values)
        return averaged

    def state(self) -> dict[str, Tensor | int]:
        """The content of a checkpoint."""
        return {"updates": self.updates, **self.values}

    def load(self, state: dict[str, Tensor | int]) -> None:
        """The inverse of `state`."""
        self.updates = int(state["updates"])
        for name, value in self.values.items():
            value.copy_(torch.as_tensor(state[name]))
