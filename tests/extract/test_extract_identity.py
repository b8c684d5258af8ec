"""A resumed run works on the photos that it began with, and a finished one tries its failures again."""

import json
import os
import shutil
from pathlib import Path

import pytest
from extraction_photos import NAMES, Killed, save_photo, tar_of

from cuts3d.errors import ConfigError, InputError
from cuts3d.evaluate import evaluate
from cuts3d.extract import ExecutionOptions, Job, extract, merge_parts
from cuts3d.extract.run import parts_folder
from cuts3d.io.coco.write import FRAME
from cuts3d.io.photos import read_image


def killed_after(here, shards: int, *arguments) -> None:
    here.stop_after = shards
    with pytest.raises(Killed):
        extract(*arguments)
    here.stop_after = None


def other_photo(path: Path) -> None:
    """Another photo under a name, of another size."""
    save_photo(path, (40, 56))


def sizes(out: Path) -> dict[str, tuple[int, int]]:
    return {one["file_name"]: (one["height"], one["width"]) for one in json.loads(out.read_text())["images"]}


def test_a_relative_source_is_resumed_from_its_own_place_only(here, folder, job, tmp_path, whole, monkeypatch):
    out = tmp_path / "labels.json"
    for name in NAMES:
        other_photo(tmp_path / "elsewhere" / "photos" / name)
    monkeypatch.chdir(tmp_path)
    killed_after(here, 1, Path("photos"), out, job)
    monkeypatch.chdir(tmp_path / "elsewhere")
    with pytest.raises(InputError, match=r"unfinished extraction of .*photos' .*; this is .*elsewhere"):
        extract(Path("photos"), out, job)
    extract(Path("../photos"), out, job)
    assert here.shards == [1, 2]
    assert out.read_bytes() == whole


def test_a_folder_that_was_moved_is_resumed_at_its_new_place(here, folder, job, tmp_path, whole):
    out = tmp_path / "labels.json"
    killed_after(here, 1, folder, out, job)
    extract(folder.rename(tmp_path / "moved"), out, job)
    assert here.shards == [1, 2]
    assert out.read_bytes() == whole


def test_other_photos_of_the_same_names_at_another_place_are_refused(here, folder, job, tmp_path):
    out = tmp_path / "labels.json"
    killed_after(here, 1, folder, out, job)
    folder.rename(tmp_path / "moved")
    for name in NAMES:
        other_photo(tmp_path / "other" / name)
    shutil.rmtree(tmp_path / "moved")
    with pytest.raises(InputError, match="the source is another one"):
        extract(tmp_path / "other", out, job)
    with pytest.raises(InputError, match="There is no folder"):
        extract(folder, out, job)


def test_a_place_without_one_of_the_photos_is_refused(here, folder, job, tmp_path):
    out = tmp_path / "labels.json"
    killed_after(here, 1, folder, out, job)
    (folder / "cats" / "2.png").unlink()
    with pytest.raises(InputError, match=r"no longer holds .*'cats/2\.png'"):
        extract(folder.rename(tmp_path / "moved"), out, job)


def test_a_link_that_leads_elsewhere_later_is_noticed(here, folder, job, tmp_path):
    out, link = tmp_path / "labels.json", tmp_path / "current"
    for name in NAMES:
        other_photo(tmp_path / "v2" / name)
    link.symlink_to(folder)
    killed_after(here, 1, link, out, job)
    link.unlink()
    link.symlink_to(tmp_path / "v2")
    with pytest.raises(InputError, match="unfinished extraction"):
        extract(link, out, job)


@pytest.mark.parametrize("name", [NAMES[0], NAMES[-1]])
def test_a_photo_that_was_replaced_is_labelled_as_it_is_now(here, folder, job, tmp_path, name):
    out, said = tmp_path / "labels.json", []
    killed_after(here, 1, folder, out, job)
    other_photo(folder / name)
    extract(folder, out, job, note=said.append)
    extract(folder, tmp_path / "fresh.json", job)
    assert out.read_bytes() == (tmp_path / "fresh.json").read_bytes()
    assert sizes(out)[name] == (40, 56)
    assert any("1 photo has changed" in sentence for sentence in said) == (name == NAMES[0])


def test_the_merge_refuses_labels_of_photos_that_were_replaced(here, folder, job, tmp_path):
    out = tmp_path / "labels.json"
    for part in (1, 2):
        extract(folder, out, job, ExecutionOptions(part=(part, 2)))
    other_photo(folder / "a.png")
    with pytest.raises(InputError, match=r"1 photo has changed \('a\.png'\)"):
        merge_parts(folder, out, job)
    assert extract(folder, out, job)["images"] == 5
    assert sizes(out)["a.png"] == (40, 56)


def test_a_list_that_was_changed_is_noticed(here, folder, job, tmp_path):
    out, listed = tmp_path / "labels.json", folder / "list.txt"
    listed.write_text("\n".join(NAMES))
    killed_after(here, 1, listed, out, job)
    listed.write_text("\n".join([*NAMES[:3], "cats/deep/3.png"]))
    with pytest.raises(InputError, match=r"no longer holds .*'cats/2\.png'"):
        extract(listed, out, job)
    listed.write_text("\r\n".join(NAMES))
    assert extract(listed, out, job)["images"] == 5


def test_a_tar_file_that_was_made_again_in_another_order_is_refused(here, folder, job, tmp_path):
    out, path = tmp_path / "labels.json", tar_of(folder, tmp_path / "set.tar")
    killed_after(here, 1, path, out, job)
    os.utime(path, (1, 1))
    killed_after(here, 1, path, out, job)
    NAMES.reverse()
    try:
        tar_of(folder, path)
    finally:
        NAMES.reverse()
    with pytest.raises(InputError, match="no longer holds"):
        extract(path, out, job)


# ---- failures


@pytest.fixture
def listed(folder) -> Path:
    """A list of five photos."""
    (folder / "list.txt").write_text("\n".join(NAMES))
    return folder / "list.txt"


@pytest.mark.parametrize("missing", [[NAMES[0]], [NAMES[1], NAMES[4]], NAMES])
@pytest.mark.parametrize("batch", [1, 4])
def test_failures_are_tried_again_and_the_result_is_that_of_a_fresh_run(here, listed, job, tmp_path, missing, batch):
    job = Job(method=job.method, config=job.config, images_per_shard=2, batch=batch)
    out = tmp_path / "labels.json"
    extract(listed, tmp_path / "fresh.json", job)
    for name in missing:
        (listed.parent / name).rename(tmp_path / name.replace("/", "_"))
    assert extract(listed, out, job)["failures"] == len(missing)
    first = out.read_bytes()
    assert extract(listed, out, job)["failures"] == len(missing)
    assert out.read_bytes() == first
    for name in missing:
        (tmp_path / name.replace("/", "_")).rename(listed.parent / name)
    extract(listed, out, job)
    assert here.shards == sorted({NAMES.index(name) // 2 for name in missing})
    assert out.read_bytes() == (tmp_path / "fresh.json").read_bytes()
    assert sorted(p.name for p in tmp_path.iterdir() if "labels" in p.name) == ["labels.json"]
    with pytest.raises(InputError, match="--overwrite"):
        extract(listed, out, job)


def test_a_retry_that_is_killed_is_resumed(here, listed, job, tmp_path):
    out = tmp_path / "labels.json"
    extract(listed, tmp_path / "fresh.json", job)
    hidden = [(listed.parent / name, tmp_path / str(n)) for n, name in enumerate(NAMES) if n % 2 == 0]
    for path, place in hidden:
        path.rename(place)
    extract(listed, out, job)
    for path, place in hidden:
        place.rename(path)
    killed_after(here, 1, listed, out, job)
    assert len(json.loads(out.read_text())["failures"]) == 3
    extract(listed, out, job)
    assert here.shards == [1, 2]
    assert out.read_bytes() == (tmp_path / "fresh.json").read_bytes()


def test_an_unfinished_run_tries_its_failures_again_too(here, listed, job, tmp_path):
    out = tmp_path / "labels.json"
    extract(listed, tmp_path / "fresh.json", job)
    (listed.parent / "a.png").rename(tmp_path / "a.png")
    killed_after(here, 1, listed, out, job)
    (tmp_path / "a.png").rename(listed.parent / "a.png")
    extract(listed, out, job)
    assert here.shards == [0, 1, 2]
    assert out.read_bytes() == (tmp_path / "fresh.json").read_bytes()


@pytest.mark.parametrize("change", ["settings", "photos", "limit"])
def test_failures_of_something_else_are_not_tried(here, listed, job, tmp_path, change):
    out, limit = tmp_path / "labels.json", None
    (listed.parent / "b.png").unlink()
    extract(listed, out, job)
    before = out.read_bytes()
    if change == "settings":
        job = Job(method="cuts3d", config=job.config.replace(beta=0.1), images_per_shard=2)
    elif change == "photos":
        listed.write_text("\n".join(NAMES[:-1]))
    else:
        limit = 3
    with pytest.raises(InputError, match=r"exists already.*--overwrite"):
        extract(listed, out, job, limit=limit)
    assert out.read_bytes() == before
    assert not parts_folder(out).exists()


def test_a_photo_that_vanishes_during_a_retry_keeps_its_labels(here, listed, job, tmp_path):
    out = tmp_path / "labels.json"
    (listed.parent / "b.png").rename(tmp_path / "b.png")
    extract(listed, out, job)
    (tmp_path / "b.png").rename(listed.parent / "b.png")
    (listed.parent / "a.png").unlink()
    assert extract(listed, out, job) == {"images": 5, "annotations": 10, "failures": 0}


# ---- what is left out


def test_the_result_says_what_was_left_out_and_is_evaluated(here, folder, job, tmp_path):
    (folder / "list.txt").write_text("a.png\nb.png\n./a.png\nb.png 1\n")
    out = tmp_path / "labels.json"
    extract(folder / "list.txt", out, job)
    document = json.loads(out.read_text())
    assert document["info"]["skipped"] == {"duplicates": {"count": 2, "first": ["./a.png", "b.png"]}}
    assert evaluate(out, out).counts.images == 2


def test_a_result_of_photos_alone_says_nothing(here, folder, job, tmp_path):
    (folder / "notes.txt").unlink()
    extract(folder, tmp_path / "labels.json", job)
    assert json.loads((tmp_path / "labels.json").read_text())["info"] == {**job.info, "frame": FRAME}


@pytest.mark.parametrize("options", [{"workers": 0}, {"engine": "slurm"}, {"part": (3, 2)}, {"gpus_per_worker": -1.0}])
def test_wrong_options_leave_nothing_behind(here, folder, job, tmp_path, options):
    with pytest.raises(ConfigError):
        extract(folder, tmp_path / "results" / "labels.json", job, ExecutionOptions(**options))
    assert not (tmp_path / "results").exists()


def test_a_run_that_fails_before_its_first_shard_leaves_nothing_behind(here, folder, job, tmp_path, monkeypatch):
    def missing_networks(job):
        raise InputError("no networks")

    monkeypatch.setattr("cuts3d.extract.run._load_networks", missing_networks)
    (tmp_path / "results").mkdir()
    with pytest.raises(InputError, match="no networks"):
        extract(folder, tmp_path / "results" / "labels.json", job)
    assert list((tmp_path / "results").iterdir()) == []


def test_a_folder_as_result_is_a_sentence(here, folder, job, tmp_path):
    with pytest.raises(ConfigError, match="is a folder"):
        extract(folder, tmp_path, job, overwrite=True)


def test_the_photos_of_a_result_are_those_that_are_there(here, folder, job, tmp_path, whole):
    assert sizes(tmp_path / "whole.json") == {name: read_image(folder / name).shape[:2] for name in NAMES}
