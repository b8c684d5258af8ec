"""The result files of one photo: overlay, COCO JSON, point cloud, arrays. Each is written atomically."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from cuts3d.arrays import FloatArray
from cuts3d.errors import MissingPackageError, warn_of
from cuts3d.io.coco import coco_document
from cuts3d.io.files import write_atomically, write_json
from cuts3d.io.open3d_clouds import open3d_cloud, write_cloud
from cuts3d.io.overlays import draw_overlay, label_map
from cuts3d.io.point_clouds import dense_cloud
from cuts3d.io.surfaces import surface_mesh, write_surface
from cuts3d.types import Segmentation


def stage_arrays(result: Segmentation) -> dict[str, np.ndarray]:
    """Arrays of all stages, under their names in `stages.npz`."""
    arrays: dict[str, np.ndarray] = {
        **_feature_array(result.features.vectors),
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


def _feature_array(vectors: FloatArray) -> dict[str, np.ndarray]:
    """The features in half precision where they fit into it; nothing where only an affinity was given."""
    if not vectors.size:
        return {}
    fits = float(np.abs(vectors).max()) <= float(np.finfo(np.float16).max)
    return {"features": vectors.astype(np.float16 if fits else np.float32)}


def save_all(result: Segmentation, folder: Path, *, file_name: str) -> list[Path]:
    """Write `overlay.png`, `instances.json`, `cloud.ply` and `stages.npz` into a folder; returns their paths.

    Warns:
        InputNote: There is no `cloud.ply`, because Open3D is not installed.

    Raises:
        InputError: A file cannot be written.
    """
    document = coco_document(result, file_name=file_name)
    overlay, json_file, npz = (folder / name for name in ("overlay.png", "instances.json", "stages.npz"))
    write_atomically(overlay, lambda p: Image.fromarray(draw_overlay(result)).save(p))
    write_json(json_file, document)
    clouds = _save_ply(result, folder / "cloud.ply")
    write_atomically(npz, lambda p: np.savez_compressed(p, **stage_arrays(result)))  # pyright: ignore[reportArgumentType]
    return [overlay, json_file, *clouds, npz]


def save_geometry(result: Segmentation, folder: Path, *, pcd: bool, mesh: bool) -> list[Path]:
    """Write `cloud.pcd` (all attributes of `Segmentation.to_open3d`) and `surface.glb` as asked for; their paths.

    Raises:
        InputError: A file cannot be written, or the surface has no triangle.
        MissingPackageError: Open3D is not installed.
    """
    paths = []
    if pcd:
        paths.append(folder / "cloud.pcd")
        write_cloud(paths[-1], result.to_open3d())
    if mesh:
        paths.append(folder / "surface.glb")
        write_surface(paths[-1], surface_mesh(dense_cloud(result)))
    return paths


def _save_ply(result: Segmentation, path: Path) -> list[Path]:
    """Write x, y, z, red, green, blue and the integer property `label` (0 none) of each point."""
    try:
        cloud = open3d_cloud(dense_cloud(result))
    except MissingPackageError as error:
        path.unlink(missing_ok=True)  # one of an earlier photo would be taken for this one's
        warn_of([f"{path.name} was not written. {error}"])
        return []
    write_cloud(path, cloud)
    return [path]
