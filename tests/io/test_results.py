"""Result files: COCO, PLY, NPZ, overlay; each is written completely or not at all."""

import json
import os
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as coco_mask
from pycocotools.coco import COCO

from cuts3d import CutS3D, CutS3DConfig, InputError, Segmentation
from cuts3d.errors import InputNote
from cuts3d.io.coco import coco_document
from cuts3d.io.files import write_atomically
from cuts3d.io.overlays import draw_overlay, label_map, outline
from cuts3d.io.point_clouds import dense_cloud
from cuts3d.io.results import save_all, stage_arrays

PLY_TYPES = {"float": "<f4", "uchar": "u1", "int": "<i4"}


@pytest.fixture
def result(photo, pixel_config) -> Segmentation:
    return CutS3D(pixel_config).segment(photo.image, depth=photo.depth)


@pytest.fixture
def saved(result, pixel_config, tmp_path) -> Path:
    save_all(result, tmp_path / "out", file_name="photo.jpg")
    return tmp_path / "out"


def parse_ply(content: bytes) -> np.ndarray:
    """Vertices of a binary PLY as its own header declares them."""
    head, _, body = content.partition(b"end_header\n")
    lines = [line.split() for line in head.decode("ascii").splitlines()]
    assert lines[:2] == [["ply"], ["format", "binary_little_endian", "1.0"]]
    (count,) = (int(line[2]) for line in lines if line[:2] == ["element", "vertex"])
    dtype = np.dtype([(line[2], PLY_TYPES[line[1]]) for line in lines if line[0] == "property"])
    assert len(body) == count * dtype.itemsize
    return np.frombuffer(body, dtype)


def test_everything_is_written_and_nothing_besides(saved):
    assert sorted(os.listdir(saved)) == ["cloud.ply", "instances.json", "overlay.png", "stages.npz"]
    assert all((saved / name).stat().st_mode & 0o777 == 0o644 for name in os.listdir(saved))


def test_the_json_loads_with_pycocotools_and_gives_the_masks_back(saved, result):
    coco = COCO(str(saved / "instances.json"))
    (image,) = coco.loadImgs(coco.getImgIds())
    assert (image["file_name"], image["width"], image["height"]) == ("photo.jpg", 160, 120)
    annotations: Any = coco.loadAnns(coco.getAnnIds(imgIds=[1], iscrowd=False))
    assert len(annotations) == len(result.instances) == 3
    for annotation, instance in zip(annotations, result.instances, strict=True):
        assert (coco.annToMask(annotation) == instance.mask).all()
        assert annotation["bbox"] == list(instance.bbox) == coco_mask.toBbox(annotation["segmentation"]).tolist()
        assert annotation["area"] == instance.area
        assert annotation["score"] == pytest.approx(instance.score, abs=1e-6)
        assert annotation["fallback"] is None
        assert coco.cats[annotation["category_id"]]["name"] == "object"


def test_the_json_says_how_it_was_made(saved, result, pixel_config):
    info = json.loads((saved / "instances.json").read_text(encoding="utf-8"))["info"]
    assert CutS3DConfig.from_dict(info["config"]) == pixel_config
    assert info["depth"] == result.depth.estimator
    assert info["backbone"] == "pixels"
    assert info["version"]
    assert [d["reason"] for d in info["dropped"]] == [d.reason for d in result.dropped]


def test_a_photo_s_name_in_any_script_survives(result, pixel_config, tmp_path):
    save_all(result, tmp_path, file_name="Müllerstraße 写真 📷.jpg")
    document = json.loads((tmp_path / "instances.json").read_bytes().decode("utf-8"))
    assert document["images"][0]["file_name"] == "Müllerstraße 写真 📷.jpg"


def test_a_photo_s_name_that_is_no_utf_8_survives(result, pixel_config, tmp_path):
    name = os.fsdecode(b"caf\xe9.jpg")
    save_all(result, tmp_path, file_name=name)
    document = json.loads((tmp_path / "instances.json").read_bytes().decode("utf-8"))
    assert document["images"][0]["file_name"] == name


def test_a_result_without_instances_can_be_saved_and_loaded(photo, pixel_config, tmp_path):
    config = pixel_config.replace(max_ncut=0.0, region="once", min_area=0.5)
    empty = CutS3D(config).segment(photo.image, depth=photo.depth)
    assert not empty.instances
    save_all(empty, tmp_path, file_name="p.jpg")
    assert COCO(str(tmp_path / "instances.json")).getAnnIds() == []
    assert (np.asarray(Image.open(tmp_path / "overlay.png")) == photo.image).all()
    with np.load(tmp_path / "stages.npz") as arrays:
        assert not arrays["labels"].any()


def test_the_point_cloud_has_positions_colours_and_labels_of_its_points(saved, result, pixel_config):
    vertices = parse_ply((saved / "cloud.ply").read_bytes())
    assert vertices.dtype.names == ("x", "y", "z", "red", "green", "blue", "label")
    cloud = dense_cloud(result)
    assert len(vertices) == 180 * 240
    assert (np.stack([vertices[a] for a in "xyz"], axis=1) == cloud.points.astype(np.float32)).all()
    assert (np.stack([vertices[c] for c in ("red", "green", "blue")], axis=1) == cloud.colours).all()
    assert (vertices["label"] == cloud.labels).all()
    assert set(np.unique(cloud.labels)) == {0, 1, 2, 3}


def test_labels_of_the_cloud_lie_on_the_objects_and_far_is_behind(result, photo, pixel_config):
    cloud = dense_cloud(result, side=160)
    assert cloud.grid_shape == (120, 160)
    assert (cloud.labels.reshape(120, 160) == label_map(result)).all()
    assert (cloud.colours.reshape(120, 160, 3) == photo.image).all()
    z = cloud.points[:, 2].reshape(120, 160)
    assert z[photo.labels == 1].mean() > z[photo.labels == 2].mean()  # the viewer looks along −z
    y = cloud.points[:, 1].reshape(120, 160)
    assert y[0, 0] > y[-1, 0]  # up


def test_the_point_cloud_opens_in_open3d(saved):
    import open3d

    path: Any = str(saved / "cloud.ply")
    cloud = open3d.io.read_point_cloud(path)
    vertices = parse_ply((saved / "cloud.ply").read_bytes())
    assert cloud.has_colors()
    assert np.allclose(np.asarray(cloud.points)[:, 2], vertices["z"])
    assert np.allclose(np.asarray(cloud.colors)[:, 0] * 255, vertices["red"], atol=0.51)
    tensor = open3d.t.io.read_point_cloud(path)
    assert (tensor.point["label"].numpy().ravel() == vertices["label"]).all()


def test_without_open3d_the_rest_is_written_and_a_note_says_what_is_missing(
    result, pixel_config, tmp_path, monkeypatch
):
    (tmp_path / "cloud.ply").write_text("of another photo")
    monkeypatch.setitem(sys.modules, "open3d", None)
    with pytest.warns(InputNote, match=r"cloud.ply was not written. .*pip install \"cuts3d\[geometry\]\""):
        paths = save_all(result, tmp_path, file_name="photo.jpg")
    assert sorted(p.name for p in paths) == sorted(os.listdir(tmp_path))
    assert sorted(os.listdir(tmp_path)) == ["instances.json", "overlay.png", "stages.npz"]


def test_the_arrays_hold_every_stage_under_its_name(saved, result):
    with np.load(saved / "stages.npz", allow_pickle=False) as arrays:
        assert sorted(arrays) == sorted(
            [
                "features", "grid_shape", "depth", "cloud", "eigenvectors", "eigenvalues", "bipartitions", "importance",
                "coarse_masks", "coarse_confidences", "confidence_cuts", "confidence_taus", "scores", "labels",
            ]
        )  # fmt: skip
        assert arrays["grid_shape"].tolist() == [20, 20]
        assert np.allclose(arrays["features"], result.features.vectors, atol=1e-2)
        assert (arrays["bipartitions"][0] == result.bipartitions[0].mask).all()
        assert (arrays["labels"] == label_map(result)).all()
        assert arrays["scores"].tolist() == [i.score for i in result.instances]
        assert arrays["confidence_cuts"].shape == (3, 6, 20, 20)


def test_importance_is_left_out_where_there_is_none(photo, pixel_config):
    flat = CutS3D(pixel_config).segment(photo.image)
    assert "importance" not in stage_arrays(flat)


def test_the_overlay_leaves_the_background_and_tints_the_masks(saved, result):
    overlay = np.asarray(Image.open(saved / "overlay.png"))
    labels = label_map(result)
    assert (overlay[labels == 0] == result.image[labels == 0]).all()
    for number in (1, 2, 3):
        assert not (overlay[labels == number] == result.image[labels == number]).all()
    assert (draw_overlay(result) == overlay).all()


def test_an_opacity_of_0_draws_the_outline_only(result):
    overlay = draw_overlay(result, opacity=0.0)
    changed = (overlay != result.image).any(axis=2)
    lines = np.logical_or.reduce([outline(i.mask) for i in result.instances])
    assert changed.any()
    assert not (changed & ~lines).any()


@pytest.mark.parametrize("width", [1, 2, 7, 40])
@pytest.mark.parametrize("order", ["C", "F"])
def test_an_outline_is_what_a_square_around_a_pixel_of_the_mask_does_not_fit_into(width, order):
    mask = np.asarray(np.random.default_rng(width).random((30, 41)) < 0.97, order=order)
    padded = np.pad(mask, width)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (2 * width + 1, 2 * width + 1))
    assert (outline(mask, width) == mask & ~windows.all(axis=(2, 3))).all()


def test_a_wide_outline_of_a_large_photo_takes_no_more_memory_than_a_thin_one():
    mask = np.ones((1200, 1000), bool)
    tracemalloc.start()
    outline(mask, 36)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 6 * mask.size


def test_an_outline_is_the_inner_border_and_follows_the_photo_s_edge():
    mask = np.zeros((6, 7), bool)
    mask[:4, 1:6] = True
    line = outline(mask)
    inner = np.zeros_like(mask)
    inner[1:3, 2:5] = True
    assert (line == (mask & ~inner)).all()


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), ValueError("bad"), KeyboardInterrupt()])
def test_a_write_that_fails_leaves_the_old_file_and_nothing_else(tmp_path, error):
    target = tmp_path / "f.json"
    target.write_text("old")

    def write(path: Path) -> None:
        path.write_text("half")
        raise error

    expected = InputError if isinstance(error, OSError) else type(error)
    with pytest.raises(expected):
        write_atomically(target, write)
    assert target.read_text() == "old"
    assert os.listdir(tmp_path) == ["f.json"]


def test_the_error_of_a_failed_write_names_the_file_and_the_cause(tmp_path):
    def write(path: Path) -> None:
        raise OSError(28, "No space left on device")

    with pytest.raises(InputError, match=r"f\.json' could not be written: No space left"):
        write_atomically(tmp_path / "f.json", write)


def test_a_folder_that_cannot_be_made_is_said_so(tmp_path, result, pixel_config):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="could not be written"):
        save_all(result, tmp_path / "file" / "out", file_name="p.jpg")


def test_the_document_is_plain_json(result, pixel_config):
    document = coco_document(result, file_name="p.jpg")
    assert json.loads(json.dumps(document, allow_nan=False)) == document
