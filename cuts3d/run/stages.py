"""What the pipeline yields: a finished stage, its name and its result."""

from __future__ import annotations

from collections.abc import Generator, Iterable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar

Stage = Literal[
    "features",
    "depth",
    "importance",
    "affinity",
    "sharpened",
    "ncut",
    "graph",
    "local_cut",
    "confidence",
    "coarse",  # the Segmentation before the CRF
    "refine",
    "segmentation",
]
T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class StageResult:
    """One finished stage.

    Attributes:
        stage: Its name.
        value: Its result.
        index: Which bipartition (`ncut`) or which cut (`graph` to `refine`) it belongs to; 0 before the search.
    """

    stage: Stage
    value: Any
    index: int = 0


def last_value(steps: Iterable[StageResult]) -> Any:
    """Run all stages; the result of the last one, which is the `Segmentation` of `run_pipeline`."""
    step: StageResult | None = None
    for step in steps:  # noqa: B007 - the last one is wanted
        pass
    assert step is not None
    return step.value


def returned(steps: Generator[StageResult, None, T]) -> T:
    """Run all stages of a generator; what it returns."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value
