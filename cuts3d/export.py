"""Results out: overlay, COCO JSON, point cloud, arrays. Every file is written whole or not at all."""

from __future__ import annotations

import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from scipy import ndimage

from cuts3d import __version__
from cuts3d.config import CutS3DConfig
from cuts3d.errors import InputError
from cuts3d.grids import resize_image, resize_mask
from cuts3d.point_cloud import photo_cloud
from cuts3d.types import BoolArray, FloatArray, ImageArray, IntArray, Segmentation

# Okabe and Ito's colours, told apart by colour-blind readers too, then lighter and darker ones
PALETTE = np.array(
    [
        [230, 159, 0], [86, 180, 233], [0, 158, 115], [240, 228, 66], [0, 114, 178], [213, 94, 0], [204, 121, 167],
        [148, 103, 189], [140, 86, 75], [127, 201, 127], [190, 174, 212], [253, 192, 134], [102, 194, 165],
    ],
    dtype=np.uint8,
)  # fmt: skip
CLOUD_SIDE = 240  # points along the longer side of an exported cloud


def instance_colour(index: int) -> ImageArray:
    """Colour of the index-th instance, uint8 [3]."""
    return PALETTE[index % len(PALETTE)]


def label_map(result: Segmentation) -> IntArray:
    """Instance of every pixel: 0 none, i + 1 the i-th instance; int32 [H, W]."""
    labels = np.zeros(result.image.shape[:2], dtype=np.int32)
    for index, instance in result.back_to_front:
        labels[instance.mask] = index
    return labels


def draw_overlay(result: Segmentation, *, opacity: float = 0.5) -> ImageArray:
    """The photo with its masks: filled, with a solid outline.

    Args:
        result: What was found.
        opacity: Of the fill, in [0, 1].

    Returns:
        uint8 [H, W, 3].
    """
    masks = [(instance.number - 1, instance.mask) for _, instance in result.back_to_front]
    return draw_masks(result.image, masks, opacity=opacity)


def draw_masks(image: ImageArray, masks: Iterable[tuple[int, BoolArray]], *, opacity: float = 0.5) -> ImageArray:
    """A photo with masks over it: filled, with a solid outline.

    Args:
        image: uint8 [H, W, 3].
        masks: The number of each colour, from 0, and a mask, bool [H, W]; later ones lie on top.
        opacity: Of the fill, in [0, 1].

    Returns:
        uint8 [H, W, 3].
    """
    out = image.copy()
    width = max(1, round(max(out.shape[:2]) / 320))
    for number, mask in masks:
        colour = instance_colour(number).astype(np.float32)
        out[mask] = (out[mask] * (1 - opacity) + colour * opacity).astype(np.uint8)
        out[outline(mask, width)] = colour
    return out


def outline(mask: BoolArray, width: int = 1) -> BoolArray:
    """The inner border of a mask, `width` pixels; bool [H, W]."""
    inner = mask
    for axis in (0, 1):  # separable erosion by a square; its cost does not grow with the width
        inner = ndimage.minimum_filter1d(inner.view(np.uint8), 2 * width + 1, axis=axis, mode="constant")
    return mask & (inner == 0)


def encode_rle(mask: BoolArray) -> dict[str, Any]:
    """COCO run-length encoding of a mask, compressed, with `counts` as text."""
    from pycocotools import mask as coco

    rle: Any = coco.encode(np.asfortranarray(mask.astype(np.uint8)))
    return {"size": [int(s) for s in rle["size"]], "counts": rle["counts"].decode("ascii")}


def coco_document(result: Segmentation, *, file_name: str, config: CutS3DConfig) -> dict[str, Any]:
    """A COCO document of one photo.

    Beside COCO's own fields an annotation has `score`, `mean_confidence`, `cut_value`, `ncut` and `fallback`; `info`
    holds version, depth source and the whole configuration.
    """
    h, w = result.image.shape[:2]
    annotations = [
        {
            "id": index,
            "image_id": 1,
            "category_id": 1,
            "segmentation": encode_rle(instance.mask),
            "bbox": list(instance.bbox),
            "area": instance.area,
            "iscrowd": 0,
            "score": round(instance.score, 6),
            "mean_confidence": round(instance.mean_confidence, 6),
            "cut_value": instance.cut.flow,
            "ncut": instance.ncut,
            "fallback": instance.cut.fallback or None,
        }
        for index, instance in enumerate(result.instances, start=1)
    ]
    return {
        "info": {
            "description": "CutS3D pseudo-masks",
            "version": __version__,
            "backbone": result.features.backbone,
            "depth": result.depth.estimator,
            "config": config.to_dict(),
            "dropped": [{"ncut": d.ncut, "reason": d.reason} for d in result.dropped],
        },
        "images": [{"id": 1, "file_name": file_name, "width": w, "height": h}],
        "categories": [{"id": 1, "name": "object"}],
        "annotations": annotations,
    }


def dense_cloud(
    result: Segmentation, config: CutS3DConfig, *, side: int = CLOUD_SIDE
) -> tuple[FloatArray, ImageArray, IntArray]:
    """One point per pixel of the reduced photo: positions [n, 3], colours uint8 [n, 3], labels int32 [n].

    y points up and the viewer looks along −z, as 3D viewers expect.
    """
    h, w = result.image.shape[:2]
    shape = (max(1, round(side * h / max(h, w))), max(1, round(side * w / max(h, w))))
    # the method's own scale is for cutting; a cloud to look at keeps natural proportions
    cloud = photo_cloud(result.depth, (h, w), shape, config.cloud, depth_scale=1.0)
    labels = np.zeros(shape, dtype=np.int32)
    for index, instance in result.back_to_front:
        labels[resize_mask(instance.mask, shape)] = index
    points = cloud.points * np.array([1.0, -1.0, -1.0])
    return points, resize_image(result.image, shape).reshape(-1, 3), labels.ravel()


def write_ply(path: Path, points: FloatArray, colours: ImageArray, labels: IntArray) -> None:
    """Binary PLY with x, y, z, red, green, blue and the integer property `label` (0 none)."""
    fields = [
        ("x", "<f4"),
        ("y", "<f4"),
        ("z", "<f4"),
        ("red", "u1"),
        ("green", "u1"),
        ("blue", "u1"),
        ("label", "<i4"),
    ]
    vertices = np.empty(len(points), dtype=fields)
    for axis, name in enumerate("xyz"):
        vertices[name] = points[:, axis]
    for channel, name in enumerate(("red", "green", "blue")):
        vertices[name] = colours[:, channel]
    vertices["label"] = labels
    types = {"<f4": "float", "u1": "uchar", "<i4": "int"}
    header = ["ply", "format binary_little_endian 1.0", f"element vertex {len(points)}"]
    header += [f"property {types[kind]} {name}" for name, kind in fields]
    content = "\n".join([*header, "end_header\n"]).encode("ascii") + vertices.tobytes()
    write_atomically(path, lambda temporary: temporary.write_bytes(content))


def stage_arrays(result: Segmentation) -> dict[str, np.ndarray]:
    """Arrays of all stages, under the names that `stages.npz` has."""
    arrays: dict[str, np.ndarray] = {
        "features": result.features.vectors.astype(np.float16),
        "grid_shape": np.array(result.features.grid_shape),
        "depth": result.depth.values,
        "cloud": result.cloud.points.astype(np.float32),
        "eigenvectors": np.array([b.eigenvector for b in result.bipartitions], dtype=np.float32),
        "eigenvalues": np.array([b.eigenvalue for b in result.bipartitions]),
        "bipartitions": np.array([b.mask for b in result.bipartitions], dtype=bool),
        "coarse_masks": np.array([i.coarse_mask for i in result.instances], dtype=bool),
        "coarse_confidences": np.array([i.coarse_confidence for i in result.instances], dtype=np.float32),
        "confidence_cuts": np.array([c.cuts for c in result.confidences], dtype=bool),
        "confidence_taus": np.array([c.taus for c in result.confidences]),
        "scores": np.array([i.score for i in result.instances]),
        "labels": label_map(result).astype(np.uint8),
    }
    if result.importance is not None:
        arrays["importance"] = result.importance
    return arrays


def write_atomically(path: Path, write: Callable[[Path], Any]) -> None:
    """Write through a temporary file beside the target, so that a full disk or a kill leaves no half file.

    Raises:
        InputError: The file cannot be written.
    """
    temporary: Path | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.stem}-", suffix=path.suffix)
        os.close(handle)
        temporary = Path(name)
        write(temporary)
        temporary.chmod(0o644)
        os.replace(temporary, path)
    except OSError as error:
        raise InputError(f"'{path}' could not be written: {error.strerror or error}.") from error
    finally:
        if temporary is not None:
            temporary.unlink(missing_ok=True)  # gone already where all went well


def write_json(path: Path, document: dict[str, Any]) -> None:
    """Write a JSON document for people and programs, in UTF-8.

    Raises:
        InputError: The file cannot be written.
    """
    text = json.dumps(document, indent=1, ensure_ascii=False)
    # a file name that is no UTF-8 holds surrogates, which are written as JSON escapes them
    write_atomically(path, lambda p: p.write_text(text, encoding="utf-8", errors="backslashreplace"))


def remove_unfinished(path: Path) -> None:
    """Remove what a kill has left of `write_atomically` or `save_safetensors`, where nobody else writes that file."""
    name = re.compile(rf"\.{re.escape(path.stem)}-[a-z0-9_]{{8}}{re.escape(path.suffix)}")  # as mkstemp makes them
    for found in path.parent.iterdir() if path.parent.is_dir() else ():
        if not name.fullmatch(found.name):
            continue
        if found.is_dir():
            shutil.rmtree(found, ignore_errors=True)
        else:
            found.unlink(missing_ok=True)


def save_all(result: Segmentation, folder: Path, *, file_name: str, config: CutS3DConfig) -> list[Path]:
    """Write `overlay.png`, `instances.json`, `cloud.ply` and `stages.npz` into a folder; returns their paths.

    Raises:
        InputError: A file cannot be written.
    """
    document = coco_document(result, file_name=file_name, config=config)
    overlay, json_file, ply, npz = (
        folder / name for name in ("overlay.png", "instances.json", "cloud.ply", "stages.npz")
    )
    write_atomically(overlay, lambda p: Image.fromarray(draw_overlay(result)).save(p))
    write_json(json_file, document)
    write_ply(ply, *dense_cloud(result, config))
    write_atomically(npz, lambda p: np.savez_compressed(p, **stage_arrays(result)))  # pyright: ignore[reportArgumentType]
    return [overlay, json_file, ply, npz]
