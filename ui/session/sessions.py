"""Open photos on the server, one per visitor. Their number is bounded; the least recently used is closed first."""

from __future__ import annotations

import itertools
import threading
import time
from collections import Counter, OrderedDict
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cuts3d.detector.config import DEFAULT_SCORE
from cuts3d.run.explorer import Explorer
from cuts3d.types import DepthKind, DepthMap
from ui.draw.picture import Picture
from ui.session.answers import next_step
from ui.session.detectors import PageDetector, PhotoDetections

MAX_OPEN = 16  # about 80 MB each at 34×34 patches, 300 MB at 60×60: 5 GB at most, and two cores serve no more
MAX_PIXELS = 260_000_000  # of all open photos together, three bytes each
MAX_IDLE = 3600.0  # seconds
MAX_SOURCES = 500


@dataclass(frozen=True, slots=True)
class Source:
    """Where a visitor's photo comes from; a closed photo is opened again from it.

    Attributes:
        title: Name of the photo on the page.
        example: Name of an example, or None.
        path: Uploaded photo, or None.
        depth: Uploaded depth map, or None.
        depth_kind: What the values of the depth map mean.
    """

    title: str
    example: str | None = None
    path: str | None = None
    depth: str | None = None
    depth_kind: DepthKind = "relative"

    @property
    def file_name(self) -> str:
        """Name of the photo in files."""
        return self.title if self.path is None else Path(self.path).name


@dataclass(frozen=True, slots=True)
class View:
    """What a visitor chose to look at.

    Attributes:
        tab: Id of the active tab.
        patch: Chosen patch (row, column) on the grid, or None until there is a grid.
        instance: Index of the chosen instance among those that are shown, from 0.
        compared: Names of the two pictures under the comparison slider.
        baseline: Name of the baseline that our masks are compared with.
        threshold: Lowest score of the detections that are shown, in [0, 1].
    """

    tab: str = "pipeline"
    patch: tuple[int, int] | None = None
    instance: int = 0
    compared: tuple[str, str] = ("photo", "masks")
    baseline: str = "maskcut"
    threshold: float = DEFAULT_SCORE

    def of_next_photo(self) -> View:
        """The same view of another photo, where no patch and no instance is chosen yet."""
        return replace(self, patch=None, instance=0)


@dataclass(frozen=True, slots=True, eq=False)
class Drawn:
    """What the page shows of an open photo.

    Attributes:
        keys: What each output was last drawn from, by the output's name.
        pictures: The pictures on the page, by name.
    """

    keys: dict[str, tuple[Any, ...]] = field(default_factory=dict)
    pictures: dict[str, Picture] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Detections:
    """What detectors found in an open photo.

    Attributes:
        own: The visitor's own checkpoint, or None.
        found: Detections by the detector's key.
    """

    own: PageDetector | None = None
    found: dict[str, PhotoDetections] = field(default_factory=dict)

    def use_own(self, detector: PageDetector | None) -> None:
        """Replace the visitor's own checkpoint; the earlier one and its detections are freed."""
        if self.own is not None:
            self.found.pop(self.own.key, None)
        self.own = detector


class Clock:
    """Measures what the parts of a run cost.

    Attributes:
        costs: One text for each part of the last run.
    """

    def __init__(self) -> None:
        self.costs: list[str] = []
        self._start, self._calls = 0.0, Counter[str]()

    def start(self, explorer: Explorer) -> None:
        """Forget the last run and begin to measure a new one."""
        self.costs.clear()
        self.read(explorer)

    def read(self, explorer: Explorer) -> tuple[float, list[str]]:
        """Seconds since the last reading, and the stages that were computed since then."""
        now, calls = time.perf_counter(), explorer.calls.copy()
        spent = (now - self._start, list((calls - self._calls).keys()))
        self._start, self._calls = now, calls
        return spent


class Tickets:
    """Numbers of the requests of one visitor: only the newest request may go on.

    Attributes:
        newest: Number of the newest request; 0 before the first.
        over: Whether the visitor has opened another photo since; then no answer about this one is shown.
    """

    def __init__(self) -> None:
        self.newest, self.over = 0, False
        self._numbers = itertools.count(1)

    def take(self) -> int:
        """Number of a new request; older requests stop."""
        self.newest = next(self._numbers)
        return self.newest

    def is_newest(self, ticket: int) -> bool:
        """Whether no newer request has come."""
        return ticket == self.newest


@dataclass(slots=True, eq=False)
class Session:
    """One visitor's open photo.

    Attributes:
        explorer: The photo and the results of its stages.
        source: Where the photo came from.
        own_depth: The photo's own depth map, in use or not.
        view: What the visitor chose to look at.
        drawn: What the page shows.
        detections: What detectors found.
        lock: Held while a stage runs or the page is drawn.
        used: When the photo was last asked for, in seconds of `time.monotonic`.
        clock: Measures what a run costs.
        tickets: Numbers of the visitor's requests.
    """

    explorer: Explorer
    source: Source
    own_depth: DepthMap | None = None
    view: View = View()
    drawn: Drawn = field(default_factory=Drawn)
    detections: Detections = field(default_factory=Detections)
    lock: threading.Lock = field(default_factory=threading.Lock)
    used: float = field(default_factory=time.monotonic)
    clock: Clock = field(default_factory=Clock)
    tickets: Tickets = field(default_factory=Tickets)

    def step(self) -> int:
        """Step of an update that shows this photo as it is now; 0 where another photo replaced it.

        Call it only with the lock held.
        """
        return 0 if self.tickets.over else next_step()

    def look(self, **changes: Any) -> None:
        """Change the view; call it only with the lock held."""
        self.view = replace(self.view, **changes)


class Sessions:
    """Bounded store of the visitors' open photos, and of the sources of closed ones."""

    def __init__(self, capacity: int = MAX_OPEN) -> None:
        self.capacity = capacity
        self._open: OrderedDict[str, Session] = OrderedDict()
        self._sources: OrderedDict[str, Source] = OrderedDict()
        self._tabs: OrderedDict[str, str] = OrderedDict()
        self._lock = threading.Lock()

    def put(self, visitor: str, session: Session) -> None:
        """Keep a visitor's photo; it replaces an earlier one."""
        with self._lock:
            old = self._open.get(visitor)
            if old is not None and old is not session:
                old.tickets.over = True
            self._open[visitor] = session
            self._open.move_to_end(visitor)
            self._sources[visitor] = session.source
            self._sources.move_to_end(visitor)
            oldest_allowed = time.monotonic() - MAX_IDLE
            while self._too_many() or next(iter(self._open.values())).used < oldest_allowed:
                self._open.popitem(last=False)
            while len(self._sources) > MAX_SOURCES:
                self._sources.popitem(last=False)

    def _too_many(self) -> bool:
        pixels = sum(session.explorer.photo.size // 3 for session in self._open.values())
        return len(self._open) > self.capacity or (pixels > MAX_PIXELS and len(self._open) > 1)

    def get(self, visitor: str) -> Session | None:
        """The visitor's open photo; None where none was opened or it has been closed."""
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

    def remember_tab(self, visitor: str, tab: str) -> None:
        """Keep which tab is active, also while no photo is open."""
        with self._lock:
            self._tabs[visitor] = tab
            self._tabs.move_to_end(visitor)
            while len(self._tabs) > MAX_SOURCES:
                self._tabs.popitem(last=False)

    def first_view(self, visitor: str) -> View:
        """What a visitor looks at when a photo opens and none was open before."""
        with self._lock:
            return View(tab=self._tabs.get(visitor, View().tab))

    def close(self, visitor: str) -> None:
        """Free a visitor's photo and forget its source."""
        with self._lock:
            self._open.pop(visitor, None)
            self._sources.pop(visitor, None)
            self._tabs.pop(visitor, None)
