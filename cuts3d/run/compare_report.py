"""Writes a comparison of depth estimators as text, as JSON and as files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from cuts3d.arrays import FloatArray
from cuts3d.config import CutS3DConfig
from cuts3d.depth import depth_range
from cuts3d.io.coco import coco_document
from cuts3d.io.files import write_atomically, write_json
from cuts3d.io.overlays import draw_overlay
from cuts3d.run.compare import ComparedDepth, DepthComparison


def text_table(found: DepthComparison) -> str:
    """Table of the estimators and their agreement, for a terminal."""
    lines = [f"{'estimator':24} {'kind':10} {'masks':>5} {'ms':>7} {'MB':>7}"]
    for entry in found.entries:
        if entry.segmentation is None:
            lines.append(f"{entry.name:24} {entry.kind:10} not available: {entry.error}")
            continue
        count = len(entry.segmentation.instances)
        lines.append(f"{entry.name:24} {entry.kind:10} {count:5} {entry.milliseconds:7.0f} {entry.megabytes:7.0f}")
    for title, matrix in agreements(found).items():
        lines += ["", f"{title}: {' '.join(found.names)}"]
        lines += [f"{n:24} " + " ".join(f"{v:6.2f}" for v in row) for n, row in zip(found.names, matrix, strict=True)]
    return "\n".join(lines)


def agreements(found: DepthComparison) -> dict[str, FloatArray]:
    """Title of each matrix -> matrix, float64 [n, n]."""
    return {
        "masks, matched IoU": found.mask_iou,
        "depth, Spearman": found.depth_spearman,
        "depth borders, F-score": found.edge_f,
    }


def write_comparison(found: DepthComparison, folder: Path, *, file_name: str, config: CutS3DConfig) -> list[Path]:
    """Write `comparison.json`, and for each estimator `depth.png` (16 bit, 0 = nearest), overlay and COCO JSON.

    Raises:
        InputError: A file cannot be written.
    """
    paths: list[Path] = []

    def write(path: Path, action: Any) -> None:
        write_atomically(path, action)
        paths.append(path)

    for entry in found.entries:
        result = entry.segmentation
        if result is None:
            continue
        z = np.rint(depth_range(result.depth, clip_percent=config.cloud.depth_clip).z * 65535).astype(np.uint16)
        target = folder / entry.name
        write(target / "depth.png", lambda p, z=z: Image.fromarray(z).save(p))
        write(target / "overlay.png", lambda p, r=result: Image.fromarray(draw_overlay(r)).save(p))
        write_json(target / "instances.json", coco_document(result, file_name=file_name))
        paths.append(target / "instances.json")
    write_json(folder / "comparison.json", comparison_document(found))
    paths.append(folder / "comparison.json")
    return paths


def comparison_document(found: DepthComparison) -> dict[str, Any]:
    """The comparison as a JSON document; NaN becomes null."""
    return {
        "estimators": [_entry(entry) for entry in found.entries],
        "compared": list(found.names),
        "mask_iou": _rounded(found.mask_iou),
        "depth_spearman": _rounded(found.depth_spearman),
        "depth_edge_f": _rounded(found.edge_f),
    }


def _entry(entry: ComparedDepth) -> dict[str, Any]:
    instances = entry.segmentation.instances if entry.segmentation else ()
    return {
        "name": entry.name,
        "title": entry.title,
        "kind": entry.kind,
        "instances": len(instances) if entry.segmentation else None,
        "score": round(float(np.mean([i.score for i in instances])), 6) if instances else None,
        "ms": round(entry.milliseconds, 1) if entry.segmentation else None,
        "megabytes": round(entry.megabytes, 1) if entry.segmentation else None,
        "error": entry.error or None,
    }


def _rounded(values: FloatArray) -> list[Any]:
    """Nested lists for JSON; NaN becomes None."""
    rounded = np.round(values, 6).astype(object)
    rounded[np.isnan(values)] = None
    return rounded.tolist()
