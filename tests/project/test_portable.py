"""The core without what only Linux has: no `fcntl`, `resource`, `pwd`, `grp`, `termios`, `fork`, `sched_getaffinity`.

This stands in for macOS and Windows, on which the suite does not run.
"""

import json
from pathlib import Path

import pytest
from helpers import REPO
from isolated import ONLY_PORTABLE, run
from PIL import Image

pytestmark = pytest.mark.slow

LOCKS = """
import os
from pathlib import Path
from cuts3d.errors import InputError
from cuts3d.extract.engine_local import available_processors
from cuts3d.io.locks import exclusive_lock
assert not hasattr(os, "fork") and available_processors() >= 1
with exclusive_lock(Path("a.lock"), refused="busy"):
    try:
        with exclusive_lock(Path("a.lock"), refused="busy"):
            print("taken twice")
    except InputError as error:
        print(error)
with exclusive_lock(Path("a.lock"), refused="busy"):
    print("free again")
"""


@pytest.fixture
def folder(tmp_path: Path, scene) -> Path:
    """An empty folder with one photo."""
    (tmp_path / "photos").mkdir()
    Image.fromarray(scene("two boxes").image).save(tmp_path / "photos" / "boxes.png")
    return tmp_path


def portable(folder: Path, *arguments: str) -> str:
    return run(list(arguments), folder=folder, path=[REPO], before=ONLY_PORTABLE)


def test_the_check_hides_what_it_says(folder):
    assert "ModuleNotFoundError" in portable(
        folder, "-c", "import traceback\ntry:\n    import fcntl\nexcept ImportError:\n    print(traceback.format_exc())"
    )


def test_a_lock_excludes_a_second_one(folder):
    assert portable(folder, "-W", "ignore", "-c", LOCKS).splitlines() == ["busy", "free again"]


def test_a_photo_is_segmented(folder):
    portable(folder, "-m", "cuts3d", "segment", "photos/boxes.png", "--out", "out", "--quiet")
    assert json.loads((folder / "out" / "instances.json").read_text(encoding="utf-8"))["annotations"]


def test_a_folder_is_extracted_by_a_worker_process(folder):
    portable(folder, "-m", "cuts3d", "extract", "photos", "--out", "labels.json", "--workers", "1", "--quiet")
    assert json.loads((folder / "labels.json").read_text(encoding="utf-8"))["annotations"]
