"""Parts of an extraction, their merge, and the command."""

import gzip
import json
import tempfile
from pathlib import Path

import pytest
from extraction_photos import save_photo
from hypothesis import given
from hypothesis import strategies as st

from cuts3d.cli.main import main
from cuts3d.errors import ConfigError, InputError
from cuts3d.extract import ExecutionOptions, Job, extract, merge_parts
from cuts3d.extract.merge import shard_path
from cuts3d.extract.run import parts_folder
from cuts3d.extract.shard import read_shard

EMPTY = gzip.compress(b'{"images": [], "count": 2}')


def test_parts_make_what_one_run_makes(here, folder, job, tmp_path, whole):
    out = tmp_path / "labels.json"
    for part in (2, 3, 1):
        assert extract(folder, out, job, ExecutionOptions(part=(part, 3))) == {}
        assert here.shards == [part - 1]
    assert not out.exists()
    assert merge_parts(folder, out, job)["images"] == 5
    assert out.read_bytes() == whole


def test_a_part_never_throws_away_the_others_work(here, folder, job, tmp_path):
    out = tmp_path / "labels.json"
    extract(folder, out, job, ExecutionOptions(part=(1, 2)))
    with pytest.raises(ConfigError, match="other parts"):
        extract(folder, out, job, ExecutionOptions(part=(2, 2)), overwrite=True)
    assert len(list(parts_folder(out).glob("shard-*.json.gz"))) == 2


def test_the_merge_refuses_missing_shards_and_names_them(here, folder, job, tmp_path):
    out = tmp_path / "labels.json"
    extract(folder, out, job, ExecutionOptions(part=(2, 2)))
    with pytest.raises(InputError, match=r"2 of 3 shards are missing \(0, 2\)"):
        merge_parts(folder, out, job)
    assert not out.exists()
    with pytest.raises(InputError, match="nothing to merge"):
        merge_parts(folder, tmp_path / "other.json", job)


@pytest.mark.parametrize("damage", [lambda c: c[:-9], lambda c: b"", lambda c: EMPTY])
def test_the_merge_refuses_a_damaged_shard_and_says_what_to_do(here, folder, job, tmp_path, damage):
    out = tmp_path / "labels.json"
    for part in (1, 2):
        extract(folder, out, job, ExecutionOptions(part=(part, 2)))
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
    ("options", "says"),
    [
        (ExecutionOptions(part=(0, 2)), "--part"),
        (ExecutionOptions(part=(3, 2)), "--part"),
        (ExecutionOptions(engine="slurm"), "Unknown engine"),
        (ExecutionOptions(workers=0), "--workers"),
    ],
)
def test_execution_options_that_cannot_be_used_are_refused(here, folder, job, tmp_path, options, says):
    with pytest.raises(ConfigError, match=says):
        extract(folder, tmp_path / "labels.json", job, options)


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
    skipped = "1 file is no photo by name: 1 .txt."
    summary = f"{masks} masks of 4 images in {out}; 1 could not be read, see 'failures' in it"
    assert said.out == f"{summary}\n{skipped}\n"
    assert "5/5" in said.err
    assert f"note: {skipped}" in said.err
    assert f"note: 1 of 5 photos could not be read; the reasons are in 'failures' of '{out}'." in said.err
    save_photo(folder / "a.png")
    assert main(["extract", str(folder), "--out", str(out), "--quiet", *given_]) == 0
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", f"note: {skipped}\n")
    assert main(["extract", str(folder), "--out", str(out), *given_]) == 1
    assert "--overwrite" in capsys.readouterr().err


@pytest.mark.parametrize("photos", ["broken", "none"])
def test_a_result_without_a_single_photo_ends_with_1(here, tmp_path, pixel_backbone, photos, capsys):
    source, out = tmp_path / "photos", tmp_path / "labels.json"
    source.mkdir()
    (source / ("a.png" if photos == "broken" else "a.doc")).write_bytes(b"no photo")
    assert main(["extract", str(source), "--out", str(out), "--backbone", "pixels", "--depth", "none", "--quiet"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: None of 1 photos" if photos == "broken" else "error: There is no image in")
    assert out.exists() == (photos == "broken")


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
