"""The visible surface: triangles against counts and orientations known by hand, and a GLB that follows glTF 2.0."""

import json
import struct
from pathlib import Path
from typing import Any

import numpy as np
import open3d
import pytest

from cuts3d import ConfigError, CutS3D, InputError
from cuts3d.io.point_clouds import DenseCloud, dense_cloud
from cuts3d.io.surfaces import linear_colours, surface_mesh, surface_triangles, write_surface


def cloud_of(depth: np.ndarray, colours: np.ndarray | None = None) -> DenseCloud:
    """A cloud of the orthographic camera; depth in [0, 1], float [h, w]."""
    h, w = depth.shape
    y, x = np.meshgrid((np.arange(h) + 0.5) / w, (np.arange(w) + 0.5) / w, indexing="ij")
    return DenseCloud(
        points=np.stack([x, -y, -depth], axis=-1).reshape(-1, 3),
        colours=np.full((h * w, 3), 128, np.uint8) if colours is None else colours,
        labels=np.zeros(h * w, np.int32),
        confidence=np.ones(h * w, np.float32),
        grid_shape=(h, w),
        eye=None,
    )


def crosses(cloud: DenseCloud, triangles: np.ndarray) -> np.ndarray:
    """(b − a) × (c − a) of each triangle."""
    a, b, c = (cloud.points[triangles[:, corner]] for corner in range(3))
    return np.cross(b - a, c - a)


def chunks(content: bytes) -> tuple[dict[str, Any], bytes]:
    """JSON and binary chunk of a GLB, as the specification lays them out."""
    magic, version, length = struct.unpack("<4sII", content[:12])
    assert (magic, version, length) == (b"glTF", 2, len(content))
    size, kind = struct.unpack("<I4s", content[12:20])
    assert (kind, size % 4) == (b"JSON", 0)
    body = content[20 + size :]
    binary_size, kind = struct.unpack("<I4s", body[:8])
    assert (kind, binary_size % 4, binary_size) == (b"BIN\0", 0, len(body) - 8)
    return json.loads(content[20 : 20 + size]), body[8:]


def accessor(document: dict[str, Any], binary: bytes, number: int) -> np.ndarray:
    """The values of an accessor, which must be aligned."""
    one = document["accessors"][number]
    view = document["bufferViews"][one["bufferView"]]
    dtype = np.dtype({5126: "<f4", 5125: "<u4", 5123: "<u2"}[one["componentType"]])
    width = {"SCALAR": 1, "VEC3": 3, "VEC4": 4}[one["type"]]
    start = view.get("byteOffset", 0) + one.get("byteOffset", 0)
    assert start % dtype.itemsize == 0
    assert view.get("byteStride", width * dtype.itemsize) == width * dtype.itemsize
    return np.frombuffer(binary, dtype, one["count"] * width, start).reshape(-1, width)


@pytest.mark.parametrize("shape", [(2, 2), (7, 9)])
def test_a_plane_has_two_triangles_for_each_square_and_they_cover_it_once(shape):
    h, w = shape
    cloud = cloud_of(np.full(shape, 0.5))
    triangles = surface_triangles(cloud)
    assert triangles.shape == (2 * (h - 1) * (w - 1), 3)
    normals = crosses(cloud, triangles)
    assert (normals[:, 2] > 0).all()  # counter-clockwise for the viewer at +z
    assert normals[:, 2].sum() / 2 == pytest.approx((h - 1) * (w - 1) / w**2)


def test_no_triangle_lies_across_a_step_and_none_else_is_missing():
    depth = np.full((6, 10), 0.2)
    depth[:, 4:] = 0.7
    cloud = cloud_of(depth)
    triangles = surface_triangles(cloud)
    assert (np.ptp(cloud.points[triangles, 2], axis=1) == 0).all()
    assert len(triangles) == 2 * 5 * (9 - 1)  # of nine columns of squares, one lies across


def test_a_corner_of_an_object_costs_one_triangle_of_its_square():
    for row, column in ((0, 0), (0, 2), (2, 0), (2, 2)):
        depth = np.zeros((3, 3))
        depth[row, column] = 1.0
        assert len(surface_triangles(cloud_of(depth))) == 7, (row, column)


def test_the_limit_is_the_difference_of_depth_inside_a_triangle():
    slope = np.broadcast_to(np.arange(10) * 0.03, (6, 10))
    assert len(surface_triangles(cloud_of(slope))) == 2 * 5 * 9
    assert len(surface_triangles(cloud_of(slope), max_jump=0.0299)) == 0
    with pytest.raises(ConfigError, match="max_jump must be above 0"):
        surface_triangles(cloud_of(slope), max_jump=0)


def test_a_surface_without_triangles_is_an_error():
    rough = np.indices((5, 5)).sum(axis=0) % 2 * 0.5 + np.arange(25).reshape(5, 5) * 0.05
    with pytest.raises(InputError, match="No triangle is left"):
        surface_mesh(cloud_of(rough))


def test_colours_become_linear_as_the_standard_says():
    found = linear_colours(np.array([[0, 10, 128], [188, 254, 255]], np.uint8))
    assert np.allclose(found, [[0, 0.003035, 0.215861], [0.502886, 0.991102, 1]], atol=1e-6)


def test_normals_of_a_slope_are_its_own():
    mesh = surface_mesh(cloud_of(np.broadcast_to(np.arange(10) * 0.03, (6, 10))))
    expected = np.array([0.3, 0, 1]) / np.hypot(0.3, 1)  # z = −0.3 x
    assert np.allclose(mesh.vertex["normals"].numpy(), expected, atol=1e-5)


def test_the_glb_follows_the_format_and_holds_the_surface(photo, pixel_config, tmp_path):
    found = CutS3D(pixel_config).segment(photo.image, depth=photo.depth)
    cloud = dense_cloud(found, side=80)
    write_surface(tmp_path / "s.glb", surface_mesh(cloud))
    document, binary = chunks((tmp_path / "s.glb").read_bytes())
    assert document["asset"]["version"] == "2.0"
    assert not document.get("extensionsRequired")
    assert "uri" not in document["buffers"][0]
    (mesh,) = document["meshes"]
    (primitive,) = mesh["primitives"]
    assert primitive.get("mode", 4) == 4
    values = {name: accessor(document, binary, number) for name, number in primitive["attributes"].items()}
    corners = accessor(document, binary, primitive["indices"]).reshape(-1, 3)
    triangles = surface_triangles(cloud)
    used = np.unique(triangles)
    assert (values["POSITION"][corners] == cloud.points.astype(np.float32)[triangles]).all()
    assert (np.rint(srgb(values["COLOR_0"][:, :3])) == cloud.colours[used]).all()
    assert (values["NORMAL"][:, 2] > 0).all()
    assert document["materials"][primitive["material"]]["pbrMetallicRoughness"]["metallicFactor"] == 0
    again = open3d.io.read_triangle_mesh(tmp_path / "s.glb")
    assert len(again.triangles) == len(triangles)


def srgb(linear: np.ndarray) -> np.ndarray:
    """sRGB from 0 to 255 of linear colours."""
    low, high = linear * 12.92, 1.055 * np.maximum(linear, 1e-9) ** (1 / 2.4) - 0.055
    return np.where(linear <= 0.0031308, low, high) * 255


def test_another_suffix_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"written as \.glb; the file is 's\.obj'"):
        write_surface(Path(tmp_path, "s.obj"), surface_mesh(cloud_of(np.zeros((4, 4)))))
