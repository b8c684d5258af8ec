"""Updates of a tab: only the outputs that changed since the tab was last drawn."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cuts3d.types import LocalCut, Segmentation, SpatialConfidence
from ui.draw.picture import Picture
from ui.draw.render import to_html
from ui.session.sessions import Session

Update = dict[str, Any]
PLAIN = (int, float, str, bool, tuple, type(None))


class Drawing:
    """Collects an update for one visitor.

    Attributes:
        session: The visitor's open photo.
        results: Stage results of the last run, by stage and index.
        update: New values by output name.
    """

    def __init__(self, session: Session) -> None:
        self.session = session
        self.results = session.explorer.results
        self.update: Update = {}

    def put(self, name: str, key: tuple[Any, ...], make: Callable[[], Any]) -> None:
        """Set an output, unless it was last made from the same inputs.

        Args:
            name: Name of the output.
            key: Inputs of the output; arrays and records are compared by identity, numbers and texts by value.
            make: Computes the new value.
        """
        if _same(self.session.drawn.keys.get(name), key):
            return
        self.update[name] = make()
        self.session.drawn.keys[name] = key

    def picture(self, name: str, key: tuple[Any, ...], make: Callable[[], Picture]) -> None:
        """Set a picture, and keep it for the comparison slider and the files."""

        def render() -> str:
            self.session.drawn.pictures[name] = make()
            return to_html(self.session.drawn.pictures[name], self.session.explorer.image.shape)

        self.put(name, key, render)

    def result(self, stage: str, index: int = 0) -> Any:
        """A stage's result, or None where it is not there yet."""
        return self.results.get((stage, index))

    @property
    def shown(self) -> Segmentation | None:
        """The newest segmentation: the final one, or that before the CRF; None before there is any."""
        return self.result("segmentation") or self.result("coarse")

    @property
    def cuts(self) -> list[tuple[LocalCut, SpatialConfidence]]:
        """The cuts of the shown instances with their confidence, by number; during a run, all that are done."""
        if self.shown is not None:
            return list(zip((i.cut for i in self.shown.instances), self.shown.confidences, strict=True))
        found = []
        while ("confidence", len(found)) in self.results:
            found.append((self.results["local_cut", len(found)], self.results["confidence", len(found)]))
        return found

    @property
    def chosen(self) -> int:
        """Place of the chosen instance, moved into the range of what was found."""
        return max(0, min(self.session.view.instance, len(self.cuts) - 1))

    @property
    def ncut(self) -> int:
        """The NCut that the chosen instance was cut from."""
        return self.shown.instances[self.chosen].ncut if self.shown is not None and self.cuts else 0

    @property
    def cut_index(self) -> int:
        """Index of the chosen instance's cut among all cuts of the run."""
        return self.shown.instances[self.chosen].number - 1 if self.shown is not None and self.cuts else self.chosen


def _same(old: tuple[Any, ...] | None, new: tuple[Any, ...]) -> bool:
    if old is None or len(old) != len(new):
        return False
    return all(
        a is b or (isinstance(a, PLAIN) and isinstance(b, PLAIN) and a == b) for a, b in zip(old, new, strict=True)
    )
