"""Point clouds as Open3D's, their normals, and the files that Open3D writes."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from cuts3d.arrays import FloatArray
from cuts3d.errors import InputError
from cuts3d.io.files import write_atomically
from cuts3d.io.open3d_loaded import load_open3d
from cuts3d.io.point_clouds import CLOUD_SIDE, DenseCloud, dense_cloud
from cuts3d.types import Segmentation

if TYPE_CHECKING:
    import open3d

NEIGHBOURS = 30  # points that a normal is fitted to
HEADS_END = {".ply": b"end_header\n", ".pcd": b"DATA binary\n"}


def segmentation_cloud(result: Segmentation, *, side: int = CLOUD_SIDE) -> open3d.t.geometry.PointCloud:
    """What `Segmentation.to_open3d` returns."""
    return open3d_cloud(dense_cloud(result, side=side), normals=True, confidence=True)


def open3d_cloud(cloud: DenseCloud, *, normals: bool = False, confidence: bool = False) -> open3d.t.geometry.PointCloud:
    """A dense cloud as Open3D's.

    Args:
        cloud: The points.
        normals: Whether normals are estimated and added; see `estimate_normals`.
        confidence: Whether the spatial confidence is added.

    Returns:
        The attributes `positions` float32 [n, 3], `colors` uint8 [n, 3], `label` int32 [n, 1], and as asked for
        `normals` float32 [n, 3] and `confidence` float32 [n, 1].

    Raises:
        MissingPackageError: Open3D is not installed.
    """
    o3d = load_open3d("A point cloud")
    attributes = {
        "positions": cloud.points.astype(np.float32),
        "colors": cloud.colours,
        "label": cloud.labels.astype(np.int32)[:, None],
    }
    if normals:
        attributes["normals"] = estimate_normals(cloud.points, cloud.eye)
    if confidence:
        attributes["confidence"] = cloud.confidence.astype(np.float32)[:, None]
    made = o3d.t.geometry.PointCloud()
    for name, values in attributes.items():
        made.point[name] = o3d.core.Tensor(np.ascontiguousarray(values))
    return made


def estimate_normals(points: FloatArray, eye: FloatArray | None = None, *, neighbours: int = NEIGHBOURS) -> FloatArray:
    """Unit normals of a point cloud by Open3D's estimator, turned towards the camera.

    Each is the direction in which the nearest points spread least.

    Args:
        points: float [n, 3]; x right, y up, z towards the viewer.
        eye: Position of the camera, float [3]; None: it looks along −z from everywhere (orthographic).
        neighbours: Points that each normal is fitted to, with the point itself.

    Returns:
        float32 [n, 3].

    Raises:
        InputError: There are fewer than three points, which have no plane.
        MissingPackageError: Open3D is not installed.
    """
    o3d = load_open3d("Estimating normals")
    if len(points) < 3:
        raise InputError(f"Normals need at least 3 points; there are {len(points)}.")
    # centred: Open3D works in float32 here, and far from the origin little of it would be left
    centre = points.mean(axis=0)
    cloud = o3d.t.geometry.PointCloud(o3d.core.Tensor(np.ascontiguousarray(points - centre, dtype=np.float32)))
    cloud.estimate_normals(max_nn=min(neighbours, len(points)))
    if eye is None:
        cloud.orient_normals_to_align_with_direction(o3d.core.Tensor([0.0, 0.0, 1.0], o3d.core.float32))
    else:
        place = o3d.core.Tensor(np.asarray(eye - centre, dtype=np.float32))
        cloud.orient_normals_towards_camera_location(place)
    return cloud.point["normals"].numpy()


def write_cloud(path: Path, cloud: open3d.t.geometry.PointCloud) -> None:
    """Write a point cloud with all its attributes through Open3D, atomically, as the suffix says.

    Args:
        path: It ends with `.ply` (binary, little-endian) or `.pcd` (binary).
        cloud: At least one point.

    Raises:
        InputError: The suffix is another, the cloud is empty, or the file cannot be written.
    """
    if path.suffix.lower() not in HEADS_END:
        raise InputError(f"A point cloud is written as {' or '.join(HEADS_END)}; the file is '{path.name}'.")
    if not len(cloud.point["positions"]):
        raise InputError(f"'{path}' would have no points, and Open3D writes no empty cloud.")
    write_atomically(path, lambda temporary: temporary.write_bytes(_encoded(cloud, path.suffix.lower())))


def _encoded(cloud: Any, suffix: str) -> bytes:
    """The file's bytes. Open3D reports success where a full disk cut a PLY short, so that their number is checked.

    Raises:
        OSError: The file is incomplete.
    """
    o3d = load_open3d("A file of points")
    # a folder of our own: Open3D takes no path that is not UTF-8
    with TemporaryDirectory() as folder, o3d.utility.VerbosityContextManager(o3d.utility.VerbosityLevel.Error):
        path = Path(folder, f"cloud{suffix}")
        written = o3d.t.io.write_point_cloud(str(path), cloud)
        content = path.read_bytes() if path.exists() else b""
    if not written or len(content.partition(HEADS_END[suffix])[2]) != _body_size(cloud, suffix):
        raise OSError("Open3D wrote no complete file; the disk of temporary files may be full")
    return content


def _body_size(cloud: Any, suffix: str) -> int:
    """Bytes behind the header. A PCD packs a colour into four of them."""
    arrays = {name: cloud.point[name].numpy() for name in cloud.point}
    padding = len(arrays["colors"]) if suffix == ".pcd" and "colors" in arrays else 0
    return sum(values.nbytes for values in arrays.values()) + padding
