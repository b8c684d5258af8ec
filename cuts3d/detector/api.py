"""The detector for users of the library."""

from __future__ import annotations

from pathlib import Path

from cuts3d.detector.checkpoint import LIGHT, checkpoint_path, load_network
from cuts3d.detector.config import DEFAULT_SCORE
from cuts3d.detector.detect import detect
from cuts3d.detector.network import CascadeMaskRCNN
from cuts3d.detector.results import PhotoDetections
from cuts3d.errors import ConfigError, warn_of
from cuts3d.io.photos import ImageInput, read_photo


class Detector:
    """Finds objects with a trained network, without classes.

    Example:
        >>> from cuts3d import Detector
        >>> for found in Detector("light").detect("photo.jpg"):
        ...     print(found.score, found.bbox, found.area, found.mask.shape)

    Attributes:
        path: The file of the checkpoint.
        network: The network, in evaluation mode.
        info: How it was trained, as written in the checkpoint; empty for detectron2's.
    """

    def __init__(self, checkpoint: str | Path = LIGHT, *, device: str = "cpu") -> None:
        """Load a checkpoint; no code in the file is run.

        Args:
            checkpoint: `light`, the detector that comes with the package; `cuts3d`, `cutler` or `cuvler`, the detector
                of those authors, whose file is in `$CUTS3D_WEIGHTS`; or the path of a checkpoint that
                `training.train` wrote, or of a detectron2 checkpoint of a Cascade Mask R-CNN with one class and
                ResNet-50-FPN (CutLER, CuVLER, CutS3D).
            device: Torch device.

        Raises:
            InputError: The file is missing or is not such a checkpoint.
            ConfigError: The device cannot be used.
            WeightsUnavailableError: The package was installed without the light detector, or the file of a published
                one is not in `$CUTS3D_WEIGHTS`.
        """
        self.path = checkpoint_path(checkpoint)
        network, self.info = load_network(self.path)
        self.network = _on(network, device)

    def detect(self, photo: ImageInput, *, score_threshold: float = DEFAULT_SCORE) -> PhotoDetections:
        """Find the objects of a photo.

        Args:
            photo: Path, PIL image, or array (uint8 [H, W, 3] and what else `read_photo` takes).
            score_threshold: Least score of a detection, in [0, 1]. An evaluation needs all of them: 0.

        Returns:
            A list of `Detection`, best first, with masks and boxes at the photo's own size. It has `to_coco` and
            `to_supervision`.

        Raises:
            InputError: The photo cannot be used.
            ConfigError: The threshold is outside [0, 1].
        """
        check_score(score_threshold)
        given = read_photo(photo, max_side=None)
        warn_of(given.notes)
        h, w = given.pixels.shape[:2]
        return PhotoDetections(detect(self.network, given.pixels, score_threshold=score_threshold), (h, w))


def check_score(score_threshold: float) -> None:
    """Refuse a least score that is outside [0, 1].

    Raises:
        ConfigError: It is.
    """
    if not 0 <= score_threshold <= 1:
        raise ConfigError(f"The least score must be in [0, 1]; it is {score_threshold:g}.")


def _on(network: CascadeMaskRCNN, device: str) -> CascadeMaskRCNN:
    try:
        return network.to(device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(f"The device '{device}' cannot be used here ({reason}); choose cpu.") from error
