"""A killed run is resumed, and two runs never work on the same result."""

import itertools
import json
import os
import time
from pathlib import Path

import pytest
from extraction_photos import Killed, save_photo

from cuts3d.errors import InputError
from cuts3d.extract import ExecutionOptions, Job, extract, merge_parts
from cuts3d.extract.run import parts_folder


@pytest.mark.parametrize("stop_after", [0, 1, 2])
def test_a_killed_run_is_resumed_and_ends_with_the_same_bytes(here, folder, job, tmp_path, whole, stop_after):
    out = tmp_path / "labels.json"
    here.stop_after = stop_after
    with pytest.raises(Killed):
        extract(folder, out, job)
    assert not out.exists()
    save_photo(folder / "a0.png")  # photos that are added later are not used
    here.stop_after = None
    calls: list[tuple[int, int]] = []
    extract(folder, out, job, progress=lambda done, total: calls.append((done, total)))
    assert here.shards == list(range(stop_after, 3))
    assert calls[0] == (2 * stop_after, 5)
    assert calls[-1] == (5, 5)
    assert len(calls) == 4 - stop_after
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


def test_unfinished_work_from_before_there_were_solvers_is_refused_and_not_mixed(here, folder, job, tmp_path):
    out = tmp_path / "labels.json"
    here.stop_after = 1
    with pytest.raises(Killed):
        extract(folder, out, job)
    here.stop_after = None
    (manifest,) = tmp_path.rglob("manifest.jsonl")
    head, _, images = manifest.read_text().partition("\n")
    values = json.loads(head)
    del values["job"]["config"]["solver"]
    manifest.write_text(json.dumps(values) + "\n" + images)
    with pytest.raises(InputError, match=r"other settings \(solver\)"):
        extract(folder, out, job)


def test_other_settings_do_not_resume_unfinished_work(here, folder, job, tmp_path):
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

    def second(done, total):
        if done == 0:
            with pytest.raises(InputError, match="Another run"):
                extract(folder, out, job)

    assert extract(folder, out, job, progress=second)["images"] == 5


def test_a_run_that_begins_again_does_not_throw_away_the_work_of_one_that_is_at_it(here, folder, job, tmp_path, whole):
    out = tmp_path / "labels.json"

    def second(done, total):
        with pytest.raises(InputError, match="Another run"):
            extract(folder, out, job, overwrite=True)

    extract(folder, out, job, progress=second)
    assert out.read_bytes() == whole


def test_a_part_runs_together_with_other_parts_but_not_with_the_whole_or_the_merge(here, folder, job, tmp_path, whole):
    out = tmp_path / "labels.json"
    tried = []

    def others(done, total):
        if done == 0:
            for run in (
                lambda: extract(folder, out, job),
                lambda: extract(folder, out, job, ExecutionOptions(part=(1, 2))),
                lambda: merge_parts(folder, out, job),
            ):
                with pytest.raises(InputError, match="Another run"):
                    run()
            tried.append(extract(folder, out, job, ExecutionOptions(part=(2, 2))))

    extract(folder, out, job, ExecutionOptions(part=(1, 2)), progress=others)
    assert tried == [{}]
    merge_parts(folder, out, job)
    assert out.read_bytes() == whole


def test_a_part_is_refused_while_the_whole_is_at_work(here, folder, job, tmp_path):
    out = tmp_path / "labels.json"

    def second(done, total):
        with pytest.raises(InputError, match="Another run"):
            extract(folder, out, job, ExecutionOptions(part=(2, 2)))

    assert extract(folder, out, job, progress=second)["images"] == 5


def test_what_cannot_begin_leaves_nothing_behind(here, folder, job, tmp_path):
    (tmp_path / "photos" / "none").mkdir()
    (tmp_path / "results").mkdir()
    with pytest.raises(InputError, match="no image"):
        extract(folder / "none", tmp_path / "results" / "labels.json", job)
    assert list((tmp_path / "results").iterdir()) == []


def test_a_place_that_cannot_be_written_is_a_clear_error(here, folder, job):
    with pytest.raises(InputError, match=r"a\.png' is a file, but a folder is needed"):
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
    """Between the kill and the resume, all file times and the clock jump to the past or the future."""
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
