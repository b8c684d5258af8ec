"""Extraction on real processes: spawned workers, kills, a Ray cluster. The embedded backbone at a small size."""

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from helpers import REPO
from PIL import Image

from cuts3d.config import CutS3DConfig
from cuts3d.errors import ConfigError, InputError
from cuts3d.extract import ExecutionOptions, Job, extract
from cuts3d.extract.engine_local import run_local
from cuts3d.extract.manifest import Shard
from cuts3d.extract.resume import open_manifest
from cuts3d.extract.run import parts_folder
from cuts3d.extract.shard import run_shard
from cuts3d.scenes import make_scene

SMALL = {"image_size": 224, "crf_size": 64}
PATIENCE = 120  # seconds, of a process that has to load Torch first


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Eight photos of synthetic scenes and a broken one."""
    root = tmp_path_factory.mktemp("photos")
    for number, name in enumerate(("two boxes", "three balls", "four cans", "box before ball") * 2):
        scene = make_scene(name, size=(120 + number, 160))
        Image.fromarray(scene.image).save(root / f"{number}.png")
    (root / "5b.png").write_bytes(b"broken")
    return root


@pytest.fixture(scope="module")
def job(embedded_network) -> Job:
    return Job(method="cuts3d", config=CutS3DConfig().replace(**SMALL), images_per_shard=2, batch=2)


@pytest.fixture(scope="module")
def whole(folder, job, tmp_path_factory) -> bytes:
    """The result of two workers without an interruption."""
    out = tmp_path_factory.mktemp("whole") / "labels.json"
    assert extract(folder, out, job, ExecutionOptions(workers=2)) == counts_in(out)
    return out.read_bytes()


@pytest.fixture
def shards(folder, job, tmp_path) -> list[Shard]:
    (tmp_path / "parts").mkdir()
    return list(open_manifest(tmp_path / "parts", folder, job).shards(set(range(5))))


def counts_in(out: Path) -> dict[str, int]:
    document = json.loads(out.read_text())
    return {name: len(document[name]) for name in ("images", "annotations", "failures")}


def command(folder: Path, out: Path, *more: str) -> list[str]:
    options = [f"--{name.replace('_', '-')}={value}" for name, value in SMALL.items()]
    return [sys.executable, "-m", "cuts3d", "extract", str(folder), "--out", str(out), "--images-per-shard=2",
            "--batch=2", "--quiet", *options, *more]  # fmt: skip


def wait_for(condition, what: str) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, what
        time.sleep(0.02)


def children(parent: int) -> set[int]:
    """The child processes of a process."""
    found = set()
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rsplit(")", 1)[1].split()
        except OSError:  # it has ended meanwhile
            continue
        if int(fields[1]) == parent:
            found.add(int(status.parent.name))
    return found


@pytest.mark.slow
def test_a_killed_command_leaves_no_process_and_goes_on_to_the_same_bytes(folder, tmp_path, whole):
    out = tmp_path / "labels.json"
    process = subprocess.Popen(command(folder, out, "--workers=1"), cwd=REPO, stderr=subprocess.PIPE)
    wait_for(lambda: list(parts_folder(out).glob("shard-*.json.gz")) or process.poll() is not None, "no shard came")
    workers = children(process.pid)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not out.exists()
    assert workers
    wait_for(lambda: not any(Path(f"/proc/{pid}").exists() for pid in workers), "workers outlive their parent")
    done = {p.name: p.stat().st_mtime_ns for p in parts_folder(out).glob("shard-*.json.gz")}
    assert 1 <= len(done) < 5
    again = subprocess.run(command(folder, out, "--workers=1"), cwd=REPO, capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    assert out.read_bytes() == whole


def test_workers_make_what_this_process_makes(folder, job, whole):
    document = json.loads(whole)
    assert [i["id"] for i in document["images"]] == [1, 2, 3, 4, 5, 6, 8, 9]
    assert [f["file_name"] for f in document["failures"]] == ["5b.png"]
    assert len(document["annotations"]) >= 5


def test_a_worker_that_dies_costs_no_shard(job, shards):
    found = {}
    for shard, content in run_local(job, shards, workers=1):
        if not found:
            for child in multiprocessing.active_children():
                child.kill()
        found[shard.number] = content
    assert found == {shard.number: run_shard(job, shard) for shard in shards}


def test_a_shard_that_kills_its_worker_every_time_is_named(job, shards, monkeypatch):
    monkeypatch.setattr("cuts3d.extract.engine_local._start_worker", die)
    with pytest.raises(InputError, match=r"shard 0 \('0.png' to '1.png'\) was killed 3 times"):
        list(run_local(job, shards, workers=1))


def die(*_) -> None:
    """Replaces the start of a worker."""
    os._exit(9)


# ---- Ray


@pytest.mark.slow
def test_a_ray_cluster_that_loses_a_node_half_way_makes_the_same_bytes(folder, job, tmp_path, whole, monkeypatch):
    pytest.importorskip("ray", reason="Ray is not installed: pip install ray")
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "0")
    monkeypatch.setenv("PYTHONPATH", str(REPO))
    import ray
    from ray.cluster_utils import Cluster

    memory = {"object_store_memory": 80 * 2**20, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, **memory})
    try:
        second = cluster.add_node(num_cpus=1, **memory)
        cluster.wait_for_nodes()
        killed: list[int] = []

        def kill_one(done: int, total: int) -> None:
            if done and not killed:
                killed.append(done)
                cluster.remove_node(second, allow_graceful=False)

        out = tmp_path / "labels.json"
        extract(folder, out, job, ExecutionOptions(engine="ray", address=str(cluster.address)), progress=kill_one)
        assert killed
        assert killed[0] < 9
        assert out.read_bytes() == whole
    finally:
        ray.shutdown()
        cluster.shutdown()


def test_no_cluster_at_the_address_is_a_clear_error(folder, job, tmp_path):
    pytest.importorskip("ray", reason="Ray is not installed: pip install ray")
    with pytest.raises(ConfigError, match="no Ray cluster"):
        extract(folder, tmp_path / "labels.json", job, ExecutionOptions(engine="ray", address="auto"))


def test_without_ray_the_error_says_what_to_install(folder, job, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(ConfigError, match="pip install ray"):
        extract(folder, tmp_path / "labels.json", job, ExecutionOptions(engine="ray"))
