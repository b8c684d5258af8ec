"""Labels of the next round: which detections are added, and which earlier labels stay."""

from __future__ import annotations

import copy
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_samples import write_labels

from cuts3d.errors import ConfigError, InputError
from cuts3d.io.coco import encode_rle, rle_iou, to_rle
from training.data.dataset import PseudoLabels
from training.merge_labels import main
from training.recipes import get_recipe
from training.self_training.merge_labels import merge_labels
from training.self_training.scores import rescaled

SIDE = 20  # pixels of a made photo
Strip = tuple[int, int]  # first pixel of the photo, row by row, and the pixel past the last


def strip(start: int, end: int) -> np.ndarray:
    mask = np.zeros(SIDE * SIDE, dtype=np.bool_)
    mask[start:end] = True
    return mask.reshape(SIDE, SIDE)


def document(found: Mapping[str, Sequence[tuple[Strip, float]]], **extra: Any) -> dict[str, Any]:
    """Photos with strips and their scores, ids from 11 on."""
    images, annotations = [], []
    for image_id, (name, strips) in enumerate(found.items(), start=11):
        images.append({"id": image_id, "file_name": name, "width": SIDE, "height": SIDE})
        for (start, end), score in strips:
            label = {"segmentation": encode_rle(strip(start, end)), "score": score, "category_id": 1, "iscrowd": 0}
            annotations.append({"id": 100 + len(annotations), "image_id": image_id, **label, **extra})
    return {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "object"}]}


def strips(merged: dict[str, Any], name: str) -> list[tuple[int, int]]:
    """(area, first pixel) of the labels of a photo, in their order."""
    import pycocotools.mask

    coco: Any = pycocotools.mask
    (image_id,) = [image["id"] for image in merged["images"] if image["file_name"] == name]
    masks = [coco.decode(a["segmentation"]).ravel() for a in merged["annotations"] if a["image_id"] == image_id]
    return [(int(mask.sum()), int(mask.argmax())) for mask in masks]


@pytest.mark.parametrize(
    ("detected", "earlier", "wanted"),
    [
        ([((0, 100), 0.9)], [], [(100, 0)]),
        ([], [((0, 100), 0.1)], [(100, 0)]),
        ([((0, 100), 0.69)], [((0, 100), 0.1)], [(100, 0)]),  # too weak: the earlier one stays
        ([((0, 100), 0.7)], [((0, 100), 0.1)], [(100, 0)]),  # as good as asked for: it comes in
        ([((0, 100), 0.9)], [((0, 200), 0.1)], [(100, 0)]),  # IoU 100/200: replaced
        ([((0, 100), 0.9)], [((0, 201), 0.1)], [(100, 0), (201, 0)]),  # 100/201: stays
        ([((0, 100), 0.9)], [((0, 199), 0.1)], [(100, 0)]),  # 100/199: replaced
        ([((0, 101), 0.9)], [((0, 200), 0.1)], [(101, 0)]),
        ([((0, 99), 0.9)], [((0, 200), 0.1)], [(99, 0), (200, 0)]),
        ([((0, 50), 0.9)], [((200, 250), 0.1)], [(50, 0), (50, 200)]),  # apart
        # all detections count, not only the best one
        ([((300, 350), 0.9), ((0, 90), 0.8)], [((0, 100), 0.1)], [(50, 300), (90, 0)]),
        # a weak detection replaces nothing
        ([((300, 350), 0.9), ((0, 90), 0.2)], [((0, 100), 0.1)], [(50, 300), (100, 0)]),
        # each earlier label by itself; earlier ones do not replace each other
        ([((0, 100), 0.9)], [((0, 90), 0.3), ((200, 300), 0.2), ((200, 299), 0.1)], [(100, 0), (100, 200), (99, 200)]),
        # two detections that only together cover a label do not replace it
        ([((0, 40), 0.9), ((60, 100), 0.9)], [((0, 100), 0.1)], [(40, 0), (40, 60), (100, 0)]),
    ],
)
def test_what_comes_in_and_what_stays(detected, earlier, wanted) -> None:
    merged = merge_labels(document({"a.png": detected}), document({"a.png": earlier}), score=0.7)
    assert strips(merged, "a.png") == wanted


def test_photos_are_matched_by_name_whatever_their_ids() -> None:
    new = document({"new.png": [((0, 9), 0.9)], "b.png": [((0, 100), 0.9)], "a.png": []})
    old = document({"a.png": [((0, 100), 0.5)], "b.png": [((0, 90), 0.5)], "only.png": [((5, 9), 0.5)]})
    merged = merge_labels(new, old, score=0.7)
    assert [image["file_name"] for image in merged["images"]] == ["a.png", "b.png", "only.png", "new.png"]
    assert [image["id"] for image in merged["images"]] == [1, 2, 3, 4]
    assert [a["id"] for a in merged["annotations"]] == [1, 2, 3, 4]
    found = {name: strips(merged, name) for name in ("a.png", "b.png", "only.png", "new.png")}
    assert found == {"a.png": [(100, 0)], "b.png": [(100, 0)], "only.png": [(4, 5)], "new.png": [(9, 0)]}
    assert (merged["info"]["detections"], merged["info"]["earlier_labels"]) == (2, 2)


def test_documents_stay_as_they_were() -> None:
    new, old = document({"a.png": [((0, 100), 0.9)]}), document({"a.png": [((0, 300), 0.5)]})
    before = copy.deepcopy((new, old))
    merge_labels(new, old, score=0.7)
    assert (new, old) == before


def test_added_labels_keep_their_confidence_and_detections_count_as_certain(tmp_path) -> None:
    old = write_labels(tmp_path, count=2, size=(48, 64))
    box = np.zeros((48, 64), dtype=np.bool_)
    box[:4, :5] = True
    new = {
        "images": [{"id": 5, "file_name": "0.png", "width": 64, "height": 48}],
        "annotations": [{"id": 1, "image_id": 5, "segmentation": encode_rle(box), "score": 1.0}],
    }
    merged = merge_labels(new, old, score=0.7)
    own = [{k: v for k, v in a.items() if k not in ("id", "image_id")} for a in merged["annotations"][1:]]
    assert own == [{k: v for k, v in a.items() if k not in ("id", "image_id")} for a in old["annotations"]]
    sample, before = PseudoLabels(tmp_path, merged).load(0), PseudoLabels(tmp_path, old).load(0)
    assert (sample.confidence[0] == 1).all()
    assert sample.mean_confidence[0] == 1
    assert (sample.confidence[1:] == before.confidence).all()
    assert (before.confidence < 1).any()


def test_a_merged_document_is_merged_again() -> None:
    old = document({"a.png": [((0, 100), 0.5), ((200, 300), 0.5)]})
    first = merge_labels(document({"a.png": [((0, 95), 0.8)]}), old, score=0.7)
    second = merge_labels(document({"a.png": [((0, 90), 0.66), ((200, 290), 0.66)]}), first, score=0.65)
    assert strips(second, "a.png") == [(90, 0), (90, 200)]


@pytest.mark.parametrize(("score", "wanted"), [(0.7, 0.4), (0.9, 0.5), (1.0, 0.55)])
def test_a_detection_is_scored_on_the_scale_of_the_labels(score, wanted) -> None:
    new, old = document({"a.png": [((0, 100), score)]}), document({"a.png": [((200, 300), 0.45)]})
    merged = merge_labels(new, old, score=0.7, detection_score_range=(0.5, 1.0), score_range=(0.3, 0.55))
    assert [a["score"] for a in merged["annotations"]] == pytest.approx([wanted, 0.45])


def test_a_detection_outside_the_range_of_finds_comes_onto_its_end() -> None:
    new = document({"a.png": [((0, 100), 0.2), ((200, 300), 0.95)]})
    merged = merge_labels(new, document({}), score=0.1, detection_score_range=(0.3, 0.9), score_range=(0.3, 0.55))
    assert [a["score"] for a in merged["annotations"]] == pytest.approx([0.3, 0.55])


def merge_command(monkeypatch, detections: dict[str, Any]) -> int:
    """The command by the recipe `light_cpu`, in the folder at hand, which gets `m.json`."""
    for name, content in (("new", detections), ("old", document({"a.png": []}))):
        Path(f"{name}.json").write_text(json.dumps(content))
    files = ["--predictions", "new.json", "--labels", "old.json", "--out", "m.json"]
    monkeypatch.setattr("sys.argv", ["merge_labels", "--recipe", "light_cpu", "--score", "0.7", *files])
    return main()


def test_the_command_takes_the_ranges_of_a_recipe(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    assert merge_command(monkeypatch, document({"a.png": [((0, 100), 0.5)]}, detector_score=0.8)) == 0
    assert capsys.readouterr().out == "m.json: 1 detections and 0 earlier labels.\n"
    (label,) = json.loads(Path("m.json").read_text())["annotations"]
    recipe = get_recipe("light_cpu")
    assert label["score"] == pytest.approx(rescaled(0.5, recipe.detection_score_range, recipe.score_range))
    assert recipe.score_range[0] < label["score"] < recipe.score_range[1]


def test_finds_that_are_not_ranked_are_refused_where_the_recipe_ranks_them(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    assert merge_command(monkeypatch, document({"a.png": [((0, 100), 0.8)]})) == 1
    assert "call training.rank first" in capsys.readouterr().err
    assert not Path("m.json").exists()


STRIPS = st.lists(
    st.tuples(
        st.tuples(st.integers(0, SIDE * SIDE - 2), st.integers(1, SIDE * SIDE)).filter(lambda s: s[0] < s[1]),
        st.sampled_from([0.1, 0.65, 0.7, 0.9]),
    ),
    max_size=4,
)


@given(detected=STRIPS, earlier=STRIPS)
def test_every_earlier_label_is_there_or_has_been_replaced(detected, earlier) -> None:
    new, old = document({"a.png": detected}), document({"a.png": earlier})
    merged = merge_labels(new, old, score=0.7)
    kept = [a for a in new["annotations"] if a["score"] >= 0.7]
    texts = [a["segmentation"]["counts"] for a in merged["annotations"]]
    assert texts[: len(kept)] == [a["segmentation"]["counts"] for a in kept]
    rles = [to_rle(a["segmentation"], None) for a in kept]
    stay = [
        a["segmentation"]["counts"]
        for a in old["annotations"]
        if rle_iou([to_rle(a["segmentation"], None)], rles).max(initial=0) < 0.5
    ]
    assert texts[len(kept) :] == stay


def other(change: str) -> dict[str, Any]:
    """A document with one fault."""
    made = document({"a.png": [((0, 100), 0.9)]})
    image, label = made["images"][0], made["annotations"][0]
    if change == "size":
        image |= {"width": 2 * SIDE, "height": SIDE // 2}
        label["segmentation"] = encode_rle(strip(0, 100).reshape(SIDE // 2, 2 * SIDE))
    elif change == "twice":
        made["images"].append(image | {"id": 99})
    elif change == "nameless":
        del image["file_name"]
    elif change == "sizeless":
        del image["width"]
    elif change == "stray":
        label["image_id"] = 77
    elif change == "broken":
        label["segmentation"] = {"size": [SIDE, SIDE], "counts": "0"}
    elif change == "scoreless":
        del label["score"]
    elif change == "endless":
        label["score"] = 10**400
    return made


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("size", "40×10 pixels in the predictions and 20×20 in the labels"),
        ("twice", "'a.png' is listed twice"),
        ("nameless", "needs a 'file_name'"),
        ("sizeless", "needs a 'file_name', a 'width'"),
        ("stray", "annotation 100 is on an image"),
        ("broken", "annotation 100 has broken run lengths"),
        ("scoreless", "annotation 100 has the 'score' None"),
        ("endless", "annotation 100 has the 'score' 1000"),
    ],
)
def test_faults_are_named(change, message) -> None:
    with pytest.raises(InputError, match=message):
        merge_labels(other(change), document({"a.png": [((0, 100), 0.9)]}), score=0.7)


@pytest.mark.parametrize("score", [-0.1, 1.1, float("nan")])
def test_a_score_out_of_range_is_refused(score) -> None:
    with pytest.raises(ConfigError, match=r"in \[0, 1\]"):
        merge_labels(document({}), document({}), score=score)


def test_the_command(tmp_path: Path, monkeypatch, capsys) -> None:
    (tmp_path / "new.json").write_text(json.dumps(document({"a.png": [((0, 100), 0.9)]})))
    (tmp_path / "old.json").write_text(json.dumps(document({"a.png": [((0, 90), 0.9), ((200, 220), 0.5)]})))
    given = ["--predictions", tmp_path / "new.json", "--score", "0.7", "--out", tmp_path / "out" / "merged.json"]

    def run(labels: Path) -> int:
        monkeypatch.setattr(sys, "argv", ["merge", *map(str, given), "--labels", str(labels)])
        return main()

    assert run(tmp_path / "old.json") == 0
    assert "1 detections and 1 earlier labels" in capsys.readouterr().out
    assert len(json.loads((tmp_path / "out" / "merged.json").read_text())["annotations"]) == 2
    assert run(tmp_path / "absent.json") == 1
    assert "There is no file" in capsys.readouterr().err
