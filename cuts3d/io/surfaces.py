"""The visible surface of a photo: triangles of its grid, none across a depth border, as a GLB file."""

from __future__ import annotations

import struct
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from cuts3d.arrays import FloatArray, ImageArray, IntArray
from cuts3d.errors import ConfigError, InputError
from cuts3d.io.files import write_atomically
from cuts3d.io.open3d_loaded import load_open3d
from cuts3d.io.point_clouds import DenseCloud

if TYPE_CHECKING:
    import open3d

MAX_JUMP = 0.04  # fraction of the depth range


def surface_triangles(cloud: DenseCloud, *, max_jump: float = MAX_JUMP) -> IntArray:
    """Two triangles for each square of neighbouring points, without those across a depth border.

    A triangle lies across a border if the depths of its corners differ by more than `max_jump`. A square is divided
    along the diagonal whose ends differ less in depth, so that a border cuts off as little as possible.

    Args:
        cloud: The points, whose depth range is 1.
        max_jump: Largest difference of depth inside a triangle, as a fraction of the depth range, above 0.

    Returns:
        Indices of points, int32 [t, 3], counter-clockwise as the camera sees them.

    Raises:
        ConfigError: `max_jump` is not above 0.
    """
    if not max_jump > 0:
        raise ConfigError(f"max_jump must be above 0; it is {max_jump}.")
    h, w = cloud.grid_shape
    index, z = np.arange(h * w, dtype=np.int32).reshape(h, w), cloud.points[:, 2]
    upper_left, upper_right = index[:-1, :-1].ravel(), index[:-1, 1:].ravel()
    lower_left, lower_right = index[1:, :-1].ravel(), index[1:, 1:].ravel()
    falling = np.abs(z[upper_left] - z[lower_right]) < np.abs(z[upper_right] - z[lower_left])
    first = np.stack([upper_left, lower_left, np.where(falling, lower_right, upper_right)], axis=1)
    second = np.stack([np.where(falling, upper_left, lower_left), lower_right, upper_right], axis=1)
    triangles = np.stack([first, second], axis=1).reshape(-1, 3)
    return triangles[np.ptp(z[triangles], axis=1) <= max_jump]


def surface_mesh(cloud: DenseCloud, *, max_jump: float = MAX_JUMP) -> open3d.t.geometry.TriangleMesh:
    """The visible surface as Open3D's mesh, without points that are in no triangle.

    Args:
        cloud: The points.
        max_jump: See `surface_triangles`.

    Returns:
        A mesh with vertex `positions`, `normals` and `colors`, float32 [v, 3] each. Colours are linear in [0, 1], as
        glTF wants them, not those of the photo, which are sRGB.

    Raises:
        InputError: No triangle is left.
        MissingPackageError: Open3D is not installed.
    """
    o3d = load_open3d("A surface")
    triangles = surface_triangles(cloud, max_jump=max_jump)
    if not len(triangles):
        raise InputError(f"No triangle is left: all depths differ by more than {max_jump:g} of the depth range.")
    used, corners = np.unique(triangles, return_inverse=True)
    mesh = o3d.t.geometry.TriangleMesh(
        o3d.core.Tensor(cloud.points[used].astype(np.float32)),
        o3d.core.Tensor(corners.reshape(-1, 3).astype(np.int32)),
    )
    mesh.vertex["colors"] = o3d.core.Tensor(linear_colours(cloud.colours[used]))
    mesh.compute_vertex_normals()
    mesh.material.material_name = "defaultLit"
    mesh.material.scalar_properties["metallic"] = 0.0  # glTF's own default is a metal, which is dark
    mesh.material.scalar_properties["roughness"] = 1.0
    return mesh


def linear_colours(colours: ImageArray) -> FloatArray:
    """Linear RGB of sRGB colours, uint8 [n, 3], as float32 [n, 3] in [0, 1] (IEC 61966-2-1)."""
    values = colours.astype(np.float64) / 255
    return np.where(values <= 0.04045, values / 12.92, ((values + 0.055) / 1.055) ** 2.4).astype(np.float32)


def write_surface(path: Path, mesh: open3d.t.geometry.TriangleMesh) -> None:
    """Write a mesh as GLB (glTF 2.0, one binary file) through Open3D, atomically: y up, the camera looks along −z.

    Raises:
        InputError: The suffix is not `.glb`, or the file cannot be written.
    """
    if path.suffix.lower() != ".glb":
        raise InputError(f"A surface is written as .glb; the file is '{path.name}'.")
    write_atomically(path, lambda temporary: temporary.write_bytes(_encoded(mesh)))


def _encoded(mesh: Any) -> bytes:
    """The file's bytes. Open3D reports success where a full disk cut a GLB short; its header knows how long it is.

    Raises:
        OSError: The file is incomplete.
    """
    o3d = load_open3d("A file of a surface")
    with TemporaryDirectory() as folder, o3d.utility.VerbosityContextManager(o3d.utility.VerbosityLevel.Error):
        path = Path(folder, "surface.glb")
        written = o3d.t.io.write_triangle_mesh(str(path), mesh)
        content = path.read_bytes() if path.exists() else b""
    if not written or len(content) < 12 or struct.unpack("<4sII", content[:12]) != (b"glTF", 2, len(content)):
        raise OSError("Open3D wrote no complete file; the disk of temporary files may be full")
    return content
