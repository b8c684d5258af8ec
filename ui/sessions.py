"""Open photos on the server: bounded, the least recently used is closed first. The page holds only an id."""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from dataclasses import dataclass, field

from cuts3d.explorer import Explorer
from cuts3d.stages import StageResult

MAX_OPEN = 6  # about 60 MB each at 34×34 patches


@dataclass(slots=True, eq=False)
class Session:
    """One visitor's open photo.

    Attributes:
        explorer: Keeps the stages.
        title: What the photo is called on the page.
        patch: Clicked patch (row, column) on the grid, or None until the first click.
        last: The latest result of every stage (and index).
        lock: One run at a time.
    """

    explorer: Explorer
    title: str
    patch: tuple[int, int] | None = None
    last: dict[tuple[str, int], StageResult] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)


class Sessions:
    """Bounded store of open photos."""

    def __init__(self, capacity: int = MAX_OPEN) -> None:
        self.capacity = capacity
        self._open: OrderedDict[str, Session] = OrderedDict()
        self._lock = threading.Lock()

    def add(self, session: Session) -> str:
        """Keep a session; returns its unguessable id."""
        key = secrets.token_urlsafe(16)
        with self._lock:
            self._open[key] = session
            while len(self._open) > self.capacity:
                self._open.popitem(last=False)
        return key

    def get(self, key: str | None) -> Session | None:
        """The session, or None where it was never open or has been closed."""
        with self._lock:
            if key is None or key not in self._open:
                return None
            self._open.move_to_end(key)
            return self._open[key]

    def close(self, key: str | None) -> None:
        """Free a session."""
        with self._lock:
            self._open.pop(key or "", None)
