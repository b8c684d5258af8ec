"""Open photos on the server, one per visitor: bounded, the least recently used is closed first."""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from cuts3d.run.explorer import Explorer
from cuts3d.types import DepthKind, DepthMap
from ui.draw.pictures import Picture
from ui.session.detectors import THRESHOLD, Detector, Found

MAX_OPEN = 16  # about 80 MB each at 34×34 patches, 300 MB at 60×60: 5 GB at most, and two cores serve no more
MAX_IDLE = 3600.0  # seconds
MAX_SOURCES = 500


@dataclass(frozen=True, slots=True)
class Source:
    """Where a visitor's photo comes from, so that a closed one can be opened again.

    Attributes:
        title: What it is called on the page.
        example: Name of an example, or None.
        path: Uploaded photo, or None.
        depth: Uploaded depth map, or None.
        depth_kind: What its values mean.
    """

    title: str
    example: str | None = None
    path: str | None = None
    depth: str | None = None
    depth_kind: DepthKind = "relative"


@dataclass(slots=True, eq=False)
class Session:
    """One visitor's open photo.

    Attributes:
        explorer: Keeps the stages.
        source: Where it came from.
        own_depth: The photo's own depth map, in use or not.
        patch: Chosen patch (row, column) on the grid, or None until there is a grid.
        instance: Place of the chosen instance in the order of cutting, from 0.
        tab: The tab in sight.
        compared: The two pictures under the slider.
        baseline: The method that ours is held against.
        own_detector: The visitor's own checkpoint.
        found: What each detector found in the photo, by the detector's key.
        threshold: Least score of the detections that are shown, in [0, 1].
        drawn: What was drawn last under each name: the objects it was drawn from.
        pictures: The pictures on the page, by name.
        lock: One run at a time.
        used: When it was last asked for.
        costs: What the parts of the last run took.
    """

    explorer: Explorer
    source: Source
    own_depth: DepthMap | None = None
    patch: tuple[int, int] | None = None
    instance: int = 0
    tab: str = "pipeline"
    compared: tuple[str, str] = ("photo", "masks")
    baseline: str = "maskcut"
    own_detector: Detector | None = None
    found: dict[str, Found] = field(default_factory=dict)
    threshold: float = THRESHOLD
    drawn: dict[str, Any] = field(default_factory=dict)
    pictures: dict[str, Picture] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)
    used: float = field(default_factory=time.monotonic)
    costs: list[str] = field(default_factory=list)
    _ticket: int = 0
    _tickets: Iterator[int] = field(default_factory=lambda: itertools.count(1))
    _started: float = 0.0
    _calls: Counter[str] = field(default_factory=Counter)

    @property
    def ticket(self) -> int:
        """The newest request's number."""
        return self._ticket

    def take_own(self, detector: Detector | None) -> None:
        """Put the visitor's own checkpoint in place of an earlier one, which is freed."""
        if self.own_detector is not None:
            self.found.pop(self.own_detector.key, None)
        self.own_detector = detector

    def start_clock(self) -> None:
        """Begin to count what a run costs."""
        self.costs.clear()
        self._started, self._calls = time.perf_counter(), self.explorer.calls.copy()

    def read_clock(self) -> tuple[float, list[str]]:
        """Seconds since the clock was read last, and the stages computed since; it starts anew."""
        now, calls = time.perf_counter(), self.explorer.calls.copy()
        spent = (now - self._started, list((calls - self._calls).keys()))
        self._started, self._calls = now, calls
        return spent

    def take_ticket(self) -> int:
        """A newer request's number; whoever holds an older one stops."""
        self._ticket = next(self._tickets)
        return self._ticket

    def is_newest(self, ticket: int) -> bool:
        """Whether no newer request has come."""
        return ticket == self._ticket


class Sessions:
    """Bounded store of open photos by visitor, and of what the closed ones were."""

    def __init__(self, capacity: int = MAX_OPEN) -> None:
        self.capacity = capacity
        self._open: OrderedDict[str, Session] = OrderedDict()
        self._sources: OrderedDict[str, Source] = OrderedDict()
        self._lock = threading.Lock()

    def put(self, visitor: str, session: Session) -> None:
        """Keep a visitor's photo in place of an earlier one."""
        with self._lock:
            self._open[visitor] = session
            self._open.move_to_end(visitor)
            self._sources[visitor] = session.source
            self._sources.move_to_end(visitor)
            oldest_allowed = time.monotonic() - MAX_IDLE
            while len(self._open) > self.capacity or next(iter(self._open.values())).used < oldest_allowed:
                self._open.popitem(last=False)
            while len(self._sources) > MAX_SOURCES:
                self._sources.popitem(last=False)

    def get(self, visitor: str) -> Session | None:
        """The visitor's open photo, or None where there is none or it has been closed."""
        with self._lock:
            session = self._open.get(visitor)
            if session is not None:
                session.used = time.monotonic()
                self._open.move_to_end(visitor)
            return session

    def source(self, visitor: str) -> Source | None:
        """Where the visitor's last photo came from, open or closed."""
        with self._lock:
            return self._sources.get(visitor)

    def close(self, visitor: str) -> None:
        """Free a visitor's photo and forget where it came from."""
        with self._lock:
            self._open.pop(visitor, None)
            self._sources.pop(visitor, None)
