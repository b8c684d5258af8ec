"""The order of a visitor's answers: nothing older than what the page shows is sent to it.

Two events of one visitor run side by side, and Gradio prepares their answers in threads, so an answer may overtake
another one. Therefore every update has a step: a number that is taken when the state that it shows is read. An answer
is sent while no other answer of the visitor is, and without the outputs of which the page shows a newer step.
"""

from __future__ import annotations

import itertools
import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

STEP = "step"  # in an update: the step of all its outputs
PATIENCE = 10.0  # seconds for which an answer waits for the one before it; that of a broken connection never ends
_numbers = itertools.count(1)


def next_step() -> int:
    """A new step, larger than all before it. Take it with the lock of the state held that the update shows."""
    return next(_numbers)


class Answers:
    """Sends the answers of one visitor."""

    def __init__(self) -> None:
        self._turn = threading.Lock()
        self._shown: dict[str, int] = {}

    @contextmanager
    def sending(self, update: dict[str, Any], step: int) -> Iterator[dict[str, Any]]:
        """Send an answer inside the `with` block: no other answer of the visitor is sent meanwhile.

        Args:
            update: New values by output name; its own `STEP`, where it has one, counts.
            step: The step of an update without one.

        Yields:
            The values that are newer than what the page shows.
        """
        mine = self._turn.acquire(timeout=PATIENCE)
        try:
            step = update.get(STEP, step)
            newer = {n: value for n, value in update.items() if n != STEP and step >= self._shown.get(n, 0)}
            self.claim(newer, step)
            yield newer
        finally:
            if mine:
                self._turn.release()

    def claim(self, outputs: Iterator[str] | dict[str, Any] | tuple[str, ...], step: int) -> None:
        """Note that the page shows these outputs as of a step, because they are sent or the visitor set them."""
        for name in outputs:
            self._shown[name] = max(step, self._shown.get(name, 0))


class AllAnswers:
    """The answers of all visitors; of too many visitors, those who were away longest are forgotten."""

    def __init__(self, capacity: int = 2000) -> None:
        self.capacity = capacity
        self._lock = threading.Lock()
        self._answers: OrderedDict[str, Answers] = OrderedDict()

    def begin(self, visitor: str) -> Answers:
        """Know a visitor whose page was loaded."""
        with self._lock:
            answers = self._answers[visitor] = Answers()
            self._answers.move_to_end(visitor)
            while len(self._answers) > self.capacity:
                self._answers.popitem(last=False)
            return answers

    def of(self, visitor: str) -> Answers | None:
        """The answers of one visitor; None where the server was restarted since, or the connection broke."""
        with self._lock:
            if visitor in self._answers:
                self._answers.move_to_end(visitor)
            return self._answers.get(visitor)

    def forget(self, visitor: str) -> None:
        """Free what is known of a visitor who left."""
        with self._lock:
            self._answers.pop(visitor, None)
