"""The records of masks, and of images that failed."""

import json
import sys

import numpy as np
import pytest
from extraction_photos import NAMES, save_photo, tar_of
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image
from pycocotools import mask as coco

from cuts3d.errors import ConfigError, InputError, WeightsUnavailableError
from cuts3d.extract import Job, decode_confidence, encode_confidence, extract
from cuts3d.extract.resume import open_manifest
from cuts3d.extract.run import parts_folder
from cuts3d.extract.shard import OUT_OF_MEMORY, run_in_worker
from cuts3d.run.methods import METHODS, find_masks
from cuts3d.types import FoundMask

SHAPES = hnp.array_shapes(min_dims=2, max_dims=2, max_side=40)
LARGER = encode_confidence(np.ones((9, 9)))["zlib"]


@given(hnp.arrays(np.float32, SHAPES, elements=st.floats(0, 1, width=32)))
def test_a_confidence_map_comes_back_to_within_half_a_step(values):
    back = decode_confidence(json.loads(json.dumps(encode_confidence(values))))
    assert back.dtype == np.float32
    np.testing.assert_allclose(back, values, atol=1 / 510 + 1e-6)


@pytest.mark.parametrize(
    "record",
    [
        None,
        {},
        {"size": [2, 2], "zlib": "????"},
        {"size": [2, 3], "zlib": LARGER},
        {"size": [-1, 1], "zlib": LARGER},
        {"size": [10**30, 10**30], "zlib": LARGER},
        {"size": [float("inf"), 1], "zlib": LARGER},
        {"size": [0, 5], "zlib": "eJwDAAAAAAE="},
    ],
)
def test_what_is_no_confidence_map_is_refused(record):
    with pytest.raises(InputError, match="no confidence map"):
        decode_confidence(record)


def test_the_records_are_what_the_library_finds(here, folder, job, tmp_path):
    out = tmp_path / "labels.json"
    counts = extract(folder, out, job)
    document = json.loads(out.read_text())
    assert [i["file_name"] for i in document["images"]] == NAMES
    assert counts == {"images": 5, "annotations": len(document["annotations"]), "failures": 0}
    assert [a["id"] for a in document["annotations"]] == list(range(1, counts["annotations"] + 1))
    for image in document["images"]:
        photo = np.asarray(Image.open(folder / image["file_name"]))
        assert (image["height"], image["width"]) == photo.shape[:2]
        found = find_masks(photo, job.config)
        records = [a for a in document["annotations"] if a["image_id"] == image["id"]]
        assert len(records) == len(found) >= 2
        for record, mask in zip(records, found, strict=True):
            check(record, mask)
    assert document["failures"] == []
    assert document["info"]["config"] == job.config.to_dict()
    assert document["info"]["hash"] == job.info["hash"]


def check(record: dict, found: FoundMask) -> None:
    assert (coco.decode(record["segmentation"]).astype(bool) == found.mask).all()
    assert record["bbox"] == coco.toBbox(record["segmentation"]).tolist()
    assert record["area"] == found.mask.sum()
    assert record["score"] == pytest.approx(found.score, abs=1e-6)
    assert record["mean_confidence"] == pytest.approx(found.mean_confidence, abs=1e-6)
    assert found.coarse_confidence is not None
    np.testing.assert_allclose(decode_confidence(record["confidence"]), found.coarse_confidence, atol=1 / 500)
    assert record["fallback"] == (found.fallback or None)
    assert (record["iscrowd"], record["category_id"]) == (0, 1)


@pytest.mark.parametrize("method", METHODS[1:])
def test_a_neighbour_s_records_have_no_confidence(here, folder, job, tmp_path, method):
    out = tmp_path / "labels.json"
    config = job.config.replace(tau_ncut=0.5)
    extract(folder, out, Job(method=method, config=config), limit=1)
    document = json.loads(out.read_text())
    assert document["info"]["method"] == method
    assert document["info"]["depth"] is None
    for record in document["annotations"]:
        assert record["confidence"] is record["mean_confidence"] is record["fallback"] is None


def test_the_same_images_from_a_list_or_a_tar_file_give_the_same_records(here, folder, job, tmp_path):
    (folder / "list.txt").write_text("\n".join(NAMES))
    results = []
    for number, source in enumerate([folder, folder / "list.txt", tar_of(folder, tmp_path / "set.tar")]):
        out = tmp_path / f"{number}.json"
        extract(source, out, job)
        document = json.loads(out.read_bytes())
        document["info"].pop("skipped", None)  # other files lie in the folder than in the tar file
        results.append(document)
    assert results[0] == results[1] == results[2]


def test_the_limit_takes_the_first_images(here, folder, job, tmp_path):
    assert extract(folder, tmp_path / "labels.json", job, limit=3)["images"] == 3


def test_broken_images_are_recorded_with_their_reason_and_the_others_go_on(here, folder, job, tmp_path):
    (folder / "a.png").write_bytes(b"no image")
    content = (folder / "cats/1.png").read_bytes()
    (folder / "cats/1.png").write_bytes(content[: len(content) // 2])
    Image.new("RGB", (3, 3)).save(folder / "cats/2.png")
    out = tmp_path / "labels.json"
    assert extract(folder, out, job)["failures"] == 3
    document = json.loads(out.read_text())
    assert [i["file_name"] for i in document["images"]] == ["b.png", "cats/deep/3.png"]
    assert [i["id"] for i in document["images"]] == [2, 5]
    reasons = {f["file_name"]: f["reason"] for f in document["failures"]}
    assert "not an image" in reasons["a.png"]
    assert "damaged" in reasons["cats/1.png"]
    assert "at least 8×8" in reasons["cats/2.png"]


def test_an_image_on_which_the_method_itself_fails_is_recorded(here, folder, job, tmp_path, monkeypatch):
    def fail(*arguments, **options):
        raise ZeroDivisionError("by hand")

    monkeypatch.setattr("cuts3d.extract.shard.find_masks", fail)
    out = tmp_path / "labels.json"
    assert extract(folder, out, job)["failures"] == 5
    assert {f["reason"] for f in json.loads(out.read_text())["failures"]} == {"ZeroDivisionError: by hand"}


NO_MEMORY = RuntimeError("[enforce fail at alloc_cpu.cpp:127] DefaultCPUAllocator: can't allocate memory")


@pytest.mark.parametrize("error", [MemoryError(), NO_MEMORY, ConfigError("c"), WeightsUnavailableError("w")])
def test_what_is_no_fault_of_an_image_ends_the_run_and_records_nothing(here, folder, job, tmp_path, monkeypatch, error):
    def fail(*arguments, **options):
        raise error

    monkeypatch.setattr("cuts3d.extract.shard.find_masks", fail)
    with pytest.raises(type(error)):
        extract(folder, tmp_path / "labels.json", job)
    assert not list(parts_folder(tmp_path / "labels.json").glob("shard*"))


def test_a_worker_without_memory_ends_so_that_a_fresh_one_takes_its_shard(here, folder, job, tmp_path, monkeypatch):
    def fail(*arguments, **options):
        raise NO_MEMORY

    monkeypatch.setattr("cuts3d.extract.shard.find_masks", fail)
    monkeypatch.setattr("os._exit", sys.exit)  # a fork would do, but after Torch has run it may hang
    shard = next(open_manifest(tmp_path / "parts", folder, job).shards({0}))
    with pytest.raises(SystemExit) as ended:
        run_in_worker(job, shard)
    assert ended.value.code == OUT_OF_MEMORY


def test_a_source_without_images_says_so_and_may_be_filled_later(here, job, tmp_path):
    (tmp_path / "photos").mkdir()
    with pytest.raises(InputError, match="no image"):
        extract(tmp_path / "photos", tmp_path / "labels.json", job)
    save_photo(tmp_path / "photos" / "a.png")
    assert extract(tmp_path / "photos", tmp_path / "labels.json", job)["images"] == 1
