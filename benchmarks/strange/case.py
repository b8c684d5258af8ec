"""One input, ready to be tried."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

Rng = np.random.Generator


@dataclasses.dataclass(frozen=True, slots=True)
class Case:
    """One input, and the call of the product that it is for.

    Attributes:
        words: What it is, for a fault's report.
        call: Gives the input to the product and checks what comes back; an `AssertionError` is a wrong result.
    """

    words: str
    call: Callable[[], Any]


Maker = Callable[[Rng, Path], Case]
"""Makes one case from a generator of random numbers; its files lie in the folder."""


def one_of(rng: Rng, choices: Any) -> Any:
    """One of a list, any of them as often as another."""
    return choices[int(rng.integers(len(choices)))]


def chance(rng: Rng, share: float) -> bool:
    """True in so many of all cases."""
    return bool(rng.random() < share)
