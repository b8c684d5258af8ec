"""`StageResult`, which the pipeline yields: name, result and index of a stage."""

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
    """Result of one stage.

    Attributes:
        stage: Name of the stage.
        value: Result of the stage.
        index: Index of the bipartition (`ncut`) or of the cut (`graph` to `refine`); 0 for other stages.
    """

    stage: Stage
    value: Any
    index: int = 0


def last_value(steps: Iterable[StageResult]) -> Any:
    """Run all stages and return the result of the last one; for `run_pipeline`, this is the `Segmentation`."""
    step: StageResult | None = None
    for step in steps:  # noqa: B007 - the last one is used below
        pass
    assert step is not None
    return step.value


def returned(steps: Generator[StageResult, None, T]) -> T:
    """Run all stages of a generator and return its return value."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            return end.value
