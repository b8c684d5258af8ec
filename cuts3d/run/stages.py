"""What a stage hands on: its name, its result, and how results are remembered."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, Protocol, TypeVar

Stage = Literal[
    "features",
    "depth",
    "importance",
    "affinity",
    "sharpened",
    "ncut",
    "tree",  # all candidates of the recursive mode
    "graph",
    "local_cut",
    "confidence",
    "coarse",  # the Segmentation before the CRF
    "crf",  # the photo's CRF, remembered but not yielded
    "refine",
    "segmentation",
    "baseline",
    "spectrum",
]
T = TypeVar("T")
Known = Mapping[tuple[Stage, Hashable], Any]  # results by stage and key


class Memo(Protocol):
    """Computes a stage, or returns what an equal key gave before."""

    def __call__(self, stage: Stage, key: Hashable, compute: Callable[[], T]) -> T:
        """Result of `compute()`, perhaps remembered."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class StageResult:
    """One finished stage.

    Attributes:
        stage: Its name.
        value: What it made.
        index: Which bipartition (`ncut`) or which cut (`graph` to `refine`) it belongs to; 0 before the iteration.
    """

    stage: Stage
    value: Any
    index: int = 0


def remembering(known: Known = MappingProxyType({})) -> Memo:
    """A memo that remembers all of one photo, and begins with what is known already.

    Args:
        known: Results by stage and key.
    """
    memory = dict(known)

    def memo(stage: Stage, key: Hashable, compute: Callable[[], T]) -> T:
        if (stage, key) not in memory:
            memory[stage, key] = compute()
        return memory[stage, key]

    return memo


def compute_always(stage: Stage, key: Hashable, compute: Callable[[], T]) -> T:
    """The memo that remembers nothing."""
    del stage, key
    return compute()
