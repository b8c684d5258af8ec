"""Detections in all photos of a folder, as one COCO file."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from cuts3d.detector.api import Detector, check_score
from cuts3d.detector.detect import detections
from cuts3d.detector.results import annotation, checkpoint_info
from cuts3d.errors import ConfigError, InputError
from cuts3d.extract.omitted import Note, Omitted, no_photo, sentences
from cuts3d.extract.sources import entries, read_entry
from cuts3d.io.coco import ImageRecord, write_document
from cuts3d.types import Progress

Record = dict[str, Any]


def predict(
    source: Path,
    checkpoint: str | Path,
    out: Path,
    *,
    score_threshold: float = 0.0,
    limit: int | None = None,
    device: str = "cpu",
    progress: Progress = lambda done, total: None,
    note: Note = lambda sentence: None,
) -> dict[str, int]:
    """Detect the objects in all photos of a folder, and write them as a COCO file like that of `cuts3d extract`.

    A photo that cannot be read is listed under `failures` with the reason. The file depends only on the photos, the
    checkpoint and the threshold. An interrupted run leaves an earlier file as it was, and starts again from the first
    photo.

    Args:
        source: A folder, a text file of paths, or a tar file; see `cuts3d.extract.sources.entries`.
        checkpoint: `light` or a path; see `Detector`.
        out: The COCO file to write.
        score_threshold: Least score of a detection, in [0, 1].
        limit: Only the first `limit` photos.
        device: Torch device.
        progress: Called after every photo.
        note: Called with each sentence about the source that people should know.

    Returns:
        Numbers of `images`, `annotations` and `failures`.

    Raises:
        InputError: There is no photo, the checkpoint cannot be read, or the file cannot be written.
        ConfigError: The threshold, the limit or the device cannot be used.
        WeightsUnavailableError: The package was installed without the light detector.
    """
    check_score(score_threshold)
    if limit is not None and limit < 1:
        raise ConfigError(f"The limit must be at least one photo; it is {limit}.")
    omitted = Omitted()
    listed = list(islice(entries(source, omitted), limit))
    left_out = omitted.to_dict()
    if not listed:
        raise InputError(no_photo(source, left_out))
    for sentence in sentences(left_out):
        note(sentence)
    detector = Detector(checkpoint, device=device)
    info = {**checkpoint_info(detector.path, score_threshold), **({"skipped": left_out} if left_out else {})}
    images: list[Record] = []
    failures: list[Record] = []

    def annotations() -> Iterator[Record]:
        """Made while they are written, because those of a large folder do not fit into memory; fills both lists."""
        for number, entry in enumerate(listed, start=1):
            try:
                image = read_entry(entry)
            except InputError as error:
                failures.append({"id": number, "file_name": entry.name, "reason": str(error)})
            else:
                images.append(ImageRecord(number, entry.name, image.shape[:2]).to_coco())
                for found in detections(detector.network, image, score_threshold=score_threshold):
                    yield {"image_id": number, **annotation(found)}
            progress(number, len(listed))

    return write_document(out, info, {"annotations": annotations(), "images": images, "failures": failures})
