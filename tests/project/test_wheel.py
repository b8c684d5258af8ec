"""The package that users install: what it contains, and that it works far from the checkout."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tarfile
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest
from helpers import REPO
from isolated import NO_CHECKOUT, run
from PIL import Image

import cuts3d

pytestmark = pytest.mark.slow

DATA = {"README.md", "__init__.py", "depth_head.safetensors", "detector_light.json", "detector_light.safetensors"}
WHERE = """
import sys, importlib.util, cuts3d
assert not any(map(importlib.util.find_spec, ("ui", "training", "benchmarks", "scripts"))), sys.path
print(cuts3d.__file__, cuts3d.__version__)
"""


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Sdist and wheel; the wheel is built from the sdist."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(REPO)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (sdist,), (wheel,) = folder.glob("*.tar.gz"), folder.glob("*.whl")
    return sdist, wheel


@pytest.fixture(scope="module")
def metadata(built: tuple[Path, Path]) -> Message:
    with zipfile.ZipFile(built[1]) as wheel:
        (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
        return Parser().parsestr(wheel.read(name).decode("utf-8"))


@pytest.fixture(scope="module")
def installed(built: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and nothing else."""
    folder = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-compile"]
    subprocess.run([*pip, "--target", str(folder), str(built[1])], check=True)
    return folder


@pytest.fixture(scope="module")
def elsewhere(tmp_path_factory: pytest.TempPathFactory, scene) -> Path:
    """Another folder, with a photo."""
    folder = tmp_path_factory.mktemp("elsewhere")
    Image.fromarray(scene("two boxes").image).save(folder / "photo.jpg", quality=95)
    return folder


def sources() -> set[str]:
    """Python files of the library, as git has them."""
    listed = subprocess.run(["git", "ls-files", "cuts3d"], cwd=REPO, capture_output=True, text=True, check=True)
    return {name for name in listed.stdout.splitlines() if name.endswith(".py")}


# ---- what is in it


def test_the_wheel_has_the_library_its_weights_and_nothing_else(built):
    with zipfile.ZipFile(built[1]) as wheel:
        names = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert {name for name in names if name.endswith(".py")} == sources()
    assert {name.removeprefix("cuts3d/data/") for name in names if name.startswith("cuts3d/data/")} == DATA
    assert {name for name in names if not name.endswith(".py")} - {f"cuts3d/data/{one}" for one in DATA} == {
        "cuts3d/py.typed"
    }


def test_the_sdist_has_what_the_wheel_is_built_from(built):
    with tarfile.open(built[0]) as sdist:
        names = {name.partition("/")[2] for name in sdist.getnames()}
    assert sources() | {"pyproject.toml", "README.md", "LICENSE", "cuts3d/py.typed"} <= names
    assert {f"cuts3d/data/{one}" for one in DATA} <= names
    assert not [name for name in names if name.startswith(("tests/", "ui/", "training/", "benchmarks/", "assets/"))]


def test_the_metadata_are_complete_and_name_nobody(metadata):
    assert metadata["Name"] == "cuts3d"
    assert metadata["Version"] == cuts3d.__version__
    assert metadata["License-Expression"] == "Apache-2.0"
    assert metadata["Requires-Python"] == ">=3.11"
    assert metadata["Description-Content-Type"] == "text/markdown"
    assert metadata["Summary"] and metadata["Keywords"]
    assert "Typing :: Typed" in (metadata.get_all("Classifier") or [])
    assert set(metadata.get_all("Provides-Extra") or []) >= {"app", "train", "ray", "depth", "exr", "docs", "dev"}
    for field in ("Author", "Author-email", "Maintainer", "Maintainer-email", "Home-page", "Project-URL"):
        assert metadata[field] is None


# ---- that it works


def python(installed: Path, elsewhere: Path, *arguments: str) -> str:
    return run(list(arguments), folder=elsewhere, path=[installed], before=NO_CHECKOUT)


def command(installed: Path, elsewhere: Path, *arguments: str) -> str:
    """The console script, as pip made it."""
    script = next((installed / "bin").glob("cuts3d*"))
    return python(installed, elsewhere, str(script), *arguments)


def test_the_installed_copy_is_imported_and_the_checkout_is_not_to_be_found(installed, elsewhere):
    where, version = python(installed, elsewhere, "-c", WHERE).split()
    assert Path(where).is_relative_to(installed)
    assert version == cuts3d.__version__


def test_the_console_script_has_every_command_under_its_own_name(installed, elsewhere):
    shown = command(installed, elsewhere, "--help")
    assert shown.startswith("usage: cuts3d ")
    for name in ("segment", "compare-depth", "extract", "evaluate", "detect"):
        assert re.search(rf"^ +{name}\b", shown, re.MULTILINE)
    assert command(installed, elsewhere, "--version") == f"cuts3d {cuts3d.__version__}\n"


def test_the_readme_s_library_snippet_runs(installed, elsewhere):
    snippet = re.search(r"```python\n(.*?)```", (REPO / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    assert snippet is not None
    assert "from cuts3d import CutS3D" in snippet[1]
    shown = python(installed, elsewhere, "-c", snippet[1] + "\nprint(len(result.instances))")
    assert int(shown.splitlines()[-1]) >= 1


def test_detect_runs(installed, elsewhere):
    command(installed, elsewhere, "detect", "photo.jpg", "--out", "found", "--score", "0.1", "--quiet")
    found = json.loads((elsewhere / "found" / "detections.json").read_text(encoding="utf-8"))
    assert found["annotations"]


def test_segment_extract_and_evaluate_run(installed, elsewhere):
    command(installed, elsewhere, "segment", "photo.jpg", "--out", "out")
    truth = json.loads((elsewhere / "out" / "instances.json").read_text(encoding="utf-8"))
    assert truth["annotations"]
    (elsewhere / "photos").mkdir()
    (elsewhere / "photo.jpg").rename(elsewhere / "photos" / "photo.jpg")
    try:
        command(installed, elsewhere, "extract", "photos", "--out", "labels.json", "--workers", "1", "--quiet")
    finally:
        (elsewhere / "photos" / "photo.jpg").rename(elsewhere / "photo.jpg")
    shown = command(installed, elsewhere, "evaluate", "--gt", "labels.json", "--pred", "out/instances.json")
    assert "AP" in shown
