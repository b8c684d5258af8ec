"""The COCO module: identity of images, run lengths, reading of untrusted documents, writing."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pycocotools import mask as coco_mask

from cuts3d.errors import InputError
from cuts3d.grids import bounding_box
from cuts3d.io.coco import (
    ImageRecord,
    annotation,
    decode_rle,
    encode_rle,
    one_photo_document,
    read_document,
    rle_area,
    rle_box,
    rle_iou,
    run_lengths,
    to_rle,
    write_document,
)
from cuts3d.io.coco.write import FRAME

SEEDS, SIDES, FRACTIONS = st.integers(0, 2**32 - 1), st.integers(1, 90), st.floats(0, 1)


def random_mask(seed: int, h: int, w: int, fraction: float) -> np.ndarray:
    return np.random.default_rng(seed).random((h, w)) < fraction


@given(SEEDS, SIDES, SIDES, FRACTIONS)
def test_a_mask_survives_encoding_and_decoding(seed: int, h: int, w: int, fraction: float) -> None:
    mask = random_mask(seed, h, w, fraction)
    rle = encode_rle(mask)
    assert rle == json.loads(json.dumps(rle))
    assert (coco_mask.decode({**rle, "counts": rle["counts"].encode()}) == mask).all()  # pyright: ignore
    decoded = decode_rle(to_rle(rle, (h, w)))
    assert decoded.dtype == np.bool_
    assert np.array_equal(decoded, mask)
    assert rle_area(rle) == mask.sum()
    assert rle_box(rle) == bounding_box(mask) == tuple(coco_mask.toBbox(rle))  # pyright: ignore


@given(SEEDS, SIDES, SIDES, FRACTIONS)
def test_run_lengths_are_those_of_the_mask(seed: int, h: int, w: int, fraction: float) -> None:
    mask = random_mask(seed, h, w, fraction)
    runs = run_lengths(encode_rle(mask)["counts"].encode())
    values = np.repeat(np.arange(len(runs)) % 2, runs)
    assert np.array_equal(values.reshape(w, h).T, mask)


def test_long_runs_are_read_too() -> None:
    mask = np.zeros((3000, 4000), dtype=bool)
    mask[1000:, 2000:] = True
    runs = run_lengths(encode_rle(mask)["counts"].encode())
    assert runs[0] == 2000 * 3000 + 1000
    assert runs[1::2].sum() == mask.sum()


def test_overlaps_of_nothing_are_empty() -> None:
    one = encode_rle(np.ones((2, 3), dtype=bool))
    assert rle_iou([], [one]).shape == (0, 1)
    assert rle_iou([one], []).shape == (1, 0)
    assert rle_iou([one], [one]).tolist() == [[1.0]]


def test_an_image_record_survives_its_entry() -> None:
    image = ImageRecord("a", "cats/1.png", (30, 40))
    assert image.to_coco() == {"id": "a", "file_name": "cats/1.png", "width": 40, "height": 30}
    assert ImageRecord.from_coco(image.to_coco()) == image
    lvis = {"id": 7, "coco_url": "http://images.org/val2017/000000000007.jpg"}
    assert ImageRecord.from_coco(lvis) == ImageRecord(7, "000000000007.jpg", None)


def document(**first: Any) -> dict[str, Any]:
    mask = np.eye(4, 6, dtype=bool)
    annotations = [{"id": n, "image_id": 1 + n % 2, **annotation(mask, score=0.1 * n)} for n in (3, 4, 5)]
    images = [ImageRecord(n, f"{n}.png", (4, 6)).to_coco() for n in (1, 2, 3)]
    return {"images": images, "annotations": [{**annotations[0], **first}, *annotations[1:]]}


def test_annotations_come_by_image_in_their_order_and_none_is_left_out() -> None:
    source = read_document(document(), "Labels")
    found = source.annotations_by_image(
        source.images(), lambda entry, image: None if entry["id"] == 4 else (entry["id"], image.name)
    )
    assert found == {2: [(3, "2.png"), (5, "2.png")]}


def test_an_error_of_the_reader_names_the_annotation() -> None:
    def fail(entry: Any, image: ImageRecord) -> None:
        raise ValueError("has a fault")

    source = read_document(document(), "Labels")
    with pytest.raises(InputError, match=r"^Labels: annotation 3 has a fault\.$"):
        source.annotations_by_image(source.images(), fail)
    source = read_document(document(image_id=9), "Labels")
    with pytest.raises(InputError, match=r"^Labels: annotation 3 is on an image that 'images' does not list\.$"):
        source.annotations_by_image(source.images(), fail)


def test_a_streamed_document_is_the_same_as_one_from_memory(tmp_path: Path) -> None:
    images: list[dict[str, Any]] = []

    def annotations() -> Iterator[dict[str, Any]]:
        for number in (1, 2):
            images.append(ImageRecord(number, f"{number}.png", (4, 6)).to_coco())
            yield {"image_id": number, **annotation(np.eye(4, 6, dtype=bool), score=0.5)}

    path = tmp_path / "labels.json"
    counts = write_document(path, {"made": True}, {"annotations": annotations(), "images": images, "failures": []})
    assert counts == {"annotations": 2, "images": 2, "failures": 0}
    written = json.loads(path.read_bytes())
    assert written["info"] == {"made": True, "frame": FRAME}
    assert written["categories"] == [{"id": 1, "name": "object"}]
    assert written["images"] == images
    assert [one["id"] for one in written["annotations"]] == [1, 2]
    for number, (one, image) in enumerate(zip(written["annotations"], images, strict=True), start=1):
        alone = one_photo_document(ImageRecord.from_coco(image), [{k: one[k] for k in list(one)[2:]}], {})
        assert alone["annotations"] == [{**one, "id": 1, "image_id": number}]
        assert alone["categories"] == written["categories"]
        assert alone["images"] == [image]


def test_a_stream_that_fails_leaves_the_earlier_file(tmp_path: Path) -> None:
    def broken() -> Iterator[dict[str, Any]]:
        yield {"image_id": 1}
        raise InputError("The shard is damaged.")

    path = tmp_path / "labels.json"
    path.write_text("earlier")
    with pytest.raises(InputError, match="damaged"):
        write_document(path, {}, {"annotations": broken()})
    assert path.read_text() == "earlier"
    assert list(tmp_path.iterdir()) == [path]
