"""The shipped detector: its cost compared with the pseudo-masks that it was trained on, and sizes of files.

Processor time per photo, CRF and networks included, and the ratio for each photo.
"""

from __future__ import annotations

import importlib.metadata
import re
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import skimage.data
import torch

from cuts3d.arrays import ImageArray
from cuts3d.config import ADAPTIVE
from cuts3d.detector.checkpoint import load_network
from cuts3d.detector.detect import detect
from cuts3d.run.methods import find_masks

ROOT = Path(__file__).parents[1]
DETECTOR = ROOT / "cuts3d" / "data" / "detector_light.safetensors"
PHOTOS = ("astronaut", "coffee")
REPEATS = 3


def run() -> list[str]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        network, _ = load_network(DETECTOR)
        photos = [getattr(skimage.data, name)() for name in PHOTOS]
        masks = _seconds(lambda photo: find_masks(photo, ADAPTIVE), photos)
        detector = _seconds(lambda photo: detect(network, photo), photos)
    finally:
        torch.set_num_threads(threads)
    ratios = [a / b for a, b in zip(masks, detector, strict=True)]
    return [
        f"| adaptive N: processor time of one thread, per photo | {_spread(masks)} s |",
        f"| the detector, the same photos | {_spread(detector)} s |",
        f"| ratio | {_spread(ratios)} |",
        f"| the detector's file | {DETECTOR.stat().st_size / 1e6:.0f} MB |",
        f"| Python packages of `requirements.txt`, with all that they need | {installed_gigabytes():.1f} GB |",
    ]


def _seconds(work: Callable[[ImageArray], object], photos: list[ImageArray]) -> list[float]:
    """Processor seconds of each photo, several times, after a first run that loads everything."""
    work(photos[0])
    seconds = []
    for photo in photos * REPEATS:
        start = time.process_time()
        work(photo)
        seconds.append(time.process_time() - start)
    return seconds


def _spread(values: list[float]) -> str:
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def installed_gigabytes() -> float:
    """Size of the installed packages of `requirements.txt` and of what they need."""
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    waiting, found = [line for line in lines if line and not line.startswith("#")], {}
    while waiting:
        name, marker = _requirement(waiting.pop())
        if name in found or "extra ==" in marker:
            continue
        try:
            package = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # a package for another system
        paths = [Path(str(package.locate_file(file))) for file in package.files or ()]
        found[name] = sum(path.stat().st_size for path in paths if path.is_file())
        waiting += package.requires or []
    return sum(found.values()) / 1e9


def _requirement(line: str) -> tuple[str, str]:
    """A package's normalised name, and the marker that says when it is needed."""
    requirement, _, marker = line.partition("#")[0].partition(";")
    name = re.match(r"[\w.-]+", requirement.strip())
    assert name, f"no requirement: {line}"
    return re.sub(r"[-_.]+", "-", name[0]).lower(), marker
