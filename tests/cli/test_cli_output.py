"""No output ends a run: encodings, closed pipes and streams, full disks. Results are written all the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers import REPO

from cuts3d.cli.output import CLOSED_PIPE, command
from cuts3d.errors import ConfigError, InputError
from cuts3d.io.coco import encode_rle


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    """A document of one image and one object."""
    mask = np.zeros((40, 60), dtype=bool)
    mask[5:25, 5:25] = True
    document = {
        "images": [{"id": 1, "file_name": "1.jpg", "height": 40, "width": 60}],
        "annotations": [{"id": 1, "image_id": 1, "segmentation": encode_rle(mask), "score": 0.5}],
    }
    (tmp_path / "truth.json").write_text(json.dumps(document))
    return tmp_path / "truth.json"


def shell(line: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """A line of bash in which `$CUTS3D` runs the command."""
    values = {**os.environ, "CUTS3D": f"{sys.executable} -m cuts3d", **environment}
    return subprocess.run(
        ["bash", "-c", line], cwd=REPO, env=values, capture_output=True, encoding="utf-8", errors="replace", check=False
    )


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1"])
def test_an_encoding_that_lacks_a_character_ends_nothing(truth, encoding):
    done = shell(f"$CUTS3D evaluate --gt {truth} --pred {truth}", PYTHONIOENCODING=encoding)
    assert (done.returncode, done.stderr) == (0, "")
    assert "AP large" in done.stdout


@pytest.mark.parametrize(
    ("rest", "code"),
    [
        ("| head -0; exit ${PIPESTATUS[0]}", CLOSED_PIPE),
        (">&-", 0),
        (">&- 2>&-", 0),
        ("2>/dev/full", 0),
        (">/dev/full 2>/dev/full", 1),
    ],
)
def test_the_figures_are_written_wherever_the_table_goes(truth, tmp_path, rest, code):
    done = shell(f"$CUTS3D evaluate --gt {truth} --pred {truth} --json {tmp_path}/f.json {rest}")
    assert (done.returncode, done.stderr) == (code, "")
    assert json.loads((tmp_path / "f.json").read_text())["mask"]["ap"] > 0.99


def test_a_full_disk_is_one_sentence(truth):
    done = shell(f"$CUTS3D evaluate --gt {truth} --pred {truth} >/dev/full")
    assert done.returncode == 1
    assert done.stderr.splitlines() == [
        "error: The summary could not be printed: No space left on device. Result files are complete."
    ]


def test_help_into_a_closed_pipe_is_no_traceback():
    done = shell("$CUTS3D segment --help | head -1; exit ${PIPESTATUS[0]}")
    assert done.returncode in (0, CLOSED_PIPE)  # as much as fits into the pipe may have been written before
    assert done.stderr == ""


def test_a_progress_bar_that_cannot_be_drawn_ends_nothing(tmp_path):
    lines = (
        "import sys; from cuts3d.cli.output import command; from cuts3d.cli.progress import photo_bar\n"
        "def main():\n"
        "    with photo_bar(quiet=False) as show:\n"
        "        for n in range(5): show(n + 1, 5)\n"
        "    print('done')\n"
        "sys.exit(command(main)())"
    )
    (tmp_path / "x.py").write_text(lines)
    done = shell(f"PYTHONPATH={REPO} {sys.executable} {tmp_path}/x.py 2>/dev/full")
    assert (done.returncode, done.stdout) == (0, "done\n")


@pytest.mark.parametrize(
    ("error", "code"),
    [(InputError("one"), 1), (ConfigError("one"), 2), (OSError(28, "one"), 1), (MemoryError("one"), 1)],
)
def test_an_error_of_a_program_is_one_line_and_its_code(error, code, capsys):
    def main() -> int:
        raise error

    assert command(main)() == code
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ")
    assert "one" in line
