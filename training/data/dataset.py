"""Pseudo-labels and their photos as samples, read from a COCO file of `cuts3d extract` or `cuts3d detect`."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from cuts3d.errors import InputError, shown
from cuts3d.extract import decode_confidence
from cuts3d.grids import fit_shorter_side, resize_image, resize_map
from cuts3d.io.coco import (
    CocoDocument,
    DocumentInput,
    EmptyMaskError,
    ImageRecord,
    Size,
    decode_rle,
    frame_difference,
    read_document,
    rle_area,
    to_rle,
)
from cuts3d.io.coco.fields import crowd_field
from cuts3d.io.coco.numbers import as_number
from cuts3d.io.photos import read_image
from training.data.augment import LEAST_PIXELS, nearest, remove_small_components
from training.data.samples import Sample
from training.recipes.recipe import Recipe

Record = dict[str, Any]
ROUNDING = 2  # pixels by which a side of a reduced photo may differ


class PseudoLabels:
    """The photos with at least one usable pseudo-label; the others are not trained on, as in CutLER.

    Labels are kept compressed in one tensor, so that worker processes share one copy.

    Args:
        photos: Folder that the labels' file names are relative to.
        labels: COCO document, or its path. A missing `score`, `mean_confidence` or `confidence` of an annotation is
            taken as 1.
        min_score: Labels below this score are left out.
        top_labels: Largest number of labels of a photo; the best scored are kept.
        score_range: Scores that are mapped linearly to 0 and 1: the scores of pseudo-labels lie close together,
            although their precision does not.
        max_side: Upper limit of the longer side of a photo, in pixels; None: the size of the labels.
        limit: Only the first `limit` photos that have a label.

    Attributes:
        digest: Of the labels that are used, and of the names and sizes in bytes of their photos, wherever those are.
        confidence_median: Median over the labels of the mean spatial confidence, in [0, 1]; copy-paste selects by it.

    Raises:
        InputError: The document is not valid, a photo is missing, or no label is left.
    """

    def __init__(
        self,
        photos: Path,
        labels: DocumentInput,
        *,
        min_score: float = 0.0,
        top_labels: int = 100,
        score_range: tuple[float, float] = (0.0, 1.0),
        max_side: int | None = None,
        limit: int | None = None,
    ) -> None:
        self.photos, self.max_side, self.score_range = Path(photos), max_side, score_range
        source = read_document(labels, "Labels")
        records = _records(source, min_score, top_labels)[:limit]
        if not records:
            raise InputError(
                f"{source.label}: no label is left to train on; give a file in which 'cuts3d extract' found masks, or "
                f"lower the least score ({min_score:g})."
            )
        sizes = self._sizes([record["name"] for record in records])
        found = [label["mean_confidence"] for record in records for label in record["labels"]]
        self.confidence_median = float(np.median(found))
        self._content, self._ends = _packed(records)
        self.digest = hashlib.sha256(self._content.numpy().tobytes() + json.dumps(sizes).encode()).hexdigest()

    @classmethod
    def of_recipe(
        cls, photos: Path, labels: DocumentInput, recipe: Recipe, *, limit: int | None = None
    ) -> PseudoLabels:
        """The photos and labels that a recipe trains on; see the class for the arguments and errors."""
        return cls(
            photos,
            labels,
            min_score=recipe.min_score,
            top_labels=recipe.top_labels,
            score_range=recipe.score_range,
            max_side=recipe.max_side,
            limit=limit,
        )

    def __len__(self) -> int:
        return len(self._ends) - 1

    def load(self, index: int, *, short: int | None = None, max_side: int | None = None) -> Sample:
        """A photo with its labels, best scored first, at the size that training needs.

        Args:
            index: Index of the photo, from 0.
            short: Its shorter side, in pixels; None: that of the labels.
            max_side: Upper limit of its longer side; it may make the shorter side smaller than `short`.

        Raises:
            IndexError: There is no such photo.
            InputError: The photo cannot be read, or its aspect ratio differs from that of its labels.
        """
        if not 0 <= index < len(self):
            raise IndexError(f"There are {len(self)} photos; number {index} is none of them.")
        begin, end = self._ends[index : index + 2].tolist()
        record = json.loads(self._content[begin:end].numpy().tobytes())
        h, w = record["labels"][0]["segmentation"]["size"]
        most = min(side for side in (self.max_side, max_side, math.inf) if side is not None)
        shape = fit_shorter_side((h, w), short or min(h, w), most)
        masks = torch.cat([nearest(_decoded(label["segmentation"]), shape) for label in record["labels"]])
        sample = Sample(
            image=self._read(record["name"], (h, w), shape),
            masks=masks,
            confidence=_confidence(record, masks),
            scores=normalised_scores([label["score"] for label in record["labels"]], self.score_range),
            mean_confidence=torch.tensor([label["mean_confidence"] for label in record["labels"]], dtype=torch.float32),
            name=record["name"],
        )
        return remove_small_components(sample)

    def _read(self, name: str, stated: Size, shape: Size) -> Tensor:
        """The photo at a size, float32 [3, *shape]; its aspect ratio must be that of the size that the labels state."""
        try:
            image = read_image(self.photos / name, max_side=max(shape))  # a JPEG is decoded no larger than needed
        except InputError as error:
            raise InputError(f"The photo '{name}' of the labels cannot be used: {error}") from error
        h, w = image.shape[:2]
        fits = max(h, w) / max(stated)
        if any(abs(own - fits * side) > ROUNDING for own, side in zip((h, w), stated, strict=True)):
            reason = frame_difference((h, w), stated) or "give the photos that the labels were made from"
            raise InputError(
                f"The photo '{name}', read at {w}×{h} pixels, does not have the aspect ratio of its labels' "
                f"{stated[1]}×{stated[0]}: {reason}."
            )
        return torch.tensor(resize_image(image, shape)).permute(2, 0, 1).float().div_(255).contiguous()

    def _sizes(self, names: list[str]) -> list[int]:
        """Bytes of each photo; all must be there."""
        sizes = [_size(self.photos / name) for name in names]
        absent = [name for name, size in zip(names, sizes, strict=True) if size is None]
        if absent:
            raise InputError(
                f"{len(absent)} of {len(names)} photos of the labels are missing from '{self.photos}', "
                f"such as {shown(absent[0])}: give the folder that the labels were made from."
            )
        return [size or 0 for size in sizes]


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size if path.is_file() else None
    except (OSError, ValueError):  # a name that no file can have
        return None


def normalised_scores(scores: list[float], score_range: tuple[float, float]) -> Tensor:
    """Scores mapped linearly from a range to [0, 1], and clipped; float32 [n]."""
    low, high = score_range
    return ((torch.tensor(scores, dtype=torch.float32) - low) / (high - low)).clamp(0, 1)


def _records(source: CocoDocument, min_score: float, top_labels: int) -> list[Record]:
    """What training reads of every photo with a label, in the order of `images`."""
    known = source.images()
    found = source.annotations_by_image(known, lambda entry, photo: _label(entry, photo, min_score))
    records = []
    for photo in known.values():
        best = sorted(found.get(photo.id, []), key=lambda label: -label["score"])[:top_labels]
        if best:
            records.append({"name": _name(source, photo), "labels": best})
    return records


def _label(entry: Mapping[str, Any], photo: ImageRecord, min_score: float) -> Record | None:
    """One label, checked; None if it is left out, as a shape without any pixel is."""
    score, mean = (_fraction(entry, key) for key in ("score", "mean_confidence"))
    if crowd_field(entry) or score < min_score:
        return None
    try:
        rle = to_rle(entry.get("segmentation"), photo.size)
    except EmptyMaskError:
        return None
    if rle_area(rle) < LEAST_PIXELS:
        return None
    counts = rle["counts"].decode("ascii")
    return {
        "segmentation": {"size": rle["size"], "counts": counts},
        "score": score,
        "mean_confidence": mean,
        "confidence": entry.get("confidence"),
    }


def _fraction(entry: Mapping[str, Any], key: str) -> float:
    if entry.get(key) is None:
        return 1.0
    value = as_number(entry[key])
    if value is None or not 0 <= value <= 1:
        raise ValueError(f"has the '{key}' {shown(entry[key])}, which is no number from 0 to 1")
    return value


def _name(source: CocoDocument, photo: ImageRecord) -> str:
    if photo.name is None:
        raise InputError(f"{source.label}: image {shown(photo.id)} has no 'file_name', by which its photo is found.")
    return photo.name


def _packed(records: Iterable[Record]) -> tuple[Tensor, Tensor]:
    """All records as JSON in one uint8 tensor, and where each ends, int64 [n + 1] with a 0 in front."""
    texts = [json.dumps(record).encode() for record in records]
    content = np.frombuffer(bytearray(b"".join(texts)), dtype=np.uint8)
    return torch.from_numpy(content), torch.tensor([0, *(len(text) for text in texts)]).cumsum(0)


def _decoded(segmentation: Record) -> Tensor:
    """A dense mask, bool [1, H, W]; one at a time, because many of a large photo would fill the memory."""
    return torch.from_numpy(decode_rle(segmentation))[None]


def _confidence(record: Record, masks: Tensor) -> Tensor:
    """Spatial confidence at the photo's size, as `Instance.confidence` has it; float32 [n, H, W]."""
    values = torch.ones(masks.shape)
    for index, label in enumerate(record["labels"]):
        if label["confidence"] is None:
            continue
        try:
            coarse = decode_confidence(label["confidence"])
        except InputError as error:
            raise InputError(f"A label of the photo '{record['name']}' cannot be used: {error}") from error
        full = torch.from_numpy(resize_map(coarse, tuple(masks.shape[1:])))
        values[index] = torch.where(masks[index], full.clamp(0, 1), 1.0)
    return values
