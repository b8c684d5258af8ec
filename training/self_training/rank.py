"""Detections ranked by their scores and by the distinctness of their masks, as pseudo-labels are.

Distinctness: how clearly a mask differs from its surroundings in features, depth and completeness
(`cuts3d.method.score`). The detector itself sees neither features nor depth. Measured in `benchmarks/detector.md`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from cuts3d.arrays import ImageArray
from cuts3d.config import CutS3DConfig
from cuts3d.depth import normalise_depth
from cuts3d.errors import InputError, shown
from cuts3d.extract.sources import Entry, entries, read_entry
from cuts3d.grids import resize_map, resize_mask
from cuts3d.io.coco import RLE, CocoDocument, DocumentInput, ImageRecord, decode_rle, read_document, to_rle
from cuts3d.method.score import mask_factors
from cuts3d.run.pipeline import run_pipeline
from cuts3d.types import Progress
from training.self_training.merge_labels import Record, name_and_size
from training.self_training.scores import DETECTOR_SCORE, detector_score

EXPONENT = 2  # of the distinctness in the geometric mean; the detector's own score has 1 (benchmarks/detector.md)


def rank_detections(
    folder: Path,
    predictions: DocumentInput,
    *,
    config: CutS3DConfig | None = None,
    progress: Progress = lambda done, total: None,
) -> Record:
    """Weight the scores of detections by the distinctness of their masks.

    Args:
        folder: The photos that `cuts3d detect` read.
        predictions: The COCO document that it wrote, or its path.
        config: Parameters of features and depth; None: the defaults.
        progress: Called after every photo.

    Returns:
        The same document with the scores (s · d²)^⅓ in [0, 1]: s is the detector's score, which is kept as
        `detector_score`, and d is `MaskFactors.distinctness`. A detection that covers no patch gets 0. Nothing that was
        given is changed.

    Raises:
        InputError: The document is not valid, or a photo cannot be used.
    """
    source, config = read_document(predictions, "Predictions"), config or CutS3DConfig()

    def read(entry: Mapping[str, Any], photo: ImageRecord) -> tuple[Record, RLE]:
        rle = to_rle(entry.get("segmentation"), photo.size)
        return {**entry, DETECTOR_SCORE: detector_score(entry)}, rle

    known = source.images()
    found = source.annotations_by_image(known, read)
    files = {file.name: file for file in entries(folder)}
    for done, (number, masks) in enumerate(found.items(), start=1):
        image = _photo(folder, files, source, known[number])
        values = distinctness(image, [rle for _, rle in masks], config)
        for (record, _), value in zip(masks, values, strict=True):
            product = min(max(record[DETECTOR_SCORE], 0.0), 1.0) * value**EXPONENT
            record["score"] = round(product ** (1 / (1 + EXPONENT)), 6)
        progress(done, len(found))
    return {**source.content, "annotations": [record for masks in found.values() for record, _ in masks]}


def _photo(folder: Path, files: Mapping[str, Entry], source: CocoDocument, photo: ImageRecord) -> ImageArray:
    name, size = name_and_size(source, photo)
    if name not in files:
        raise InputError(
            f"There is no photo {shown(name)} in {shown(str(folder))}; give the folder that 'cuts3d detect' read."
        )
    image = read_entry(files[name])
    if size != image.shape[:2]:
        raise InputError(
            f"{shown(name)} has another size than in the predictions; give the folder that 'cuts3d detect' read."
        )
    return image


def distinctness(image: ImageArray, masks: Sequence[RLE], config: CutS3DConfig) -> list[float]:
    """The distinctness of masks, each in [0, 1], computed by `cuts3d.method.score` on the photo's patches.

    Args:
        image: uint8 [H, W, 3].
        masks: Run lengths at the photo's size.
        config: Parameters of features and depth.
    """
    stages: dict[str, Any] = {}
    for stage in run_pipeline(image, config):
        stages[stage.stage] = stage.value
        if stage.stage == "affinity":
            break
    grid = stages["features"].grid_shape
    z = resize_map(normalise_depth(stages["depth"], clip_percent=config.cloud.depth_clip), grid)
    return [
        mask_factors(resize_mask(mask, grid), stages["affinity"], z).distinctness for mask in map(decode_rle, masks)
    ]
