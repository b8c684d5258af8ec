"""A small training from the page: a dozen photos, their pseudo-labels, the smoke recipe."""

from __future__ import annotations

import dataclasses
import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Literal

from PIL import Image

from cuts3d.arrays import ImageArray
from cuts3d.config import CutS3DConfig
from cuts3d.errors import CutS3DError, InputError
from cuts3d.io.coco import ImageRecord, document_header
from cuts3d.io.files import write_json
from cuts3d.io.photos import Photo
from cuts3d.types import FoundMask
from ui.session import detectors
from ui.session.detectors import PageDetector, PhotoDetections

if TYPE_CHECKING:
    from cuts3d.detector.network import CascadeMaskRCNN
    from training.recipes.recipe import Recipe

MOST_PHOTOS = 12
PHOTO_SIDE = 384  # longer side at which photos are labelled and stored, pixels
TRAIN_SIDE = 192  # shorter side of the network's input, pixels
LABEL_SIDE = 336  # input of the backbone for the pseudo-labels: 24×24 patches
LOOK_EVERY = 20  # steps between two previews
RESULT = "detector_trained_here.safetensors"
LOG = logging.getLogger("cuts3d.page")
Phase = Literal["labels", "training", "done", "stopped", "failed"]


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class TrainingSettings:
    """What is trained, and for whom.

    Attributes:
        owner: Id of the visitor.
        photos: Name and reader of each photo; one that cannot be read is left out.
        steps: Number of optimiser steps.
        folder: Folder of the result.
    """

    owner: str
    photos: Sequence[tuple[str, Callable[[], Photo]]]
    steps: int
    folder: Path

    @property
    def result(self) -> Path:
        """The file of the trained detector."""
        return self.folder / RESULT


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class TrainingProgress:
    """The state of a training at one moment.

    Attributes:
        phase: The current phase.
        labelled: Number of photos that were labelled or left out.
        notes: A sentence for each photo that was left out, and for what was done to the others.
        losses: Loss of each finished step.
        seconds: Duration of each finished step.
        sample: The photo of the preview: the one with the most pseudo-labels.
        labels: Its pseudo-labels.
        look: Number of finished steps and the network's detections in the sample.
        detector: The result.
        error: Why it failed.
    """

    phase: Phase = "labels"
    labelled: int = 0
    notes: tuple[str, ...] = ()
    losses: tuple[float, ...] = ()
    seconds: tuple[float, ...] = ()
    sample: ImageArray | None = None
    labels: tuple[FoundMask, ...] = ()
    look: tuple[int, PhotoDetections] | None = None
    detector: PageDetector | None = None
    error: Exception | None = None

    @property
    def running(self) -> bool:
        """Whether the training has not ended."""
        return self.phase in ("labels", "training")


class PageTraining:
    """One training. It runs in a thread of its own; others read its `progress`.

    Attributes:
        settings: What is trained.
        stop: Ends the training after the current photo or step.
        progress: The current state; it is replaced as a whole.
    """

    def __init__(self, settings: TrainingSettings) -> None:
        self.settings, self.stop = settings, threading.Event()
        self.progress = TrainingProgress()
        self._version, self._changed = 0, threading.Condition()

    def wait(self, version: int, seconds: float) -> int:
        """Wait for a newer version of the progress, but not longer than `seconds`; returns the newest version."""
        with self._changed:
            self._changed.wait_for(lambda: self._version != version, timeout=seconds)
            return self._version

    def run(self) -> None:
        """Label, train, write the result; never raises."""
        from training.loop.train import Stopped

        try:
            with TemporaryDirectory(prefix="cuts3d-training-") as folder:
                self._train(Path(folder), self._label(Path(folder)))
            self.update(phase="done")
        except Stopped:
            self.update(phase="stopped")
        except Exception as error:
            if not isinstance(error, CutS3DError):
                LOG.exception("a training from the page failed")
            self.update(phase="failed", error=error)

    def update(self, **values: Any) -> None:
        """Replace fields of the progress, and wake those who wait for it."""
        with self._changed:
            self.progress = dataclasses.replace(self.progress, **values)
            self._version += 1
            self._changed.notify_all()

    def _label(self, folder: Path) -> Path:
        """Write the photos and their pseudo-labels into a folder; returns the file of the labels."""
        from cuts3d.extract.records import annotation
        from training.loop.train import Stopped

        images: list[dict[str, Any]] = []
        annotations: list[dict[str, Any]] = []
        for number, (name, read) in enumerate(self.settings.photos, start=1):
            if self.stop.is_set():
                raise Stopped("The training was stopped before its first step.")
            image, found = self._find_masks(name, read)
            if image is not None and found:
                file_name = f"{number:02}.png"
                Image.fromarray(image).save(folder / file_name)
                images.append(ImageRecord(number, file_name, image.shape[:2]).to_coco())
                for one in found:
                    annotations.append({"id": len(annotations) + 1, "image_id": number, **annotation(one)})
                if len(found) > len(self.progress.labels):
                    self.update(sample=image, labels=tuple(found))
            self.update(labelled=number)
        if not annotations:
            raise InputError("No object was found in these photos, so there is nothing to train on; choose others.")
        path = folder / "labels.json"
        write_json(path, {**document_header({}), "images": images, "annotations": annotations}, compact=True)
        return path

    def _find_masks(self, name: str, read: Callable[[], Photo]) -> tuple[ImageArray | None, Sequence[FoundMask]]:
        """A photo and its pseudo-masks; None if it cannot be used."""
        from cuts3d.run.methods import find_masks

        try:
            photo = read()
            self._note(*(f"{name}: {note}" for note in photo.notes))
            return photo.pixels, find_masks(photo.pixels, label_config())
        except InputError as error:
            self._note(f"{name} was left out: {error}")
            return None, ()

    def _note(self, *sentences: str) -> None:
        self.update(notes=(*self.progress.notes, *sentences))

    def _train(self, folder: Path, labels: Path) -> None:
        from cuts3d.detector.checkpoint import load_network, save_network
        from training.data.dataset import PseudoLabels
        from training.loop.train import train

        dataset = PseudoLabels(folder, labels)
        self.update(phase="training")
        info = {"name": "light_cpu_smoke, from the page"}
        recipe, result = page_recipe(self.settings.steps), self.settings.result
        final = train(recipe, dataset, folder / "run", on_step=self._on_step, stop=self.stop, info=info)
        network, info = load_network(final)
        save_network(network, result, info, storage="float16")
        self.update(detector=detectors.load_detector(result, "Yours, trained here"))

    def _on_step(self, metrics: dict[str, float], network: CascadeMaskRCNN) -> None:
        step, now = int(metrics["step"]), self.progress
        look = now.look
        due = step % LOOK_EVERY == 0 or step == self.settings.steps
        if now.sample is not None and due and not self.stop.is_set():
            look = (step, detectors.run_network(network, now.sample, title=f"After step {step}"))
        losses, seconds = (*now.losses, metrics["total"]), (*now.seconds, metrics["seconds"])
        self.update(losses=losses, seconds=seconds, look=look)


def label_config() -> CutS3DConfig:
    """Parameters of the pseudo-labels: the defaults with fewer patches, for speed."""
    return CutS3DConfig().replace(image_size=LABEL_SIDE)


def page_recipe(steps: int) -> Recipe:
    """The smoke recipe with fewer steps and smaller photos."""
    from training.recipes import get_recipe

    smoke = get_recipe("light_cpu_smoke")
    network = dataclasses.replace(smoke.network, test_short_side=TRAIN_SIDE, test_max_side=PHOTO_SIDE)
    return smoke.replace(
        network=network,
        iterations=steps,
        warmup=min(smoke.warmup, max(1, steps // 5)),
        short_sides=(TRAIN_SIDE,),
        max_side=PHOTO_SIDE,
        checkpoint_every=10**9,  # a training from the page is never resumed
    )
