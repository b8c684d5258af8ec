"""Detectors on the page: the shipped ones and a visitor's own, and their detections in a photo.

Networks are imported when a detector is used for the first time: the page opens without them.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cuts3d import __version__
from cuts3d.arrays import BoolArray, ImageArray
from cuts3d.errors import ConfigError, InputError, WeightsUnavailableError
from cuts3d.grids import resize_mask
from cuts3d.io.coco import ImageRecord, decode_rle, encode_rle, one_photo_document
from cuts3d.weights.package_data import data_file
from ui.draw.outlines import Outline, outlined

if TYPE_CHECKING:
    from cuts3d import Detector
    from cuts3d.detector.network import CascadeMaskRCNN

FOLDER = data_file("")
FINAL = "detector_light"
LEAST_SCORE = 0.05  # detections below it are not kept
MOST_KEPT = 50  # detections of a photo; the best scored are kept
MAX_LOADED = 4  # shipped networks in memory, 75 MB each
LARGEST_SIDE = 1600  # pixels; a network whose input is larger is refused
BACKBONES = {
    "efficientnet_lite0": "EfficientNet-Lite0, started from supervised ImageNet weights",
    "resnet50": "ResNet-50-FPN; the file does not say which weights it started from",
}


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class PageDetector:
    """A loaded detector.

    Attributes:
        key: Identifies the file of the checkpoint and its version.
        title: Its name on the page.
        detector: The detector.
    """

    key: str
    title: str
    detector: Detector

    @property
    def about(self) -> str:
        """Backbone and training, as far as the checkpoint says."""
        return about(self.detector.network.config.backbone, self.detector.info)


def about(backbone: str, info: dict[str, Any]) -> str:
    """Backbone and training of a detector in one sentence; `info` comes from an untrusted file."""
    parts = [BACKBONES[backbone]]
    steps, photos = info.get("steps"), info.get("photos")
    if isinstance(steps, int) and isinstance(photos, int):
        trained = "self-trained on detections and" if "self_training" in info else "trained on"
        parts.append(f"{trained} pseudo-labels of {photos:,} photos, {steps:,} steps")
    return "; ".join(parts)


@dataclass(frozen=True, eq=False, kw_only=True)
class StoredDetection:
    """One detection in a few hundred bytes.

    Attributes:
        score: Confidence in [0, 1].
        rle: Its mask at the photo's size, as COCO run lengths.
    """

    score: float
    rle: dict[str, Any]

    @cached_property
    def outline(self) -> Outline:
        """The outline of the mask; computed once."""
        return outlined(decode_rle(self.rle))


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class PhotoDetections:
    """The detections of one detector in a photo.

    Attributes:
        title: Name of the detector.
        about: Its backbone and training.
        objects: Best first, at most `MOST_KEPT`.
        seconds: Duration of the detection.
    """

    title: str
    about: str
    objects: tuple[StoredDetection, ...]
    seconds: float

    def above(self, threshold: float) -> list[StoredDetection]:
        """The objects whose score is at least the threshold."""
        return [one for one in self.objects if one.score >= threshold]


def shipped() -> list[Path]:
    """Checkpoints that come with the package: the rounds of self-training in their order, then the final one."""
    final = FOLDER / f"{FINAL}.safetensors"
    return [*sorted(FOLDER.glob(f"{FINAL}_round*.safetensors")), *([final] if final.is_file() else [])]


def shipped_title(path: Path) -> str:
    """The name of a shipped checkpoint on the page: its round, or the final one."""
    number = path.stem.removeprefix(f"{FINAL}_round")
    return "Detector, final" if path.stem == FINAL else f"Detector, round {number}"


class LoadedDetectors:
    """A bounded store of shipped detectors; the least recently used one is removed first."""

    def __init__(self, capacity: int = MAX_LOADED) -> None:
        self.capacity = capacity
        self._detectors: OrderedDict[str, PageDetector] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, path: Path) -> PageDetector:
        """The detector of a file; it is loaded again if the file has changed.

        Raises:
            InputError: The file is not a detector.
        """
        key = key_of(path)
        with self._lock:
            if key not in self._detectors:
                self._detectors[key] = load_detector(path, shipped_title(path))
            self._detectors.move_to_end(key)
            while len(self._detectors) > self.capacity:
                self._detectors.popitem(last=False)
            return self._detectors[key]


LOADED = LoadedDetectors()


@dataclass(frozen=True, slots=True, eq=False)
class Choice:
    """A detector that a visitor can use, loaded or not.

    Attributes:
        key: Key of the detector.
        title: Name of the detector.
        load: Returns the detector.
    """

    key: str
    title: str
    load: Callable[[], PageDetector]


def choices(own: PageDetector | None = None) -> list[Choice]:
    """All shipped detectors, then the visitor's own."""
    found = [Choice(key_of(path), shipped_title(path), partial(LOADED.get, path)) for path in shipped()]
    return found if own is None else [*found, Choice(own.key, own.title, lambda: own)]


def key_of(path: Path) -> str:
    """A text that identifies a checkpoint's file and its version.

    Raises:
        InputError: The file is missing.
    """
    try:
        stat = path.stat()
    except OSError:
        raise InputError(f"The checkpoint '{path.name}' is gone; upload it again.") from None
    return f"{path}:{stat.st_mtime_ns}:{stat.st_size}"


def load_detector(path: Path, title: str) -> PageDetector:
    """Load a checkpoint of ours or of detectron2, without running any code in it.

    Raises:
        InputError: The file is not such a checkpoint, or the network is too large for the page.
    """
    from cuts3d import Detector

    key = key_of(path)
    detector = Detector(path)
    config = detector.network.config
    side = max(config.test_short_side, config.test_max_side)
    if side > LARGEST_SIDE:
        raise InputError(f"'{path.name}' needs photos of {side} pixels; the page takes up to {LARGEST_SIDE}.")
    return PageDetector(key=key, title=title, detector=detector)


def find(detector: PageDetector, image: ImageArray) -> PhotoDetections:
    """Run a detector on a photo, uint8 [H, W, 3]."""
    return run_network(detector.detector.network, image, title=detector.title, about=detector.about)


def run_network(network: CascadeMaskRCNN, image: ImageArray, *, title: str, about: str = "") -> PhotoDetections:
    """Run a network on a photo, also while it is trained.

    Args:
        network: The network.
        image: uint8 [H, W, 3].
        title: Name of the result.
        about: Backbone and training.
    """
    from cuts3d.detector.detect import detections

    begin = time.perf_counter()
    best = islice(detections(network, image, score_threshold=LEAST_SCORE), MOST_KEPT)
    objects = tuple(StoredDetection(score=one.score, rle=encode_rle(one.mask)) for one in best)
    return PhotoDetections(title=title, about=about, objects=objects, seconds=time.perf_counter() - begin)


def coco_of(
    image: ImageArray, view: ImageArray, name: str, threshold: float
) -> tuple[dict[str, Any], list[tuple[int, BoolArray]]]:
    """Detections of the shipped final detector: a COCO document, and masks to draw, the largest first.

    Only one mask at a time is held at the photo's own size.

    Args:
        image: The photo, uint8 [H, W, 3]; the document has its masks at this size.
        view: The copy that is drawn on, uint8 [h, w, 3]; the masks to draw have its size.
        name: File name of the photo.
        threshold: Least score, in [0, 1].

    Raises:
        ConfigError: The threshold is not a number in [0, 1].
        WeightsUnavailableError: The detector was not installed.
    """
    from cuts3d.detector.detect import detections
    from cuts3d.detector.results import annotation

    if isinstance(threshold, bool) or not isinstance(threshold, int | float) or not 0 <= threshold <= 1:
        raise ConfigError(f"score_threshold must be a number between 0 and 1; it is {threshold!r}.")
    path = FOLDER / f"{FINAL}.safetensors"
    if not path.is_file():
        raise WeightsUnavailableError(f"No detector is shipped here: the file '{path.name}' is missing; train one.")
    chosen = LOADED.get(path)
    records: list[dict[str, Any]] = []
    masks: list[BoolArray] = []
    for found in detections(chosen.detector.network, image, score_threshold=threshold):
        records.append(annotation(found))
        masks.append(resize_mask(found.mask, view.shape[:2]))
    info = {
        "description": "CutS3D detections",
        "version": __version__,
        "detector": path.name,
        "about": chosen.about,
        "score_threshold": threshold,
    }
    document = one_photo_document(ImageRecord(1, name, (image.shape[0], image.shape[1])), records, info)
    return document, sorted(enumerate(masks), key=lambda numbered: -int(numbered[1].sum()))
