"""The campaigns of kills, on a few operations and a stand-in: what they find, and that they can find something."""

import subprocess
import sys
from pathlib import Path

import pytest
from helpers import REPO

from benchmarks.kill_points import kill_points


def careful(out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    half = out / "half"
    half.write_text("whole")
    half.rename(out / "result")


def careless(out: Path) -> None:
    out.mkdir(parents=True, exist_ok=True)
    if not (out / "result").exists():
        (out / "result").touch()
        (out / "half").write_text("whole")
        (out / "half").rename(out / "result")


def test_a_run_that_takes_a_half_file_for_a_whole_one_is_found_out(tmp_path):
    assert set(kill_points(careful, tmp_path / "careful")) == {""}
    assert any(kill_points(careless, tmp_path / "careless"))


@pytest.mark.slow
@pytest.mark.parametrize(("what", "every"), [("extraction", 4), ("training", 14)])
def test_killed_before_operations_on_files_a_run_goes_on_to_the_same_bytes_and_leaves_nothing(what, every):
    """In a process of its own, since one in which Torch has run must not fork."""
    command = [sys.executable, "-m", "benchmarks.kill_points", "--only", what, "--every", str(every)]
    done = subprocess.run(command, cwd=REPO, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "faults | none" in done.stdout
