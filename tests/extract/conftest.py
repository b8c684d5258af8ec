"""An engine in this process, a job, and five photos."""

from pathlib import Path

import pytest
from extraction_photos import Killed, save_photo

import cuts3d.extract.run
from cuts3d.extract import Job, extract
from cuts3d.extract.shard import run_shard


@pytest.fixture
def here(monkeypatch):
    """Run shards in this process, where the test backbone is registered; interrupt after `here.stop_after` shards."""

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


@pytest.fixture
def folder(tmp_path) -> Path:
    """Five photos in folders, among other files."""
    root = tmp_path / "photos"
    for name in ("b.png", "a.png", "cats/2.png", "cats/1.png", "cats/deep/3.png"):
        save_photo(root / name)
    (root / "notes.txt").write_text("no photo")
    (root / ".hidden.png").write_bytes(b"")
    return root


@pytest.fixture
def whole(here, folder, job, tmp_path) -> bytes:
    """The result of an uninterrupted run."""
    extract(folder, tmp_path / "whole.json", job)
    return (tmp_path / "whole.json").read_bytes()
