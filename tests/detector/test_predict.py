"""Detections of a photo and of a folder: coordinates, masks, the file, and what cannot be read."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from made_detector import made_checkpoint, made_network, made_photo
from PIL import Image

from cuts3d.detector import predict as module
from cuts3d.detector.detect import MASK_THRESHOLD, detect, pasted
from cuts3d.detector.network import CascadeMaskRCNN
from cuts3d.detector.predict import predict
from cuts3d.errors import ConfigError, InputError
from cuts3d.evaluate import evaluate
from training.data.dataset import PseudoLabels


@pytest.fixture(scope="module")
def network() -> CascadeMaskRCNN:
    return made_network()


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_checkpoint(tmp_path_factory.mktemp("network"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Photos of all modes, one in a folder below, one turned by its EXIF, and one that is none."""
    path = tmp_path / "photos"
    (path / "below").mkdir(parents=True)
    photo = Image.fromarray(made_photo())
    photo.save(path / "colour.png")
    photo.convert("L").save(path / "grey.png")
    photo.convert("RGBA").save(path / "below" / "alpha.png")
    exif = Image.Exif()
    exif[0x0112] = 6
    photo.save(path / "turned.jpg", exif=exif)
    (path / "broken.jpg").write_bytes(b"no photo")
    return path


def read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_bytes())


# one photo


def test_detections_are_best_first_and_their_masks_lie_in_their_boxes(network) -> None:
    found = detect(network, made_photo((72, 96)))
    assert len(found) > 3
    scores = [one.score for one in found]
    assert scores == sorted(scores, reverse=True)
    for one in found:
        assert (one.mask.shape, one.mask.dtype) == ((72, 96), np.bool_)
        rows, columns = np.nonzero(one.mask)
        x0, y0, x1, y1 = one.box
        assert 0 <= x0 < x1 <= 96
        assert 0 <= y0 < y1 <= 72
        assert x0 - 1 <= columns.min() <= columns.max() + 1 <= x1 + 1
        assert y0 - 1 <= rows.min() <= rows.max() + 1 <= y1 + 1
        assert one.mask.sum() > 0.7 * (x1 - x0) * (y1 - y0)


def test_a_photo_twice_as_large_gives_boxes_twice_as_large(network) -> None:
    small, large = detect(network, made_photo((256, 384))), detect(network, made_photo((512, 768)))
    doubled, there = (np.array([one.box for one in found]) for found in (small, large))
    apart = abs(2 * doubled[:, None] - there[None]).max(axis=2)  # reduced, the two photos differ a little
    same = apart.min(axis=1) < 4
    assert same[0]
    assert same.mean() > 0.8
    for index in np.flatnonzero(same):
        one, double = small[index], large[apart[index].argmin()]
        assert double.mask.sum() == pytest.approx(4 * one.mask.sum(), rel=0.05)


@pytest.mark.parametrize("scale", [2, 3, 5])
def test_of_a_photo_of_one_colour_only_the_scale_changes(network, scale) -> None:
    small, large = (detect(network, np.full((64 * side, 96 * side, 3), 200, np.uint8)) for side in (1, scale))
    assert len(small) == len(large) > 3
    for one, scaled in zip(small, large, strict=True):
        np.testing.assert_allclose(np.multiply(one.box, scale), scaled.box, atol=0.01)
        assert one.score == pytest.approx(scaled.score, abs=1e-5)


def test_a_score_threshold_keeps_the_best(network) -> None:
    everything = detect(network, made_photo())
    least = everything[2].score
    some = detect(network, made_photo(), score_threshold=least)
    assert [one.score for one in some] == [one.score for one in everything if one.score >= least]
    assert detect(network, made_photo(), score_threshold=1.0) == []


def test_masks_without_a_pixel_are_dropped() -> None:
    network = made_network()
    with torch.no_grad():
        network.heads.mask_head[-1].bias.fill_(-5.0)  # pyright: ignore[reportCallIssue]
    assert detect(network, made_photo()) == []


@pytest.mark.parametrize("part", ["backbone", "rpn", "heads"])
def test_weights_that_overflow_find_nothing_that_is_no_number(part) -> None:
    network = made_network()
    with torch.no_grad():
        for weights in getattr(network, part).parameters():
            weights.mul_(1e30)
    for one in detect(network, made_photo()):
        assert np.isfinite(one.box).all()
        assert 0 <= one.score <= 1


@pytest.mark.parametrize("training", [True, False])
def test_the_network_is_left_as_it_was(training) -> None:
    network = made_network().train(training)
    wanted = [one.score for one in detect(made_network(), made_photo())]
    assert [one.score for one in detect(network, made_photo())] == wanted
    assert network.training == training
    assert all(p.grad is None for p in network.parameters())


@pytest.mark.parametrize("size", [(8, 8), (8, 400), (300, 9)])
def test_odd_photos_are_no_trouble(network, size) -> None:
    assert all(one.mask.shape == size for one in detect(network, made_photo(size)))


@pytest.mark.parametrize("image", [np.zeros((64, 64), np.uint8), np.zeros((64, 64, 3)), np.zeros((9, 9, 4), np.uint8)])
def test_arrays_that_are_no_photos_are_refused(network, image) -> None:
    with pytest.raises(InputError, match="must be uint8"):
        detect(network, image)


@pytest.mark.parametrize(
    "box",
    [
        (10.0, 8.0, 38.0, 36.0),  # as many pixels as cells
        (3.3, 5.7, 90.2, 60.9),
        (0.0, 0.0, 96.0, 64.0),
        (20.4, 30.1, 22.9, 31.2),  # smaller than a cell's share
        (-7.5, -3.2, 50.0, 40.0),  # over the edge
        (70.0, 50.0, 130.0, 90.0),
        (30.0, 30.0, 30.0, 40.0),  # no width
    ],
)
def test_pasting_is_bilinear_sampling_of_the_mask_with_nothing_around(box) -> None:
    mask = torch.rand(28, 28, generator=torch.Generator().manual_seed(0))
    x0, y0, x1, y1 = box
    x = (torch.arange(96) + 0.5 - x0) / max(x1 - x0, 1e-6) * 2 - 1
    y = (torch.arange(64) + 0.5 - y0) / max(y1 - y0, 1e-6) * 2 - 1
    grid = torch.stack(torch.meshgrid(x, y, indexing="xy"), dim=-1)
    wanted = F.grid_sample(mask[None, None], grid[None], align_corners=False)[0, 0].numpy()
    found = pasted(mask.numpy(), box, (64, 96))
    sure = abs(wanted - MASK_THRESHOLD) > 1e-4
    np.testing.assert_array_equal(found[sure], (wanted >= MASK_THRESHOLD)[sure])


# a folder


def test_a_folder_is_written_as_a_coco_file(folder, checkpoint, tmp_path) -> None:
    out, seen = tmp_path / "found.json", []
    counts = predict(folder, checkpoint, out, progress=lambda done, total: seen.append((done, total)))
    document = read(out)
    assert seen == [(n, 5) for n in range(1, 6)]
    assert counts == {name: len(document[name]) for name in ("images", "annotations", "failures")}
    sizes = {image["file_name"]: (image["width"], image["height"]) for image in document["images"]}
    assert sizes == {"below/alpha.png": (96, 64), "colour.png": (96, 64), "grey.png": (96, 64), "turned.jpg": (64, 96)}
    assert document["categories"] == [{"id": 1, "name": "object"}]
    assert document["info"]["checkpoint"] == checkpoint.name
    assert len(document["info"]["sha256"]) == 64
    assert [a["id"] for a in document["annotations"]] == list(range(1, counts["annotations"] + 1))
    assert {a["image_id"] for a in document["annotations"]} == {image["id"] for image in document["images"]}
    for found in document["annotations"]:
        assert found["category_id"] == 1
        assert found["iscrowd"] == 0
        assert 0 <= found["score"] <= 1
        assert found["area"] > 0
    (failure,) = document["failures"]
    assert failure["file_name"] == "broken.jpg"
    assert "not an image" in failure["reason"]


def test_a_folder_has_what_each_photo_has(folder, checkpoint, tmp_path) -> None:
    predict(folder, checkpoint, tmp_path / "found.json", score_threshold=0.5)
    document = read(tmp_path / "found.json")
    (image,) = [image["id"] for image in document["images"] if image["file_name"] == "colour.png"]
    listed = [a for a in document["annotations"] if a["image_id"] == image]
    found = detect(made_network(), made_photo(), score_threshold=0.5)
    assert [a["score"] for a in listed] == [round(one.score, 6) for one in found]
    assert [a["area"] for a in listed] == [one.mask.sum() for one in found]
    x0, y0, x1, y1 = found[0].box
    assert listed[0]["bbox"] == pytest.approx([x0, y0, x1 - x0, y1 - y0], abs=0.006)


def test_the_file_is_evaluated_and_trained_on(folder, checkpoint, tmp_path) -> None:
    out = tmp_path / "found.json"
    counts = predict(folder, checkpoint, out)
    result = evaluate(out, out)
    assert result.counts.predictions == result.counts.instances == counts["annotations"]
    assert result.mask is not None
    assert result.mask.ap == pytest.approx(1)
    assert result.box.ap == pytest.approx(1)
    labels = PseudoLabels(folder, out, top_labels=3)
    assert len(labels) == 4
    sample = labels.load(3)
    assert sample.name == "turned.jpg"
    assert 0 < len(sample.masks) <= 3
    assert (sample.confidence == 1).all()


def test_the_same_bytes_each_time(folder, checkpoint, tmp_path) -> None:
    for name in ("a.json", "b.json"):
        predict(folder, checkpoint, tmp_path / name)
    assert (tmp_path / "a.json").read_bytes() == (tmp_path / "b.json").read_bytes()


def test_photos_without_detections_are_listed(folder, checkpoint, tmp_path) -> None:
    counts = predict(folder, checkpoint, tmp_path / "found.json", score_threshold=1.0)
    assert counts == {"images": 4, "annotations": 0, "failures": 1}
    assert read(tmp_path / "found.json")["annotations"] == []


def test_photos_of_a_tar_file(checkpoint, tmp_path) -> None:
    png = io.BytesIO()
    Image.fromarray(made_photo()).save(png, "PNG")
    with tarfile.open(tmp_path / "photos.tar", "w") as archive:
        for name, content in (("good.png", png.getvalue()), ("broken.png", b"none"), ("cut.png", png.getvalue()[:99])):
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    counts = predict(tmp_path / "photos.tar", checkpoint, tmp_path / "found.json")
    assert (counts["images"], counts["failures"]) == (1, 2)


def test_an_interrupted_run_leaves_the_file_before(folder, checkpoint, tmp_path, monkeypatch) -> None:
    out = tmp_path / "out" / "found.json"
    predict(folder, checkpoint, out, limit=1)
    before = out.read_bytes()

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "detections", interrupt)
    with pytest.raises(KeyboardInterrupt):
        predict(folder, checkpoint, out)
    assert out.read_bytes() == before
    assert [path.name for path in out.parent.iterdir()] == ["found.json"]


@pytest.mark.parametrize(
    ("values", "kind", "message"),
    [
        ({"score_threshold": 1.5}, ConfigError, r"in \[0, 1\]"),
        ({"score_threshold": float("nan")}, ConfigError, r"in \[0, 1\]"),
        ({"limit": 0}, ConfigError, "at least one"),
        ({"device": "toaster"}, ConfigError, "toaster"),
        ({"checkpoint": Path("absent.safetensors")}, InputError, "no checkpoint"),
        ({"source": Path("absent")}, InputError, "no folder"),
    ],
)
def test_faults_are_named(folder, checkpoint, tmp_path, values, kind, message) -> None:
    given = {"source": folder, "checkpoint": checkpoint, "out": tmp_path / "found.json"} | values
    with pytest.raises(kind, match=message):
        predict(**given)
    assert not (tmp_path / "found.json").exists()


def test_a_folder_without_photos_is_named(checkpoint, tmp_path) -> None:
    with pytest.raises(InputError, match="no image"):
        predict(tmp_path, checkpoint, tmp_path / "found.json")


def test_a_photo_that_a_list_names_twice_is_detected_once_and_skipped_files_are_counted(
    folder, checkpoint, tmp_path
) -> None:
    (folder / "list.txt").write_bytes("\ufeffcolour.png 0\r\n./colour.png\r\nbelow\\alpha.png\r\n".encode())
    out, said = tmp_path / "found.json", []
    predict(folder / "list.txt", checkpoint, out, note=said.append)
    document = read(out)
    assert [image["file_name"] for image in document["images"]] == ["colour.png", "below/alpha.png"]
    assert document["info"]["skipped"]["duplicates"] == {"count": 1, "first": ["./colour.png"]}
    assert len(said) == 2
    assert evaluate(out, out).counts.images == 2
    (folder / "list.txt").rename(folder / "movie.mov")
    predict(folder, checkpoint, out)
    assert read(out)["info"]["skipped"] == {"files": {".mov": 1}}
