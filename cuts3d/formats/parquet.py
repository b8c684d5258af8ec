"""Parquet: one row a photo, its objects as a list; `datasets` of Hugging Face opens it, and every other reader."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cuts3d.formats.fiftyone import as_text
from cuts3d.formats.labels import LabelledObject, LabelledPhoto, Labels
from cuts3d.formats.names import own_targets
from cuts3d.formats.packages import needed
from cuts3d.formats.photos import PhotoFolder
from cuts3d.io.coco import rle_area
from cuts3d.io.files import write_atomically

FILE = "labels.parquet"
ROWS = 1000  # photos of a row group, which are in memory together


def write_parquet(labels: Labels, photos: PhotoFolder, folder: Path) -> int:
    """Write `labels.parquet`; returns the number of objects.

    Raises:
        InputError: Two images have one name, or the file cannot be written.
        ConfigError: pyarrow is not installed.
    """
    pa: Any = needed("pyarrow", "Parquet files")
    parquet: Any = needed("pyarrow.parquet", "Parquet files")
    own_targets(labels.names(), lambda name: name)
    schema, count = _schema(pa), 0

    def write(temporary: Path) -> None:
        nonlocal count
        rows: list[dict[str, Any]] = []
        with parquet.ParquetWriter(temporary, schema, compression="zstd") as writer:
            for photo in labels:
                rows.append(_row(photo, labels))
                count += len(photo.objects)
                if len(rows) == ROWS:
                    writer.write_table(pa.Table.from_pylist(rows, schema=schema))
                    rows = []
            if rows or not count:
                writer.write_table(pa.Table.from_pylist(rows, schema=schema))

    write_atomically(folder / FILE, write)
    return count


def _schema(pa: Any) -> Any:
    rle = pa.struct([("size", pa.list_(pa.int32())), ("counts", pa.string())])
    confidence = pa.struct([("size", pa.list_(pa.int32())), ("zlib", pa.string())])
    one = pa.struct(
        [
            ("category", pa.string()),
            ("bbox", pa.list_(pa.float64())),
            ("area", pa.float64()),
            ("mask", rle),
            ("score", pa.float64()),
            ("mean_confidence", pa.float64()),
            ("confidence", confidence),
            ("iscrowd", pa.bool_()),
        ]
    )
    sides = [("width", pa.int32()), ("height", pa.int32())]
    return pa.schema([("image", pa.string()), ("image_id", pa.string()), *sides, ("objects", pa.list_(one))])


def _row(photo: LabelledPhoto, labels: Labels) -> dict[str, Any]:
    h, w = photo.size
    objects = [_object(one, labels) for one in photo.objects]
    return {"image": str(photo.name), "image_id": str(photo.id), "width": w, "height": h, "objects": objects}


def _object(one: LabelledObject, labels: Labels) -> dict[str, Any]:
    mean, confidence = one.entry.get("mean_confidence"), one.entry.get("confidence")
    usable = isinstance(confidence, dict) and set(confidence) == {"size", "zlib"}  # as `cuts3d extract` writes it
    return {
        "category": labels.classes[one.category],
        "bbox": list(one.box),
        "area": one.box[2] * one.box[3] if one.mask is None else rle_area(one.mask),
        "mask": None if one.mask is None else as_text(one.mask),
        "score": one.score,
        "mean_confidence": float(mean) if isinstance(mean, int | float) else None,
        "confidence": confidence if usable else None,
        "iscrowd": one.crowd,
    }
