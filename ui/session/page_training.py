"""A small training that runs from the page: a dozen photos, their pseudo-labels, the smoke recipe. One at a time."""

from __future__ import annotations

import contextvars
import dataclasses
import logging
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from PIL import Image

from cuts3d.arrays import ImageArray
from cuts3d.config import CutS3DConfig
from cuts3d.errors import CutS3DError, InputError
from cuts3d.io.coco import ImageRecord, document_header
from cuts3d.io.files import write_json
from cuts3d.types import FoundMask
from ui.session import detectors
from ui.session.detectors import Detector, Found

if TYPE_CHECKING:
    from cuts3d.detector.network import CascadeMaskRCNN
    from training.recipes.recipe import Recipe

MOST_PHOTOS = 12
PHOTO_SIDE = 384  # longer side at which photos are labelled and kept, pixels
TRAIN_SIDE = 192  # shorter side at which the network sees them
LABEL_SIDE = 336  # input of the backbone for the pseudo-labels: 24×24 patches
LOOK_EVERY = 20  # steps between looks at what the network finds
RESULT = "detector_trained_here.safetensors"
LOG = logging.getLogger("cuts3d.page")
Phase = Literal["labels", "training", "done", "stopped", "failed"]


@dataclass(eq=False, kw_only=True)
class PageTraining:
    """One training, in a thread of its own; whoever shows it reads its fields.

    Attributes:
        owner: The visitor.
        photos: Name and reader of each photo, uint8 [H, W, 3]; one that cannot be read is left out.
        steps: Of the optimiser.
        folder: Where the result goes.
        stop: Ends it after the photo or step at hand.
        phase: Where it is.
        labelled: Photos that have been labelled, or left out.
        left_out: A sentence for each photo that was left out.
        losses: Of each step so far.
        seconds: Of each step so far.
        sample: The photo that is looked at.
        labels: Its pseudo-labels.
        look: What the network found in it, and after which step.
        detector: The result.
        error: Why it failed.
        version: Grows with every change.
    """

    owner: str
    photos: Sequence[tuple[str, Callable[[], ImageArray]]]
    steps: int
    folder: Path
    stop: threading.Event = field(default_factory=threading.Event)
    phase: Phase = "labels"
    labelled: int = 0
    left_out: list[str] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    sample: ImageArray | None = None
    labels: list[FoundMask] = field(default_factory=list)
    look: tuple[int, Found] | None = None
    detector: Detector | None = None
    error: Exception | None = None
    version: int = 0
    _changed: threading.Condition = field(default_factory=threading.Condition)

    @property
    def result(self) -> Path:
        """The trained detector's file."""
        return self.folder / RESULT

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self.phase in ("labels", "training")

    def wait(self, version: int, seconds: float) -> int:
        """Wait until something changed since a version, or so long; gives the newest version."""
        with self._changed:
            self._changed.wait_for(lambda: self.version != version, timeout=seconds)
            return self.version

    def run(self) -> None:
        """Label, train, write; never raises."""
        from training.loop.train import Stopped

        try:
            with TemporaryDirectory(prefix="cuts3d-training-") as folder:
                self._train(Path(folder), self._label(Path(folder)))
            self._say(phase="done")
        except Stopped:
            self._say(phase="stopped")
        except Exception as error:
            if not isinstance(error, CutS3DError):
                LOG.exception("a training from the page failed")
            self._say(phase="failed", error=error)

    def _say(self, **values: Any) -> None:
        with self._changed:
            for name, value in values.items():
                setattr(self, name, value)
            self.version += 1
            self._changed.notify_all()

    def _label(self, folder: Path) -> Path:
        """Photos and their pseudo-labels in a folder; gives the labels' file."""
        from cuts3d.extract.records import annotation
        from cuts3d.run.methods import find_masks
        from training.loop.train import Stopped

        document: dict[str, Any] = {**document_header({}), "images": [], "annotations": []}
        config = label_config()
        for number, (name, read) in enumerate(self.photos, start=1):
            if self.stop.is_set():
                raise Stopped("The training was stopped before its first step.")
            try:
                image = read()
                found = find_masks(image, config)
            except InputError as error:
                self.left_out.append(f"{name} was left out: {error}")
                found, image = [], None
            if image is not None and found:
                file_name = f"{number:02}.png"
                Image.fromarray(image).save(folder / file_name)
                document["images"].append(ImageRecord(number, file_name, image.shape[:2]).to_coco())
                for one in found:
                    label = {"id": len(document["annotations"]) + 1, "image_id": number, **annotation(one)}
                    document["annotations"].append(label)
                if len(found) > len(self.labels):  # the photo to look at is one where there is much to find
                    self._say(sample=image, labels=found)
            self._say(labelled=number)
        if not document["annotations"]:
            raise InputError("No object was found in these photos, so there is nothing to train on; choose others.")
        path = folder / "labels.json"
        write_json(path, document, compact=True)
        return path

    def _train(self, folder: Path, labels: Path) -> None:
        from cuts3d.detector.checkpoint import load_network, save_network
        from training.data.dataset import PseudoLabels
        from training.loop.train import train

        dataset = PseudoLabels(folder, labels)
        self._say(phase="training")
        about = {"name": "light_cpu_smoke, from the page"}
        recipe = page_recipe(self.steps)
        final = train(recipe, dataset, folder / "run", on_step=self._on_step, stop=self.stop, info=about)
        network, info = load_network(final)
        save_network(network, self.result, info, storage="float16")
        self._say(detector=detectors.load_detector(self.result, "Yours, trained here"))

    def _on_step(self, metrics: dict[str, float], network: CascadeMaskRCNN) -> None:
        step = int(metrics["step"])
        self.seconds.append(metrics["seconds"])
        self.losses.append(metrics["total"])
        look = self.look
        if self.sample is not None and not self.stop.is_set() and (step % LOOK_EVERY == 0 or step == self.steps):
            detector = Detector(key="", title=f"After step {step}", network=network, info={})
            look = (step, detectors.find(detector, self.sample))
        self._say(look=look)


def label_config() -> CutS3DConfig:
    """How the photos are labelled: ours, at fewer patches, for speed."""
    return CutS3DConfig().replace(image_size=LABEL_SIDE)


def page_recipe(steps: int) -> Recipe:
    """The smoke recipe, cut to a size to wait for."""
    from training.recipes import get_recipe

    smoke = get_recipe("light_cpu_smoke")
    network = dataclasses.replace(smoke.network, test_short_side=TRAIN_SIDE, test_max_side=PHOTO_SIDE)
    return smoke.replace(
        network=network,
        iterations=steps,
        warmup=min(smoke.warmup, max(1, steps // 5)),
        short_sides=(TRAIN_SIDE,),
        max_side=PHOTO_SIDE,
        checkpoint_every=10**9,  # nobody goes on with it
    )


class Turn:
    """One training at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._now: PageTraining | None = None

    @property
    def now(self) -> PageTraining | None:
        """The training that runs."""
        with self._lock:
            return self._now

    def begin(self, training: PageTraining) -> PageTraining | None:
        """Start a training in a thread, unless one is running already, which is given back."""
        with self._lock:
            if self._now is not None:
                return self._now
            self._now = training
        context = contextvars.copy_context()  # who asks, which a lent GPU wants to know
        threading.Thread(target=context.run, args=(self._run, training), daemon=True).start()
        return None

    def stop(self, owner: str) -> bool:
        """End a visitor's training after the step at hand; whether there was one."""
        training = self.now
        if training is None or training.owner != owner:
            return False
        training.stop.set()
        return True

    def _run(self, training: PageTraining) -> None:
        try:
            training.run()
        finally:
            with self._lock:
                self._now = None


TURN = Turn()


def seconds_left(training: PageTraining) -> float | None:
    """How long the steps to come may take; None before the first ones."""
    done = training.seconds[-20:]
    return float(np.mean(done)) * (training.steps - len(training.losses)) if len(done) > 2 else None
