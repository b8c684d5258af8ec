"""Detections ranked by distinctness: the formula, what stays unchanged, what is refused."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from at_defaults import cosine_affinity
from PIL import Image

from cuts3d.backbones.features import photo_vectors
from cuts3d.config import CutS3DConfig
from cuts3d.errors import InputError
from cuts3d.grids import resize_mask
from cuts3d.io.coco import encode_rle
from cuts3d.io.photos import read_image
from cuts3d.method.score import mask_factors
from training.rank import main
from training.self_training.merge_labels import merge_labels
from training.self_training.rank import rank_detections


@pytest.fixture
def folder(photo, tmp_path: Path) -> Path:
    (tmp_path / "photos" / "deep").mkdir(parents=True)
    for name in ("a.png", "deep/b.png", "unseen.png"):
        Image.fromarray(photo.image).save(tmp_path / "photos" / name)
    return tmp_path / "photos"


@pytest.fixture
def masks(photo) -> dict[str, np.ndarray]:
    """An object, as much of an object and of the background, and a small smaller than half of a patch."""
    whole = photo.labels == 3
    shifted = np.roll(whole, 20, axis=0)
    small = np.zeros_like(whole)
    small[1:3, 1:3] = True
    return {"whole": whole, "shifted": shifted, "small": small}


@pytest.fixture
def found(photo, masks) -> dict[str, Any]:
    h, w = photo.labels.shape
    annotations = [
        {"id": 10 * image_id + place, "image_id": image_id, "segmentation": encode_rle(mask), "score": score, "area": 1}
        for image_id in (7, 8)
        for place, (mask, score) in enumerate(zip(masks.values(), (0.6, 0.9, 0.8), strict=True))
    ]
    images = [{"id": i, "file_name": n, "width": w, "height": h} for i, n in ((7, "a.png"), (8, "deep/b.png"))]
    return {"info": {"score_threshold": 0.5}, "images": images, "annotations": annotations}


def scores(document: dict[str, Any], photo_id: int) -> list[float]:
    return [a["score"] for a in document["annotations"] if a["image_id"] == photo_id]


def test_the_score_is_a_geometric_mean_with_the_distinctness_twice(folder, found, masks, pixel_config) -> None:
    ranked = rank_detections(folder, found, config=pixel_config)
    features = photo_vectors(read_image(folder / "a.png"), pixel_config.features)
    affinity = cosine_affinity(features.vectors, center=features.center)
    flat = np.zeros(features.grid_shape, dtype=np.float32)  # depth "none"
    for value, own, mask in zip(scores(ranked, 7), (0.6, 0.9, 0.8), masks.values(), strict=True):
        d = mask_factors(resize_mask(mask, features.grid_shape), affinity, flat).distinctness
        assert value == pytest.approx((own * d * d) ** (1 / 3), abs=2e-6)
    assert scores(ranked, 8) == scores(ranked, 7)


def test_a_whole_object_comes_before_a_better_scored_piece_and_a_small_comes_last(folder, found, pixel_config) -> None:
    whole, shifted, small = scores(rank_detections(folder, found, config=pixel_config), 7)
    assert 1 > whole > shifted > small == 0


def test_all_else_stays_and_ranking_twice_is_ranking_once(folder, found, pixel_config) -> None:
    before = copy.deepcopy(found)
    seen: list[tuple[int, int]] = []
    ranked = rank_detections(folder, found, config=pixel_config, progress=lambda *at: seen.append(at))
    assert found == before
    assert seen == [(1, 2), (2, 2)]
    assert {key: ranked[key] for key in ("info", "images")} == {key: found[key] for key in ("info", "images")}
    for new, old in zip(ranked["annotations"], found["annotations"], strict=True):
        assert new == {**old, "score": new["score"], "detector_score": old["score"]}
    assert rank_detections(folder, ranked, config=pixel_config) == ranked


def test_the_least_score_of_a_new_label_is_the_detectors_own(folder, found, pixel_config) -> None:
    ranked = rank_detections(folder, found, config=pixel_config)
    nothing = {"images": [], "annotations": []}
    merged = merge_labels(ranked, nothing, score=0.7)
    assert [a["detector_score"] for a in merged["annotations"]] == [0.9, 0.8] * 2
    assert [a["score"] for a in merged["annotations"]] == scores(ranked, 7)[1:] * 2


def test_scores_outside_of_0_to_1_count_as_its_ends(folder, found, pixel_config) -> None:
    for entry, own in zip(found["annotations"], (-3.0, 1.0, 0.0, 0.0, 7, 1.0), strict=True):
        entry["score"] = own
    first, second = (scores(rank_detections(folder, found, config=pixel_config), number) for number in (7, 8))
    assert first == [0.0, second[1], 0.0]
    assert 0 < second[1] < 1


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda d: d["images"][0].update(file_name="gone.png"), "There is no photo 'gone.png' in"),
        (lambda d: d["images"][0].pop("width"), "image 7 needs a 'file_name', a 'width' and a 'height'"),
        (lambda d: d["annotations"][1].update(image_id=9), "annotation 71 is on an image that 'images' does not list."),
        (lambda d: d["annotations"][1].update(score=None), "annotation 71 has the 'score' None, which is no number"),
        (lambda d: d["annotations"][1].update(segmentation=None), "annotation 71 has a segmentation that is neither"),
    ],
)  # fmt: skip
def test_what_does_not_belong_together_is_refused(folder, found, pixel_config, change, sentence) -> None:
    change(found)
    with pytest.raises(InputError, match=sentence):
        rank_detections(folder, found, config=pixel_config)


def test_a_photo_that_became_unreadable_is_named(folder, found, pixel_config) -> None:
    (folder / "deep" / "b.png").write_bytes(b"no photo")
    with pytest.raises(InputError, match=r"b\.png"):
        rank_detections(folder, found, config=pixel_config)


def test_photos_of_another_size_than_the_masks_are_refused(folder, found, pixel_config, photo) -> None:
    Image.fromarray(photo.image[:-2]).save(folder / "a.png")
    with pytest.raises(InputError, match="give the folder that 'cuts3d detect' read"):
        rank_detections(folder, found, config=pixel_config)


def test_the_command_ranks_with_the_embedded_networks(folder, found, tmp_path, monkeypatch, capsys) -> None:
    source, out = tmp_path / "found.json", tmp_path / "ranked.json"
    source.write_text(json.dumps(found))
    monkeypatch.setattr("sys.argv", ["rank", str(folder), "--predictions", str(source), "--out", str(out)])
    assert main() == 0
    assert capsys.readouterr().out == f"{out}: 6 objects, ranked.\n"
    assert json.loads(out.read_text()) == rank_detections(folder, found, config=CutS3DConfig())


def test_the_command_says_what_is_wrong_in_one_line(folder, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setattr("sys.argv", ["rank", str(folder), "--predictions", str(tmp_path / "none.json"), "--out", "x"])
    assert main() == 1
    assert "error: There is no file" in capsys.readouterr().err
