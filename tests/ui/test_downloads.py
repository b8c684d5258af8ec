"""Every download opens again; and ZeroGPU is asked for only where it is."""

from __future__ import annotations

import io
import json
import zipfile

import numpy as np
import open3d
import pytest
from PIL import Image

from cuts3d import CutS3D, CutS3DConfig
from cuts3d.errors import CutS3DError
from cuts3d.io.overlays import draw_overlay
from cuts3d.io.point_clouds import CLOUD_SIDE
from ui.session.downloads import write_downloads

NAMES = ["overlay.png", "instances.json", "cloud.ply", "stages.npz", "pictures.zip", "view.html", "config.json"]
PICTURES = {"masks": np.full((6, 8, 3), 7, np.uint8), "../β / depth": np.zeros((6, 8, 3), np.uint8)}


@pytest.fixture
def result(photo, pixel_config):
    return CutS3D(pixel_config).segment(photo.image, depth=photo.depth)


@pytest.fixture
def folder(result, pixel_config, tmp_path):
    target = tmp_path / "new" / "downloads"
    paths = write_downloads(
        target, result, pixel_config, file_name="two squares", pictures=PICTURES, view_html="<p>τ_knn</p>"
    )
    assert [path.name for path in paths] == NAMES
    assert sorted(path.name for path in target.iterdir()) == sorted(NAMES)  # no temporary file is left
    return target


def test_json_and_configuration_open_again(folder, result, pixel_config) -> None:
    document = json.loads((folder / "instances.json").read_text(encoding="utf-8"))
    assert document["images"][0]["file_name"] == "two squares"
    assert len(document["annotations"]) == len(result.instances) > 0
    params = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    assert CutS3DConfig.from_dict(params) == pixel_config


def test_arrays_open_without_pickle(folder, result) -> None:
    with np.load(folder / "stages.npz", allow_pickle=False) as arrays:
        np.testing.assert_array_equal(arrays["depth"], result.depth.values)
        assert all(arrays[name].dtype != object for name in arrays.files)


def test_pictures_open_again(folder, result) -> None:
    np.testing.assert_array_equal(np.asarray(Image.open(folder / "overlay.png")), draw_overlay(result))
    with zipfile.ZipFile(folder / "pictures.zip") as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["masks.png", "β-depth.png"]
        for name, picture in zip(archive.namelist(), PICTURES.values(), strict=True):
            np.testing.assert_array_equal(np.asarray(Image.open(io.BytesIO(archive.read(name)))), picture)


def test_cloud_and_view_open_again(folder) -> None:
    cloud = open3d.io.read_point_cloud(folder / "cloud.ply")
    assert len(cloud.points) == CLOUD_SIDE * CLOUD_SIDE * 120 // 160
    assert cloud.has_colors()
    assert (folder / "view.html").read_text(encoding="utf-8") == "<p>τ_knn</p>"


def test_a_folder_that_cannot_be_written_is_one_sentence(result, pixel_config, tmp_path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(CutS3DError, match="could not be written"):
        write_downloads(tmp_path / "file", result, pixel_config, file_name="x", pictures={}, view_html="")
