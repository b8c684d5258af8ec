"""Point clouds as Open3D's: attributes, normals against closed forms, and complete files or none."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import open3d
import pytest
from helpers import REPO

from cuts3d import CutS3D, InputError, Segmentation
from cuts3d.errors import MissingPackageError
from cuts3d.io.open3d_clouds import estimate_normals, open3d_cloud, write_cloud
from cuts3d.io.open3d_loaded import load_open3d
from cuts3d.io.point_clouds import dense_cloud

FULL_DISK = """
import resource, signal, sys
from pathlib import Path
from typing import Any
import numpy as np
import open3d as o3d
from cuts3d.errors import InputError
from cuts3d.io.open3d_clouds import write_cloud
cloud = o3d.t.geometry.PointCloud(o3d.core.Tensor(np.random.default_rng(0).random((20000, 3), np.float32)))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    write_cloud(Path(sys.argv[1]), cloud)
except InputError as error:
    print(error)
"""


@pytest.fixture
def result(photo, pixel_config) -> Segmentation:
    return CutS3D(pixel_config).segment(photo.image, depth=photo.depth)


def grid(h: int, w: int) -> tuple[np.ndarray, np.ndarray]:
    y, x = np.meshgrid((np.arange(h) + 0.5) / w, (np.arange(w) + 0.5) / w, indexing="ij")
    return x.ravel(), -y.ravel()


# ---- attributes


def test_a_segmentation_becomes_a_cloud_with_all_that_is_known_of_its_points(result, pixel_config):
    cloud, dense = result.to_open3d(), dense_cloud(result)
    kinds = {name: (str(cloud.point[name].dtype), tuple(cloud.point[name].shape)) for name in cloud.point}
    n = 180 * 240
    assert kinds == {
        "positions": ("Float32", (n, 3)),
        "colors": ("UInt8", (n, 3)),
        "normals": ("Float32", (n, 3)),
        "label": ("Int32", (n, 1)),
        "confidence": ("Float32", (n, 1)),
    }
    assert (cloud.point["positions"].numpy() == dense.points.astype(np.float32)).all()
    assert (cloud.point["colors"].numpy() == dense.colours).all()
    assert (cloud.point["label"].numpy().ravel() == dense.labels).all()


def test_confidence_is_that_of_the_instance_and_1_elsewhere(result):
    cloud = result.to_open3d(side=160)
    confidence = cloud.point["confidence"].numpy().reshape(120, 160)
    labels = cloud.point["label"].numpy().reshape(120, 160)
    assert (confidence[labels == 0] == 1).all()
    for number, instance in enumerate(result.instances, start=1):
        inside = labels == number
        assert np.allclose(confidence[inside], instance.confidence[inside])
    assert confidence.min() < 1


@pytest.mark.parametrize("camera", ["orthographic", "perspective"])
def test_a_cloud_has_the_camera_of_its_run(photo, pixel_config, camera):
    config = pixel_config.replace(camera=camera, field_of_view=80.0)
    found = CutS3D(config).segment(photo.image, depth=photo.depth)
    assert found.config == config
    dense = dense_cloud(found)
    assert (found.to_open3d().point["positions"].numpy() == dense.points.astype(np.float32)).all()
    if dense.eye is None:
        assert camera == "orthographic"
    else:  # all points of the photo are seen from there within the field of view
        rays = dense.points - dense.eye
        across = np.degrees(np.arctan(np.abs(rays[:, 0] / rays[:, 2])).max()) * 2
        assert 79 < across < 80


# ---- normals


@pytest.mark.parametrize(("slope", "rise"), [(0.0, 0.0), (1.0, 0.0), (-0.5, 0.8)])
@pytest.mark.parametrize("away", [0.0, 1000.0])
def test_normals_of_a_plane_are_its_own_and_face_the_viewer(slope, rise, away):
    x, y = grid(30, 40)
    points = np.stack([x, y, slope * x + rise * y - 3 + away], axis=1)
    normals = estimate_normals(points)
    expected = np.array([-slope, -rise, 1.0]) / np.linalg.norm([slope, rise, 1.0])
    assert normals.dtype == np.float32
    assert np.abs(normals - expected).max() < 2e-3


def test_normals_of_a_sphere_point_from_its_centre_to_a_camera_outside():
    rng = np.random.default_rng(0)
    outward = rng.normal(size=(20000, 3))
    outward /= np.linalg.norm(outward, axis=1, keepdims=True)
    eye = np.array([0.0, 0.0, 10.0])
    seen = outward[outward @ eye > 1.2]  # the side that the camera sees: n · (eye − n) > 0
    normals = estimate_normals(seen, eye, neighbours=12)
    assert (normals * seen).sum(axis=1).min() > 0.97
    assert np.linalg.norm(normals, axis=1) == pytest.approx(np.ones(len(seen)), abs=1e-4)


@pytest.mark.parametrize("eye", [(0.0, 0.0, 4.0), (0.0, 0.0, -4.0)])
def test_normals_face_the_camera_on_whichever_side_it_is(eye):
    x, y = grid(12, 16)
    normals = estimate_normals(np.stack([x, y, np.zeros_like(x)], axis=1), np.array(eye))
    assert (np.sign(normals[:, 2]) == np.sign(eye[2])).all()


def test_normals_of_points_on_a_line_are_finite_and_of_two_points_refused():
    line = np.stack([np.linspace(0, 1, 50), np.zeros(50), np.zeros(50)], axis=1)
    assert np.isfinite(estimate_normals(line)).all()
    with pytest.raises(InputError, match="at least 3 points; there are 2"):
        estimate_normals(line[:2])


# ---- files


@pytest.mark.parametrize("suffix", [".ply", ".pcd", ".PLY"])
def test_a_written_cloud_is_read_with_every_attribute(result, tmp_path, suffix):
    cloud = result.to_open3d(side=40)
    path = tmp_path / f"wolke 写真{suffix}"
    write_cloud(path, cloud)
    again = open3d.t.io.read_point_cloud(path)
    assert set(again.point) == set(cloud.point)
    for name in cloud.point:
        assert (again.point[name].numpy() == cloud.point[name].numpy()).all(), name
    assert [one.name for one in tmp_path.iterdir()] == [path.name]


def test_plain_clouds_have_the_properties_that_viewers_know(result, pixel_config, tmp_path):
    write_cloud(tmp_path / "c.ply", open3d_cloud(dense_cloud(result, side=20)))
    head = (tmp_path / "c.ply").read_bytes().partition(b"end_header\n")[0].decode("ascii")
    assert [line.split()[1:] for line in head.splitlines() if line.startswith("property")] == [
        *(["float", axis] for axis in "xyz"),
        *(["uchar", colour] for colour in ("red", "green", "blue")),
        ["int", "label"],
    ]


def test_other_suffixes_and_empty_clouds_are_refused(result, tmp_path):
    with pytest.raises(InputError, match=r"\.ply or \.pcd; the file is 'c\.xyz'"):
        write_cloud(tmp_path / "c.xyz", result.to_open3d(side=16))
    nothing: Any = open3d.core.Tensor(np.empty(0, np.int64))  # pyright: ignore[reportCallIssue]
    with pytest.raises(InputError, match="no points"):
        write_cloud(tmp_path / "c.ply", result.to_open3d(side=16).select_by_index(nothing))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", [".ply", ".pcd"])
def test_a_full_disk_leaves_the_old_file(tmp_path, suffix):
    """Open3D says that a PLY was written where the disk was full."""
    path = tmp_path / f"cloud{suffix}"
    path.write_text("old")
    command = [sys.executable, "-c", FULL_DISK, str(path)]
    done = subprocess.run(command, cwd=REPO, capture_output=True, text=True, check=True)
    assert done.stdout == (
        f"'{path}' could not be written: Open3D wrote no complete file; the disk of temporary files may be full.\n"
    )
    assert path.read_text() == "old"
    assert len(list(tmp_path.iterdir())) == 1


# ---- without the package


def test_a_missing_package_is_one_sentence(monkeypatch, result):
    monkeypatch.setitem(sys.modules, "open3d", None)
    with pytest.raises(MissingPackageError, match=r"^A point cloud needs Open3D: run 'pip install"):
        result.to_open3d()


def test_a_missing_system_library_is_named(monkeypatch, tmp_path):
    package = Path(tmp_path, "open3d")
    package.mkdir()
    cause = "libGL.so.1: cannot open shared object file: No such file or directory"
    (package / "__init__.py").write_text(f"raise OSError({cause!r})")
    monkeypatch.delitem(sys.modules, "open3d")
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(MissingPackageError, match=r"does not load \(libGL\.so\.1: .*apt-get install"):
        load_open3d("A window")
