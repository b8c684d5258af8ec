"""What a detector finds in a folder of photos, as a COCO file.

python -m training.predict photos/ --checkpoint runs/light/final.safetensors --out predictions.json
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from PIL import Image
from tqdm import tqdm

from cuts3d import __version__
from cuts3d.arrays import ImageArray
from cuts3d.detector.checkpoint import load_network
from cuts3d.detector.detect import Detection, detect, detections
from cuts3d.detector.network import CascadeMaskRCNN
from cuts3d.errors import ConfigError, CutS3DError, InputError
from cuts3d.extract.sources import Entry, entries
from cuts3d.io import coco
from cuts3d.io.coco import ImageRecord, write_document
from cuts3d.io.photos import read_image
from cuts3d.weights.files import sha256_of

__all__ = ["Detection", "detect", "predict"]

Progress = Callable[[int, int], None]  # photos done, photos in all
Record = dict[str, Any]


def predict(
    folder: Path,
    checkpoint: Path,
    out: Path,
    *,
    score_threshold: float = 0.0,
    limit: int | None = None,
    device: str = "cpu",
    progress: Progress = lambda done, total: None,
) -> dict[str, int]:
    """Write what a detector finds in all photos of a folder, as a COCO file like that of `cuts3d extract`.

    A photo that cannot be read is listed under `failures` with the reason. The file depends on photos, checkpoint and
    threshold only.

    Args:
        folder: Photos; see `cuts3d.extract.sources.entries`.
        checkpoint: What `cuts3d.detector.checkpoint.load_network` reads.
        out: The COCO file.
        score_threshold: Least score, in [0, 1].
        limit: Only the first so many photos.
        device: Torch device.
        progress: Told after every photo.

    Returns:
        Counts of `images`, `annotations` and `failures`.

    Raises:
        InputError: There is no photo, the checkpoint is none, or the file cannot be written.
        ConfigError: The threshold, limit or device cannot be.
    """
    if not 0 <= score_threshold <= 1:
        raise ConfigError(f"The least score must be in [0, 1]; it is {score_threshold:g}.")
    if limit is not None and limit < 1:
        raise ConfigError(f"The limit must be at least one photo; it is {limit}.")
    listed = list(islice(entries(folder), limit))
    if not listed:
        raise InputError(f"There is no image in '{folder}'.")
    network = _on(load_network(checkpoint)[0], device)
    info = {
        "description": "CutS3D detections",
        "version": __version__,
        "checkpoint": checkpoint.name,
        "sha256": sha256_of(checkpoint),
        "score_threshold": score_threshold,
    }
    images: list[Record] = []
    failures: list[Record] = []

    def annotations() -> Iterator[Record]:
        """Made as they are written: those of a large folder do not fit into memory. Fills the two lists."""
        for number, entry in enumerate(listed, start=1):
            try:
                image = read_entry(entry)
            except InputError as error:
                failures.append({"id": number, "file_name": entry.name, "reason": str(error)})
            else:
                images.append(ImageRecord(number, entry.name, image.shape[:2]).to_coco())
                for found in detections(network, image, score_threshold=score_threshold):
                    yield annotation(found, number)
            progress(number, len(listed))

    return write_document(out, info, {"annotations": annotations(), "images": images, "failures": failures})


def _on(network: CascadeMaskRCNN, device: str) -> CascadeMaskRCNN:
    try:
        return network.to(device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise ConfigError(f"The device '{device}' cannot be used here ({reason}); choose cpu.") from error


def read_entry(entry: Entry) -> ImageArray:
    """A photo of a folder or of a tar file, uint8 [H, W, 3], at its full size.

    Raises:
        InputError: It cannot be read.
    """
    source = entry.open()
    if isinstance(source, Path):
        return read_image(source, max_side=None)
    try:
        with Image.open(source) as image:
            return read_image(image, max_side=None)
    except (OSError, Image.DecompressionBombError) as error:
        raise InputError(f"'{entry.name}' is not an image that can be read ({type(error).__name__}).") from error


def annotation(found: Detection, image_id: int) -> Record:
    """A detection as a COCO annotation, without an id; its box is the network's, not that of the mask."""
    x0, y0, x1, y1 = found.box
    box = [round(value, 2) for value in (x0, y0, x1 - x0, y1 - y0)]
    return {"image_id": image_id, **coco.annotation(found.mask, score=found.score, box=box)}


@contextmanager
def photo_bar(*, quiet: bool) -> Iterator[Progress]:
    """A bar of photos, unless it should be quiet."""
    with tqdm(unit=" photos", disable=quiet, file=sys.stderr) as bar:

        def show(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        yield show


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    found = argparse.ArgumentParser(prog="python -m training.predict", description="Find objects in photos.")
    found.add_argument("folder", type=Path, help="a folder, a text file of paths, or a WebDataset tar file")
    found.add_argument("--checkpoint", type=Path, required=True, help="what training.train made, or a CutLER .pth")
    found.add_argument("--out", type=Path, required=True, metavar="JSON", help="the COCO file to write")
    found.add_argument("--score-threshold", type=float, default=0.0, metavar="S", help="least score (0)")
    found.add_argument("--limit", type=int, metavar="N", help="only the first N photos")
    found.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    found.add_argument("--quiet", action="store_true", help="say nothing but errors")
    return found


def main() -> int:
    """Predict, with a bar of progress."""
    options = parser().parse_args()
    try:
        with photo_bar(quiet=options.quiet) as show:
            counts = predict(
                options.folder,
                options.checkpoint,
                options.out,
                score_threshold=options.score_threshold,
                limit=options.limit,
                device=options.device,
                progress=show,
            )
    except CutS3DError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if not options.quiet:
        unread = f"; {counts['failures']} photos could not be read" if counts["failures"] else ""
        print(f"{options.out}: {counts['annotations']} objects in {counts['images']} photos{unread}.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
