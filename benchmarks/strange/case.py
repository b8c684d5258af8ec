"""One untrusted input, ready to be tried."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Rng = np.random.Generator


@dataclasses.dataclass(frozen=True, slots=True)
class Case:
    """One input, and the call of the product that receives it.

    Attributes:
        description: What the input is, for the report of a fault.
        call: Calls the product with the input and checks the result; an `AssertionError` means a wrong result.
    """

    description: str
    call: Callable[[], Any]


Maker = Callable[[Rng, Path], Case]
"""Makes one case from a generator of random numbers; its files lie in the folder."""


def one_of(rng: Rng, choices: Any) -> Any:
    """An element of a list, each with the same probability."""
    return choices[int(rng.integers(len(choices)))]


def chance(rng: Rng, probability: float) -> bool:
    """True with a probability."""
    return bool(rng.random() < probability)
