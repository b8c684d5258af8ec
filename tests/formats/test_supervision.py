"""Results as `supervision.Detections`, and back into an evaluation."""

from __future__ import annotations

import numpy as np
import pytest
from made_detector import made_checkpoint, made_photo
from pycocotools import mask as coco_mask

from cuts3d import ConfigError, CutS3D, Detector, InputError, Segmentation
from cuts3d.evaluate import evaluate
from cuts3d.formats import packages, predictions_from_supervision
from cuts3d.io.coco import coco_document


@pytest.fixture
def sv():
    return pytest.importorskip("supervision", reason="needs the extra `formats`")


@pytest.fixture
def result(photo, pixel_config) -> Segmentation:
    return CutS3D(pixel_config).segment(photo.image, depth=photo.depth)


@pytest.mark.parametrize("compact", [True, False])
def test_a_segmentation_becomes_detections_with_our_scores(sv, result, compact):
    found = result.to_supervision(compact=compact)
    assert isinstance(found, sv.Detections)
    assert isinstance(found.mask, sv.CompactMask if compact else np.ndarray)
    assert len(found) == len(result.instances) == 3
    for number, instance in enumerate(result.instances):
        np.testing.assert_array_equal(np.asarray(found.mask[number]), instance.mask)
        x, y, w, h = instance.bbox
        assert found.xyxy[number].tolist() == [x, y, x + w, y + h]
        assert found.confidence[number] == instance.score
        assert found.data["mean_confidence"][number] == instance.mean_confidence
        assert found.data["area"][number] == instance.area
    assert set(found.data["class_name"]) == {"object"}
    assert found.class_id.tolist() == [0, 0, 0]


def test_detections_can_be_chosen_drawn_and_counted_by_supervision(sv, result, photo):
    found = result.to_supervision()
    best = found[found.confidence == found.confidence.max()]
    drawn = sv.MaskAnnotator().annotate(photo.image.copy(), best)
    inside = result.instances[int(found.confidence.argmax())].mask
    changed = (drawn != photo.image).any(axis=2)
    assert changed[inside].mean() > 0.9
    assert not changed[~inside].any()


def test_a_segmentation_without_any_instance(sv, result):
    import dataclasses

    empty = dataclasses.replace(result, instances=(), confidences=())
    for compact in (True, False):
        found = empty.to_supervision(compact=compact)
        assert len(found) == 0
        assert found.mask.shape == (0, *result.image.shape[:2])


def test_detections_of_a_detector_keep_the_boxes_of_the_network(sv, tmp_path):
    photo = made_photo()
    found = Detector(made_checkpoint(tmp_path)).detect(photo, score_threshold=0)
    ours = found.to_supervision()
    assert len(ours) == len(found) > 0
    assert found.size == photo.shape[:2]
    np.testing.assert_array_equal(ours.xyxy, [one.box for one in found])
    assert ours.mask is not None
    for number, one in enumerate(found):
        np.testing.assert_array_equal(np.asarray(ours.mask[number]), one.mask)


def test_detections_write_a_coco_document(tmp_path):
    found = Detector(made_checkpoint(tmp_path)).detect(made_photo(), score_threshold=0)
    document = found.to_coco("a.png")
    assert document["images"] == [{"id": 1, "file_name": "a.png", "width": 96, "height": 64}]
    for one, annotation in zip(found, document["annotations"], strict=True):
        np.testing.assert_array_equal(coco_mask.decode(annotation["segmentation"]).astype(bool), one.mask)
        assert annotation["bbox"] == pytest.approx(one.bbox, abs=0.01)
        assert annotation["score"] == pytest.approx(one.score, abs=1e-6)


def test_a_segmentation_writes_the_document_of_the_command_line(result, pixel_config):
    document = result.to_coco("a.jpg")
    assert document == coco_document(result, file_name="a.jpg")
    assert document["info"]["config"] == pixel_config.to_dict()


@pytest.mark.parametrize("compact", [True, False])
def test_detections_of_supervision_are_evaluated_as_the_document_that_they_came_from(sv, result, compact):
    truth = result.to_coco("folder/a.jpg")
    there = predictions_from_supervision({"folder/a.jpg": result.to_supervision(compact=compact)})
    back, straight = evaluate(truth, there), evaluate(truth, truth)
    assert (back.mask, back.box, back.counts) == (straight.mask, straight.box, straight.counts)
    assert back.mask is not None
    assert back.mask.ap == pytest.approx(1.0)


def test_worse_detections_get_worse_figures(sv, result):
    truth, found = result.to_coco("a.jpg"), result.to_supervision()
    fewer = evaluate(truth, predictions_from_supervision({"a.jpg": found[:1]}))
    assert fewer.mask is not None
    assert fewer.mask.ap is not None
    assert 0 < fewer.mask.ap < 0.5


def test_boxes_without_masks_and_photos_without_detections(sv, result):
    truth = result.to_coco("a.jpg")
    truth["images"].append({"id": 2, "file_name": "b.jpg", "width": 5, "height": 5})
    boxes = sv.Detections(xyxy=result.to_supervision().xyxy, confidence=np.ones(3))
    found = evaluate(truth, predictions_from_supervision({"a.jpg": boxes, "b.jpg": sv.Detections.empty()}))
    assert found.mask is None
    assert found.box.ap == pytest.approx(1.0)
    assert found.counts.images == 2


def test_unusable_detections_are_refused(sv):
    box = np.array([[0.0, 0.0, 2.0, 2.0]])
    with pytest.raises(InputError, match=r"'a\.jpg' have no 'confidence'"):
        predictions_from_supervision({"a.jpg": sv.Detections(xyxy=box)})
    with pytest.raises(InputError, match="not finite"):
        predictions_from_supervision({"a.jpg": sv.Detections(xyxy=box, confidence=np.array([np.nan]))})
    with pytest.raises(InputError, match="7 is no text"):
        predictions_from_supervision({7: sv.Detections.empty()})  # pyright: ignore[reportArgumentType]


def test_without_supervision_one_sentence_says_what_to_install(result, monkeypatch):
    def missing(name: str):
        raise ModuleNotFoundError(f"No module named '{name}'")

    monkeypatch.setattr(packages, "import_module", missing)
    with pytest.raises(ConfigError, match=r"need the package 'supervision'.*cuts3d\[formats\]"):
        result.to_supervision()
