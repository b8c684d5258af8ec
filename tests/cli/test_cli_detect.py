"""`cuts3d detect`: one photo, a folder, and what is refused."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_detector import made_checkpoint, made_photo
from PIL import Image
from pycocotools import mask as coco

from cuts3d import Detector
from cuts3d.cli.main import FAILED, WRONG_USE, main
from cuts3d.detector.config import DEFAULT_SCORE
from cuts3d.detector.predict import predict


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_checkpoint(tmp_path_factory.mktemp("network"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two photos, and a file that is not a photo."""
    path = tmp_path / "photos"
    path.mkdir()
    for name in ("a.png", "b.png"):
        Image.fromarray(made_photo()).save(path / name)
    (path / "broken.jpg").write_bytes(b"no photo")
    return path


def run(*options: object) -> int:
    return main(["detect", *map(str, options), "--device", "cpu"])


def read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_bytes())


def test_one_photo_gives_coco_and_a_picture(folder, checkpoint, tmp_path, capsys) -> None:
    out = tmp_path / "results"
    assert run(folder / "a.png", "--out", out, "--checkpoint", checkpoint) == 0
    found = Detector(checkpoint).detect(folder / "a.png")
    document = read(out / "detections.json")
    assert document["images"] == [{"id": 1, "file_name": "a.png", "width": 96, "height": 64}]
    assert [a["score"] for a in document["annotations"]] == [round(one.score, 6) for one in found]
    assert document["info"]["score_threshold"] == DEFAULT_SCORE
    assert document["info"]["checkpoint"] == checkpoint.name
    for record, one in zip(document["annotations"], found, strict=True):
        np.testing.assert_array_equal(coco.decode(record["segmentation"]), one.mask)
        assert record["area"] == one.area
    with Image.open(out / "detections.png") as picture:
        assert picture.size == (96, 64)
        assert (np.asarray(picture) != made_photo()).any()
    said = capsys.readouterr().out
    assert said.startswith(f"{len(found)} objects\n")
    assert f"score {found[0].score:.2f}" in said
    assert "detections.png" in said


def test_the_score_of_one_photo(folder, checkpoint, tmp_path, capsys) -> None:
    assert run(folder / "a.png", "--out", tmp_path, "--checkpoint", checkpoint, "--score", 0, "--quiet") == 0
    assert capsys.readouterr() == ("", "")
    everything = Detector(checkpoint).detect(folder / "a.png", score_threshold=0)
    assert len(read(tmp_path / "detections.json")["annotations"]) == len(everything)


def test_the_light_detector_is_the_default(folder, tmp_path) -> None:
    assert run(folder / "a.png", "--out", tmp_path, "--quiet") == 0
    assert read(tmp_path / "detections.json")["info"]["checkpoint"] == "detector_light.safetensors"


def test_a_photo_is_known_by_its_content_not_only_by_its_suffix(folder, checkpoint, tmp_path) -> None:
    photo = (folder / "a.png").rename(tmp_path / "photo.upload")
    assert run(photo, "--out", tmp_path / "out", "--checkpoint", checkpoint, "--quiet") == 0
    assert read(tmp_path / "out" / "detections.json")["images"][0]["file_name"] == "photo.upload"


def test_a_folder_gives_one_file_with_all_detections(folder, checkpoint, tmp_path, capsys) -> None:
    out = tmp_path / "found.json"
    assert run(folder, "--out", out, "--checkpoint", checkpoint) == 0
    said = capsys.readouterr()
    assert f"objects in 2 photos, written to {out}; 1 could not be read" in said.out
    assert "3/3" in said.err
    predict(folder, checkpoint, tmp_path / "expected.json")
    assert out.read_bytes() == (tmp_path / "expected.json").read_bytes()


def test_a_limit_and_a_score_for_a_folder(folder, checkpoint, tmp_path, capsys) -> None:
    out = tmp_path / "found.json"
    given = ("--checkpoint", checkpoint, "--out", out, "--quiet", "--limit", 1, "--score", 0.5)
    assert run(folder, *given) == 0
    assert capsys.readouterr() == ("", "")
    assert [image["file_name"] for image in read(out)["images"]] == ["a.png"]
    assert min(a["score"] for a in read(out)["annotations"]) >= 0.5


def test_lists_and_tar_files_are_folders(folder, checkpoint, tmp_path) -> None:
    (folder / "list.txt").write_text("a.png\nb.png\n")
    with tarfile.open(tmp_path / "photos.tar", "w") as archive:
        for name in ("a.png", "b.png"):
            archive.add(folder / name, name)
    for source in (folder / "list.txt", tmp_path / "photos.tar"):
        assert run(source, "--out", tmp_path / "found.json", "--checkpoint", checkpoint, "--quiet") == 0
        assert [image["file_name"] for image in read(tmp_path / "found.json")["images"]] == ["a.png", "b.png"]


@pytest.mark.parametrize(
    ("source", "options", "code", "sentence"),
    [
        ("a.png", ("--out", "x.json"), WRONG_USE, "For one photo --out is the folder"),
        ("a.png", ("--out", "x", "--limit", 1), WRONG_USE, "--limit is for a folder"),
        ("a.png", ("--out", "x", "--score", 2), WRONG_USE, "in [0, 1]; it is 2"),
        ("", ("--out", "photos"), WRONG_USE, "'photos' is a folder"),
        ("", ("--out", "x.json", "--score", "nan"), WRONG_USE, "in [0, 1]; it is nan"),
        ("gone.png", ("--out", "x"), FAILED, "There is no file or folder"),
        ("broken.jpg", ("--out", "x"), FAILED, "not an image"),
        ("a.png", ("--out", "x", "--checkpoint", "gone.pth"), FAILED, "no checkpoint 'gone.pth'"),
        ("a.png", ("--out", "x", "--checkpoint", "photos/a.png"), FAILED, "a.png"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(
    folder, tmp_path, monkeypatch, capsys, source, options, code, sentence
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(folder / source, *options, "--quiet") == code
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert sentence in line
    assert not (tmp_path / "x").exists()
    assert not (tmp_path / "x.json").exists()


def test_photos_that_all_fail_end_with_1_and_some_are_said_even_quietly(folder, checkpoint, tmp_path, capsys) -> None:
    given = ("--out", tmp_path / "found.json", "--checkpoint", checkpoint, "--quiet")
    assert run(folder, *given) == 0
    assert capsys.readouterr().err.startswith("note: 1 of 3 photos could not be read")
    for name in ("a.png", "b.png"):
        (folder / name).write_bytes(b"")
    assert run(folder, *given) == FAILED
    assert capsys.readouterr().err.startswith("error: None of 3 photos could be read")
    assert len(read(tmp_path / "found.json")["failures"]) == 3
