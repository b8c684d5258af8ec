"""The place for the one training that may run on the page at a time."""

from __future__ import annotations

import contextvars
import threading

import numpy as np

from ui.session.page_training import PageTraining


class TrainingSlot:
    """Runs one training at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._current: PageTraining | None = None

    @property
    def current(self) -> PageTraining | None:
        """The running training."""
        with self._lock:
            return self._current

    def start(self, training: PageTraining) -> PageTraining | None:
        """Start a training in a thread; if another one is running, return that one instead."""
        with self._lock:
            if self._current is not None:
                return self._current
            self._current = training
        context = contextvars.copy_context()  # a lent GPU needs to know the visitor
        threading.Thread(target=context.run, args=(self._run, training), daemon=True).start()
        return None

    def stop(self, owner: str) -> bool:
        """End a visitor's training after the current step; returns whether there was one."""
        training = self.current
        if training is None or training.settings.owner != owner:
            return False
        training.stop.set()
        return True

    def _run(self, training: PageTraining) -> None:
        try:
            training.run()
        finally:
            with self._lock:
                self._current = None


TRAINING_SLOT = TrainingSlot()


def seconds_left(training: PageTraining) -> float | None:
    """Estimated duration of the remaining steps; None before the third step."""
    now = training.progress
    last = now.seconds[-20:]
    return float(np.mean(last)) * (training.settings.steps - len(now.losses)) if len(last) > 2 else None
