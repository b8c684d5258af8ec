"""Server time from a slider's event to the masks, drawing included, at 34×34 patches and N = 1.

Every move sets a value that was not set before. The goal: 150 ms for τ_knn, T and k; 400 ms for β, σ and τ_ncut.
"""

from __future__ import annotations

import json
import statistics
import time

from ui import controls
from ui.events import looking, opening
from ui.session.examples import PHOTOS

MOVES = {
    "τ_knn": ("tau_knn", [0.02 + 0.013 * i for i in range(20)]),
    "T": ("num_cuts", list(range(2, 17))),
    "k": ("k_neighbors", list(range(8, 48, 3))),
    "β": ("beta", [0.03 + 0.047 * i for i in range(20)]),
    "σ": ("sigma", [0.7 + 0.41 * i for i in range(20)]),
    "τ_ncut": ("tau_ncut", [0.05 + 0.021 * i for i in range(20)]),
}
TABS = ("pipeline", "3d", "confidence", "instances", "methods", "export", "affinity", "ncut")
PHOTO = next(iter(PHOTOS))


def run() -> list[str]:
    start = time.perf_counter()
    list(opening.open_example("bench", PHOTO, controls.values_from({"max_instances": 1})))
    first = time.perf_counter() - start
    lines = [f"| a photo from upload to masks before the CRF, networks loading included | {1000 * first:.0f} ms |"]
    for label, (name, values) in MOVES.items():
        seconds, tabs = [], {}
        for index, value in enumerate(values):
            tab = TABS[index % len(TABS)]
            looking.show_tab("bench", tab)
            spent, size = _move({"max_instances": 1, name: value})
            seconds.append(spent)
            tabs[tab] = max(tabs.get(tab, 0.0), size / 1000)
        median, worst = statistics.median(seconds), max(seconds)
        sent = f"{min(tabs.values()):.0f} to {max(tabs.values()):.0f} kB"
        lines.append(f"| {label} | {1000 * median:.0f} ms, worst {1000 * worst:.0f} ms; {sent} sent |")
    return lines


def _move(params: dict[str, object]) -> tuple[float, int]:
    """Seconds of the whole answer, and its size as JSON."""
    start = time.perf_counter()
    updates = list(opening.change("bench", controls.values_from(params)))
    spent = time.perf_counter() - start
    return spent, sum(len(json.dumps(update, default=str)) for update in updates)
