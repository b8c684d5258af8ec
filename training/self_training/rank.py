"""Finds ranked by how far they stand out, too: the score of a pseudo-label, for a detector's masks (ours).

python -m training.rank photos/ --predictions found.json --out ranked.json

It reads features and depth of the photo, which the detector never sees. Measured in `benchmarks/detector.md`.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cuts3d.arrays import ImageArray
from cuts3d.config import CutS3DConfig
from cuts3d.depth import normalise_depth
from cuts3d.detector.predict import Progress, photo_bar, read_entry
from cuts3d.errors import CutS3DError, InputError, shown
from cuts3d.extract.sources import Entry, entries
from cuts3d.grids import resize_map, resize_mask
from cuts3d.io.coco import RLE, DocumentInput, ImageRecord, decode_rle, read_document, to_rle
from cuts3d.method.score import mask_factors
from cuts3d.run.pipeline import run_pipeline
from training.self_training.merge_labels import own_score, write_labels

DISTINCTNESS = 2  # weight in the geometric mean, of the detector's own score 1 (benchmarks/detector.md)
Record = dict[str, Any]


def rank_detections(
    folder: Path,
    predictions: DocumentInput,
    *,
    config: CutS3DConfig | None = None,
    progress: Progress = lambda done, total: None,
) -> Record:
    """Scores of finds, weighed by how far their masks stand out from what surrounds them.

    Args:
        folder: The photos that `training.predict` was given.
        predictions: What it wrote, or its path.
        config: Of features and depth; None: the defaults.
        progress: Told after every photo.

    Returns:
        The same document, with (s · d²)^⅓ in [0, 1] for the score s, which stays as `detector_score`; d is
        `MaskFactors.distinctness`. A find that covers no patch gets 0. Nothing given is changed.

    Raises:
        InputError: A document or a photo cannot be used.
    """
    source, config = read_document(predictions, "Predictions"), config or CutS3DConfig()
    known, files = source.images(), {entry.name: entry for entry in entries(folder)}
    found = source.annotations_by_image(known, _scored)
    for done, (number, finds) in enumerate(found.items(), start=1):
        image = _photo(folder, files, known[number])
        apart = distinctness(image, [rle for _, rle in finds], config)
        for (record, _), value in zip(finds, apart, strict=True):
            product = min(max(record["detector_score"], 0.0), 1.0) * value**DISTINCTNESS
            record["score"] = round(product ** (1 / (1 + DISTINCTNESS)), 6)
        progress(done, len(found))
    return {**source.content, "annotations": [record for finds in found.values() for record, _ in finds]}


def _scored(entry: Mapping[str, Any], photo: ImageRecord) -> tuple[Record, RLE]:
    rle = to_rle(entry.get("segmentation"), photo.size)
    return {**entry, "detector_score": own_score(entry)}, rle


def _photo(folder: Path, files: Mapping[str, Entry], photo: ImageRecord) -> ImageArray:
    if photo.name is None or photo.size is None:
        raise InputError(f"Predictions: image {shown(photo.id)} needs a 'file_name', a 'width' and a 'height'.")
    if photo.name not in files:
        raise InputError(f"There is no photo '{photo.name}' in '{folder}'; give the folder that was predicted on.")
    image = read_entry(files[photo.name])
    if photo.size != image.shape[:2]:
        raise InputError(f"'{photo.name}' is not the photo of the predictions; give the folder that was predicted on.")
    return image


def distinctness(image: ImageArray, masks: Sequence[RLE], config: CutS3DConfig) -> list[float]:
    """How far masks of a photo stand out, each in [0, 1]: `cuts3d.method.score`, on the photo's patches.

    Args:
        image: uint8 [H, W, 3].
        masks: Run lengths of the photo's size.
        config: Of features and depth.
    """
    stages: dict[str, Any] = {}
    for stage in run_pipeline(image, config):
        stages[stage.stage] = stage.value
        if stage.stage == "affinity":
            break
    grid = stages["features"].grid_shape
    z = resize_map(normalise_depth(stages["depth"], clip_percent=config.cloud.depth_clip), grid)
    dense = map(decode_rle, masks)
    return [mask_factors(resize_mask(mask, grid), stages["affinity"], z).distinctness for mask in dense]


def parser() -> argparse.ArgumentParser:
    """The command's options."""
    found = argparse.ArgumentParser(
        prog="python -m training.rank", description="Rank a detector's finds by how far they stand out, too."
    )
    found.add_argument("folder", type=Path, help="the photos that training.predict was given")
    found.add_argument("--predictions", type=Path, required=True, metavar="JSON", help="what it wrote")
    found.add_argument("--out", type=Path, required=True, metavar="JSON", help="the COCO file to write")
    found.add_argument("--quiet", action="store_true", help="say nothing but errors")
    return found


def main() -> int:
    """Rank, with a bar of progress."""
    options = parser().parse_args()
    try:
        with photo_bar(quiet=options.quiet) as show:
            ranked = rank_detections(options.folder, options.predictions, progress=show)
            write_labels(ranked, options.out)
    except CutS3DError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if not options.quiet:
        print(f"{options.out}: {len(ranked['annotations'])} objects, ranked.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
