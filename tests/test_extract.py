"""Extraction in one process: sources, records, shards, resume, merge."""

import gzip
import io
import itertools
import json
import os
import sys
import tarfile
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
from helpers import squares_photo
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image
from pycocotools import mask as coco

import cuts3d.extract.run
from cuts3d.cli import main
from cuts3d.errors import ConfigError, InputError, WeightsUnavailableError
from cuts3d.extract import Job, Means, decode_confidence, encode_confidence, extract, merge_parts
from cuts3d.extract.manifest import open_manifest
from cuts3d.extract.merge import shard_path
from cuts3d.extract.run import parts_folder
from cuts3d.extract.shard import OUT_OF_MEMORY, read_shard, run_in_worker, run_shard
from cuts3d.extract.sources import entries
from cuts3d.methods import METHODS, find_masks
from cuts3d.types import FoundMask


class Killed(BaseException):
    """What ends a run in the middle."""


@pytest.fixture
def here(monkeypatch):
    """Work in this process, where the backbone of the tests is known; `here.stop_after` shards it is killed."""

    class Engine:
        stop_after: int | None = None
        shards: list[int]

        def __call__(self, job, shards, *, workers):
            self.shards = []
            for shard in shards:
                if len(self.shards) == self.stop_after:
                    raise Killed
                self.shards.append(shard.number)
                yield shard, run_shard(job, shard)

    engine = Engine()
    monkeypatch.setattr(cuts3d.extract.run, "run_local", engine)
    return engine


@pytest.fixture
def job(pixel_config) -> Job:
    return Job(method="cuts3d", config=pixel_config, images_per_shard=2)


def save_photo(path: Path, size: tuple[int, int] = (48, 64)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(squares_photo(size).image).save(path)


@pytest.fixture
def folder(tmp_path) -> Path:
    """Five photos in folders, among other files."""
    root = tmp_path / "photos"
    for name in ("b.png", "a.png", "cats/2.png", "cats/1.png", "cats/deep/3.png"):
        save_photo(root / name)
    (root / "notes.txt").write_text("no photo")
    (root / ".hidden.png").write_bytes(b"")
    return root


NAMES = ["a.png", "b.png", "cats/1.png", "cats/2.png", "cats/deep/3.png"]


def names(source: Path) -> list[str]:
    return [entry.name for entry in entries(source)]


# ---- sources


def test_a_folder_is_searched_to_its_end_in_the_order_of_names(folder):
    assert names(folder) == NAMES


def test_a_link_back_up_does_not_loop(folder):
    (folder / "cats" / "up").symlink_to(folder)
    assert names(folder) == NAMES


def test_a_list_names_files_beside_itself(folder, tmp_path):
    (folder / "list.txt").write_text("# mine\ncats/2.png\n\n" + str(folder / "a.png") + "\ngone.png\n")
    found = list(entries(folder / "list.txt"))
    assert [e.name for e in found] == ["cats/2.png", str(folder / "a.png"), "gone.png"]
    assert Path(found[0].path).samefile(folder / "cats" / "2.png")
    assert Path(found[1].path).samefile(folder / "a.png")


def tar_of(folder: Path, path: Path) -> Path:
    with tarfile.open(path, "w") as archive:
        for name in NAMES:
            archive.add(folder / name, name)
        archive.addfile(tarfile.TarInfo("a.cls"), io.BytesIO())
    return path


def test_a_tar_file_gives_what_its_files_give(folder, tmp_path):
    found = list(entries(tar_of(folder, tmp_path / "set-000.tar")))
    assert [e.name for e in found] == NAMES
    for entry in found:
        content = entry.open()
        assert isinstance(content, io.BytesIO)
        assert content.read() == (folder / entry.name).read_bytes()


def test_tar_files_of_a_folder_are_searched_too(folder, tmp_path):
    tar_of(folder, folder / "c.tar")
    assert names(folder) == [*NAMES[:2], *(f"c.tar/{n}" for n in NAMES), *NAMES[2:]]


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda p: p / "gone", "There is no folder or file"),
        (lambda p: _file(p / "x.tar", b"no tar"), "no plain tar file"),
        (lambda p: _file(p / "x.jpg", bytes(range(128, 256))), "no text file of paths"),
    ],
    ids=["missing", "broken tar", "a photo"],
)
def test_a_source_that_cannot_be_listed_says_so(tmp_path, make, says):
    with pytest.raises(InputError, match=says):
        list(entries(make(tmp_path)))


def _file(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_a_tar_file_that_was_cut_off_meanwhile_says_so(folder, tmp_path):
    path = tar_of(folder, tmp_path / "set.tar")
    last = list(entries(path))[-1]
    assert last.offset is not None
    os.truncate(path, last.offset + 10)
    with pytest.raises(InputError, match="cut off"):
        last.open()


# ---- records


SHAPES = hnp.array_shapes(min_dims=2, max_dims=2, max_side=40)
LARGER = encode_confidence(np.ones((9, 9)))["zlib"]
EMPTY = gzip.compress(b'{"images": [], "count": 2}')


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
        results.append(out.read_bytes())
    assert results[0] == results[1] == results[2]


def test_the_limit_takes_the_first_images(here, folder, job, tmp_path):
    assert extract(folder, tmp_path / "labels.json", job, limit=3)["images"] == 3


# ---- failures


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


# ---- resume


@pytest.fixture
def whole(here, folder, job, tmp_path) -> bytes:
    """The result of a run that nothing disturbed."""
    extract(folder, tmp_path / "whole.json", job)
    return (tmp_path / "whole.json").read_bytes()


@pytest.mark.parametrize("stop_after", [0, 1, 2])
def test_a_killed_run_goes_on_and_ends_with_the_same_bytes(here, folder, job, tmp_path, whole, stop_after):
    out = tmp_path / "labels.json"
    here.stop_after = stop_after
    with pytest.raises(Killed):
        extract(folder, out, job)
    assert not out.exists()
    save_photo(folder / "a0.png")  # what comes meanwhile is not taken in
    here.stop_after = None
    told: list[tuple[int, int, int]] = []
    extract(folder, out, job, progress=lambda *counts: told.append(counts))
    assert here.shards == list(range(stop_after, 3))
    assert told[0] == (0, 2 * stop_after, 5)
    assert told[-1] == (5 - 2 * stop_after, 2 * stop_after, 5)
    assert out.read_bytes() == whole
    assert not parts_folder(out).exists()


def test_a_kill_between_the_merge_and_the_cleaning_up_is_no_loss(here, folder, job, tmp_path, whole, monkeypatch):
    out = tmp_path / "labels.json"
    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", lambda *_: (_ for _ in ()).throw(Killed()))
        with pytest.raises(Killed):
            extract(folder, out, job)
    assert out.exists()
    assert extract(folder, out, job)["images"] == 5
    assert here.shards != []
    assert out.read_bytes() == whole


def test_other_settings_do_not_go_on_with_unfinished_work(here, folder, job, tmp_path):
    out = tmp_path / "labels.json"
    here.stop_after = 1
    with pytest.raises(Killed):
        extract(folder, out, job)
    here.stop_after = None
    other = Job(method="cuts3d", config=job.config.replace(beta=0.1), images_per_shard=2)
    with pytest.raises(InputError, match=r"other settings \(beta\)"):
        extract(folder, out, other)
    assert extract(folder, out, other, overwrite=True)["images"] == 5


def test_a_result_is_never_overwritten_unasked(here, folder, job, tmp_path, whole):
    with pytest.raises(InputError, match="--overwrite"):
        extract(folder, tmp_path / "whole.json", job)
    assert (tmp_path / "whole.json").read_bytes() == whole


def test_a_second_run_in_the_same_place_is_refused(here, folder, job, tmp_path):
    out = tmp_path / "labels.json"

    def second(now, before, total):
        if now == 0:
            with pytest.raises(InputError, match="Another run"):
                extract(folder, out, job)

    assert extract(folder, out, job, progress=second)["images"] == 5


def test_a_run_that_begins_again_does_not_throw_away_the_work_of_one_that_is_at_it(here, folder, job, tmp_path, whole):
    out = tmp_path / "labels.json"

    def second(now, before, total):
        with pytest.raises(InputError, match="Another run"):
            extract(folder, out, job, overwrite=True)

    extract(folder, out, job, progress=second)
    assert out.read_bytes() == whole


def test_a_part_runs_beside_other_parts_but_not_beside_the_whole_or_the_merge(here, folder, job, tmp_path, whole):
    out = tmp_path / "labels.json"
    tried = []

    def others(now, before, total):
        if now == 0:
            for run in (
                lambda: extract(folder, out, job),
                lambda: extract(folder, out, job, Means(part=(1, 2))),
                lambda: merge_parts(folder, out, job),
            ):
                with pytest.raises(InputError, match="Another run"):
                    run()
            tried.append(extract(folder, out, job, Means(part=(2, 2))))

    extract(folder, out, job, Means(part=(1, 2)), progress=others)
    assert tried == [{}]
    merge_parts(folder, out, job)
    assert out.read_bytes() == whole


def test_a_part_is_refused_while_the_whole_is_at_work(here, folder, job, tmp_path):
    out = tmp_path / "labels.json"

    def second(now, before, total):
        with pytest.raises(InputError, match="Another run"):
            extract(folder, out, job, Means(part=(2, 2)))

    assert extract(folder, out, job, progress=second)["images"] == 5


def test_what_cannot_begin_leaves_nothing_behind(here, folder, job, tmp_path):
    (tmp_path / "photos" / "none").mkdir()
    (tmp_path / "results").mkdir()
    with pytest.raises(InputError, match="no image"):
        extract(folder / "none", tmp_path / "results" / "labels.json", job)
    assert list((tmp_path / "results").iterdir()) == []


def test_a_place_that_cannot_be_written_is_a_clear_error(here, folder, job):
    with pytest.raises(InputError, match="could not be locked: Not a directory"):
        extract(folder, folder / "a.png" / "labels.json", job)


@pytest.mark.parametrize(
    "damage",
    [
        lambda lines: [],
        lambda lines: ["null", *lines[1:]],
        lambda lines: lines[:-1],
        lambda lines: [*lines[:-1], lines[-1][:9]],
    ],
    ids=["empty", "no head", "cut off", "half a line"],
)
def test_a_damaged_list_of_images_is_named(here, folder, job, tmp_path, damage):
    out = tmp_path / "labels.json"
    here.stop_after = 1
    with pytest.raises(Killed):
        extract(folder, out, job)
    here.stop_after = None
    path = parts_folder(out) / "manifest.jsonl"
    path.write_text("\n".join(damage(path.read_text().splitlines())))
    with pytest.raises(InputError, match=r"manifest.jsonl' is damaged.*--overwrite"):
        extract(folder, out, job)
    assert extract(folder, out, job, overwrite=True)["images"] == 5


@pytest.mark.parametrize("years", [-30, 30])
def test_clocks_that_jump_change_nothing(here, folder, job, tmp_path, whole, years, monkeypatch):
    """Between a kill and its resume all files come to lie in the past or the future, and so does the time of day."""
    out = tmp_path / "labels.json"
    here.stop_after = 2
    with pytest.raises(Killed):
        extract(folder, out, job)
    here.stop_after = None
    then = time.time() + years * 365 * 86_400
    for path in [*parts_folder(out).iterdir(), *folder.rglob("*.png")]:
        os.utime(path, (then, then))
    jumps = itertools.cycle([0, -3e8, 5e8])
    monkeypatch.setattr(time, "time", lambda: then + next(jumps))
    extract(folder, out, job)
    assert here.shards == [2]
    assert out.read_bytes() == whole


def test_a_full_disk_is_a_clear_error_and_the_run_goes_on_later(here, folder, job, tmp_path, whole, monkeypatch):
    out = tmp_path / "labels.json"
    write = Path.write_bytes

    def full(path, content):
        if len(list(path.parent.glob("shard-*.json.gz"))) == 2:
            write(path, content[:10])
            raise OSError(28, "No space left on device")
        return write(path, content)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", full)
        with pytest.raises(InputError, match="No space left"):
            extract(folder, out, job)
    assert extract(folder, out, job)["images"] == 5
    assert out.read_bytes() == whole


# ---- parts and the merge


def test_parts_make_what_one_run_makes(here, folder, job, tmp_path, whole):
    out = tmp_path / "labels.json"
    for part in (2, 3, 1):
        assert extract(folder, out, job, Means(part=(part, 3))) == {}
        assert here.shards == [part - 1]
    assert not out.exists()
    assert merge_parts(folder, out, job)["images"] == 5
    assert out.read_bytes() == whole


def test_a_part_never_throws_away_the_others_work(here, folder, job, tmp_path):
    out = tmp_path / "labels.json"
    extract(folder, out, job, Means(part=(1, 2)))
    with pytest.raises(ConfigError, match="other parts"):
        extract(folder, out, job, Means(part=(2, 2)), overwrite=True)
    assert len(list(parts_folder(out).glob("shard-*.json.gz"))) == 2


def test_the_merge_refuses_missing_shards_and_names_them(here, folder, job, tmp_path):
    out = tmp_path / "labels.json"
    extract(folder, out, job, Means(part=(2, 2)))
    with pytest.raises(InputError, match=r"2 of 3 shards are missing \(0, 2\)"):
        merge_parts(folder, out, job)
    assert not out.exists()
    with pytest.raises(InputError, match="nothing to merge"):
        merge_parts(folder, tmp_path / "other.json", job)


@pytest.mark.parametrize("damage", [lambda c: c[:-9], lambda c: b"", lambda c: EMPTY])
def test_the_merge_refuses_a_damaged_shard_and_says_what_to_do(here, folder, job, tmp_path, damage):
    out = tmp_path / "labels.json"
    for part in (1, 2):
        extract(folder, out, job, Means(part=(part, 2)))
    path = shard_path(parts_folder(out), 1)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(InputError, match=r"'shard-000001.json.gz' is damaged.*Delete"):
        merge_parts(folder, out, job)
    path.unlink()
    assert extract(folder, out, job)["images"] == 5


@given(st.data())
def test_no_changed_byte_of_a_shard_goes_unseen(data):
    records = [{"image": {"id": n, "file_name": f"{n}.png"}, "annotations": []} for n in range(3)]
    content = bytearray(gzip.compress(json.dumps({"count": 3, "images": records}).encode(), mtime=0))
    place = data.draw(st.integers(0, len(content) - 1))
    content[place] ^= data.draw(st.integers(1, 255))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "shard.json.gz"
        path.write_bytes(content)
        try:
            assert read_shard(path) == records  # the header holds bytes that mean nothing
        except InputError as error:
            assert "is damaged" in str(error)


@pytest.mark.parametrize(
    ("means", "says"),
    [
        (Means(part=(0, 2)), "--part"),
        (Means(part=(3, 2)), "--part"),
        (Means(engine="slurm"), "Unknown engine"),
        (Means(workers=0), "--workers"),
    ],
)
def test_means_that_do_not_exist_are_refused(here, folder, job, tmp_path, means, says):
    with pytest.raises(ConfigError, match=says):
        extract(folder, tmp_path / "labels.json", job, means)


@pytest.mark.parametrize("wrong", [{"method": "cutler"}, {"images_per_shard": 0}, {"batch": 0}])
def test_a_job_that_cannot_be_is_refused(pixel_config, wrong):
    with pytest.raises(ConfigError):
        Job(**{"method": "cuts3d", "config": pixel_config, **wrong})


def test_everything_that_decides_a_byte_is_in_the_hash(pixel_config):
    jobs = [
        Job(method="cuts3d", config=pixel_config),
        Job(method="maskcut", config=pixel_config),
        Job(method="cuts3d", config=pixel_config.replace(beta=0.1)),
    ]
    assert len({job.info["hash"] for job in jobs}) == 3
    assert jobs[0].info["hash"] == Job(method="cuts3d", config=pixel_config, images_per_shard=7).info["hash"]


# ---- the command


def test_the_command_says_what_came_of_it(here, folder, tmp_path, pixel_config, capsys):
    (folder / "a.png").write_bytes(b"")
    out = tmp_path / "labels.json"
    given_ = ["--backbone", "pixels", "--depth", "none", "--no-crf", "--depth-scale", "3"]
    assert main(["extract", str(folder), "--out", str(out), *given_]) == 0
    said = capsys.readouterr()
    masks = len(json.loads(out.read_text())["annotations"])
    assert said.out == f"{masks} masks of 4 images in {out}; 1 could not be read, see 'failures' in it\n"
    assert "5/5" in said.err
    assert main(["extract", str(folder), "--out", str(out), *given_]) == 1
    assert "--overwrite" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", [["--part", "2"], ["--limit", "0"], ["--method", "cutler"], ["--workers", "0"]])
def test_wrong_use_of_the_command_ends_with_2(here, folder, tmp_path, pixel_backbone, wrong, capsys):
    assert main(["extract", str(folder), "--out", str(tmp_path / "x.json"), "--backbone", "pixels", *wrong]) == 2
    assert capsys.readouterr().err.count("error:") == 1


def test_a_preset_is_where_the_parameters_begin(here, folder, tmp_path, pixel_backbone):
    out = tmp_path / "labels.json"
    given_ = ["--backbone", "pixels", "--depth", "none", "--no-crf", "--preset", "adaptive", "--max-instances", "4"]
    assert main(["extract", str(folder), "--out", str(out), "--limit", "1", "--quiet", *given_]) == 0
    config = json.loads(out.read_text())["info"]["config"]
    assert (config["region"], config["max_instances"]) == ("recursive", 4)
