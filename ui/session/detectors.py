"""Detectors on the page: those that are shipped, a visitor's own, and what they find in a photo.

Networks and training are imported when the first detector is asked for: the page opens without them.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cuts3d import __version__
from cuts3d.arrays import BoolArray, ImageArray
from cuts3d.errors import ConfigError, InputError, WeightsUnavailableError
from cuts3d.io.coco import ImageRecord, decode_rle, encode_rle, one_photo_document, rle_iou
from cuts3d.weights.package_data import data_file
from ui.draw.outlines import Outline, outlined

if TYPE_CHECKING:
    from cuts3d.detector.network import CascadeMaskRCNN

FOLDER = data_file("")
FINAL = "detector_light"
THRESHOLD = 0.5  # least score that is shown at first: four to ten objects on the examples
LEAST_SCORE = 0.05  # nothing below it is kept
PSEUDO = 2.0  # stands for the score of a pseudo-mask where objects are matched: before every detection
MOST_KEPT = 50  # detections of a photo, the best scored
MAX_LOADED = 4  # shipped networks in memory, 75 MB each
LARGEST_SIDE = 1600  # of the photo that an uploaded network asks for, pixels
BACKBONES = {
    "efficientnet_lite0": "EfficientNet-Lite0, started from supervised ImageNet weights",
    "resnet50": "ResNet-50-FPN; what its weights started from, the file does not say",
}


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Detector:
    """A network that finds objects.

    Attributes:
        key: Tells it from the others; another file has another one.
        title: What it is called on the page.
        network: Ready to detect.
        info: What stands in the file beside the weights.
    """

    key: str
    title: str
    network: CascadeMaskRCNN
    info: dict[str, Any]

    @property
    def words(self) -> str:
        """Backbone and training, as far as the file tells."""
        parts = [BACKBONES[self.network.config.backbone]]
        steps, photos = self.info.get("steps"), self.info.get("photos")
        if isinstance(steps, int) and isinstance(photos, int):
            trained = "self-trained on finds and" if "self_training" in self.info else "trained on"
            parts.append(f"{trained} pseudo-labels of {photos:,} photos, {steps:,} steps")
        return "; ".join(parts)


@dataclass(frozen=True, eq=False, kw_only=True)
class FoundObject:
    """One detection, in a few hundred bytes.

    Attributes:
        score: In [0, 1].
        rle: Its mask at the photo's size, as COCO's run lengths.
    """

    score: float
    rle: dict[str, Any]

    @cached_property
    def outline(self) -> Outline:
        """What is drawn of it; traced once."""
        return outlined(decode_rle(self.rle))


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Found:
    """What a detector found in a photo.

    Attributes:
        title: The detector's.
        words: Its backbone and training.
        objects: Best first, at most `MOST_KEPT`.
        seconds: What it took.
    """

    title: str
    words: str
    objects: tuple[FoundObject, ...]
    seconds: float

    def above(self, threshold: float) -> list[FoundObject]:
        """The objects of at least a score."""
        return [one for one in self.objects if one.score >= threshold]


def shipped() -> list[Path]:
    """Checkpoints that come with the project: rounds of self-training in their order, the final one last."""
    final = FOLDER / f"{FINAL}.safetensors"
    return [*sorted(FOLDER.glob(f"{FINAL}_round*.safetensors")), *([final] if final.is_file() else [])]


def shipped_title(path: Path) -> str:
    """What a shipped checkpoint is called: by its round, or the final one."""
    number = path.stem.removeprefix(f"{FINAL}_round")
    return "Detector, final" if path.stem == FINAL else f"Detector, round {number}"


class Loaded:
    """Bounded store of shipped networks; the least recently used goes first."""

    def __init__(self, capacity: int = MAX_LOADED) -> None:
        self.capacity = capacity
        self._detectors: OrderedDict[str, Detector] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, path: Path) -> Detector:
        """The detector of a file; read again where the file is another one.

        Raises:
            InputError: It is no detector.
        """
        key = key_of(path)
        with self._lock:
            if key not in self._detectors:
                self._detectors[key] = load_detector(path, shipped_title(path))
            self._detectors.move_to_end(key)
            while len(self._detectors) > self.capacity:
                self._detectors.popitem(last=False)
            return self._detectors[key]


LOADED = Loaded()


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """A detector that a visitor can see, loaded or not.

    Attributes:
        key: Of the detector.
        title: Of the detector.
        load: Gives it.
    """

    key: str
    title: str
    load: Callable[[], Detector]


def choices(own: Detector | None = None) -> list[Choice]:
    """All shipped detectors, then the visitor's own."""
    found = [Choice(key_of(path), shipped_title(path), partial(LOADED.get, path)) for path in shipped()]
    return found if own is None else [*found, Choice(own.key, own.title, lambda: own)]


def key_of(path: Path) -> str:
    """Tells a checkpoint's file from any other, and from the same file at another time.

    Raises:
        InputError: It is missing.
    """
    try:
        stat = path.stat()
    except OSError:
        raise InputError(f"The checkpoint '{path.name}' is gone; upload it again.") from None
    return f"{path}:{stat.st_mtime_ns}:{stat.st_size}"


def load_detector(path: Path, title: str) -> Detector:
    """Read a checkpoint of ours or of detectron2, without running any code in it.

    Raises:
        InputError: It is none, or too large for the page.
    """
    from cuts3d.detector.checkpoint import load_network

    key = key_of(path)
    network, info = load_network(path)
    side = max(network.config.test_short_side, network.config.test_max_side)
    if side > LARGEST_SIDE:
        raise InputError(f"'{path.name}' looks at photos of {side} pixels; the page takes up to {LARGEST_SIDE}.")
    return Detector(key=key, title=title, network=network, info=info)


def find(detector: Detector, image: ImageArray) -> Found:
    """Run a detector on a photo, uint8 [H, W, 3]."""
    from cuts3d.detector.detect import detections

    begin = time.perf_counter()
    best = islice(detections(detector.network, image, score_threshold=LEAST_SCORE), MOST_KEPT)
    objects = tuple(FoundObject(score=one.score, rle=encode_rle(one.mask)) for one in best)
    seconds = time.perf_counter() - begin
    return Found(title=detector.title, words=detector.words, objects=objects, seconds=seconds)


def coco_of(image: ImageArray, name: str, threshold: float) -> tuple[dict[str, Any], list[tuple[int, BoolArray]]]:
    """What the shipped final detector finds in a photo, as a COCO document and as masks to draw, the largest first.

    Args:
        image: uint8 [H, W, 3].
        name: Of the photo's file.
        threshold: Least score, in [0, 1].

    Raises:
        ConfigError: The threshold cannot be.
        WeightsUnavailableError: No detector is shipped.
    """
    from cuts3d.detector.detect import detect
    from cuts3d.detector.results import annotation

    if isinstance(threshold, bool) or not isinstance(threshold, int | float) or not 0 <= threshold <= 1:
        raise ConfigError(f"score_threshold must be a number between 0 and 1; it is {threshold!r}.")
    path = FOLDER / f"{FINAL}.safetensors"
    if not path.is_file():
        raise WeightsUnavailableError(f"No detector is shipped here: the file '{path.name}' is missing; train one.")
    detector = LOADED.get(path)
    found = detect(detector.network, image, score_threshold=threshold)
    info = {
        "description": "CutS3D detections",
        "version": __version__,
        "detector": path.name,
        "about": detector.words,
        "score_threshold": threshold,
    }
    document = one_photo_document(ImageRecord(1, name, image.shape[:2]), [annotation(one) for one in found], info)
    masks = sorted(enumerate(one.mask for one in found), key=lambda pair: -np.count_nonzero(pair[1]))
    return document, masks


def same_objects(views: Sequence[Sequence[tuple[float, dict[str, Any]]]], *, least_iou: float = 0.5) -> list[list[int]]:
    """Which masks of several views show the same object.

    Masks are taken best scored first, so that a lower threshold only adds objects at the end: the numbers of those that
    were there before stay.

    Args:
        views: One list of (score, run lengths) a view; scores above 1 go first.
        least_iou: Masks of one object overlap at least so far.

    Returns:
        A number for each mask, from 0; no two of one view are equal.
    """
    entries = [(score, v, place, rle) for v, view in enumerate(views) for place, (score, rle) in enumerate(view)]
    entries.sort(key=lambda entry: (-entry[0], entry[1], entry[2]))
    numbers = [[-1] * len(view) for view in views]
    if not entries:
        return numbers
    rles = [entry[3] for entry in entries]
    overlap = rle_iou(rles, rles)
    count, taken = 0, []
    for n, (_, view, place, _) in enumerate(entries):
        others = [(float(overlap[n, m]), number) for m, number in enumerate(taken) if number not in numbers[view]]
        best, number = max(others, default=(0.0, -1))
        if best < least_iou:
            number, count = count, count + 1
        numbers[view][place] = number
        taken.append(number)
    return numbers
