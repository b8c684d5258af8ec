"""Copy a trained detector and its rounds into `cuts3d/data/`, with the report that the page shows.

python -m scripts.ship_detector --best 2 --labels figures.json --round runs/light=figures0.json \
    --round runs/self_trained/round1=figures1.json … --ablation "no use of confidence=figures.json" …

A run is a folder of `training.train`; figures are files that `python -m cuts3d evaluate --json` wrote.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

from cuts3d.detector.checkpoint import load_network, save_network
from training.loop.metrics import read_metrics
from training.loop.train import FINAL
from training.self_training.rounds import result

WEIGHTS = Path(__file__).resolve().parents[1] / "cuts3d" / "data"
NAME = "detector_light"
POINTS = 200  # largest number of points of a curve
FIGURES = ("ap", "ap50", "ap75", "ar1", "ar10", "ar100")


def main() -> None:
    """Write the best round in half precision and the rounds before it in eight bits; later ones are only reported."""
    options = _options()
    rounds = []
    for number, (run, figures) in enumerate(options.round):
        network, info = load_network(result(Path(run)))
        best = number == options.best
        name = NAME if best else f"{NAME}_round{number}"
        if number <= options.best:
            save_network(network, WEIGHTS / f"{name}.safetensors", info, storage="float16" if best else "int8")
        rounds.append({"name": f"round {number}", **curve(Path(run)), **measured(figures)})
    first = load_network(Path(options.round[0][0]) / FINAL)[1]
    report = {
        "rounds": rounds,
        "pseudo_labels": measured(options.labels),
        "photos": first["photos"],
        "recipe": options.recipe,
        "ablation": [{"name": name, **measured(figures)} for name, figures in options.ablation],
    }
    (WEIGHTS / f"{NAME}.json").write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")


def curve(run: Path) -> dict[str, list[float]]:
    """Mean loss over equal intervals of a run's steps."""
    rows = read_metrics(run)
    parts = np.array_split(np.arange(len(rows)), min(POINTS, len(rows)))
    steps, losses = ([float(row[key]) for row in rows] for key in ("step", "total"))
    return {
        "steps": [int(steps[part[-1]]) for part in parts],
        "loss": [round(float(np.mean([losses[i] for i in part])), 4) for part in parts],
    }


def measured(path: str) -> dict[str, float]:
    """Mask figures of an evaluation, in percent."""
    values: dict[str, Any] = json.loads(Path(path).read_text(encoding="utf-8"))
    fractions = {name: values["mask"][name] for name in FIGURES}
    return {name: round(100 * fraction, 2) for name, fraction in fractions.items()}


def _options() -> argparse.Namespace:
    def pair(text: str) -> tuple[str, str]:
        left, _, right = text.rpartition("=")
        return left, right

    found = argparse.ArgumentParser(prog="python -m scripts.ship_detector", description="Ship a detector.")
    found.add_argument("--labels", required=True, metavar="FIGURES", help="figures of the pseudo-labels")
    found.add_argument("--round", type=pair, action="append", required=True, metavar="RUN=FIGURES")
    found.add_argument("--best", type=int, required=True, metavar="N", help="the round that is shipped")
    found.add_argument("--ablation", type=pair, action="append", default=[], metavar="NAME=FIGURES")
    found.add_argument("--recipe", required=True, help="a sentence for the page")
    options = found.parse_args()
    if not 0 <= options.best < len(options.round):
        found.error(f"--best must be one of the {len(options.round)} rounds, counted from 0; it is {options.best}")
    return options


if __name__ == "__main__":
    main()
