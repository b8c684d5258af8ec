"""Locks: one owner, an end with the process, and sentences."""

import subprocess
import sys
from pathlib import Path

import pytest
from helpers import REPO

from cuts3d.errors import InputError
from cuts3d.io.locks import exclusive_lock

BUSY = "Another run works here."
HOLDER = """
import sys, time
from pathlib import Path
from cuts3d.io.locks import exclusive_lock
with exclusive_lock(Path(sys.argv[1]), refused="busy"):
    print("locked", flush=True)
    time.sleep(60)
"""


def is_locked(path: Path) -> bool:
    try:
        with exclusive_lock(path, refused=BUSY):
            return False
    except InputError as error:
        assert str(error) == BUSY
        return True


def test_a_second_owner_is_refused_until_the_first_ends(tmp_path):
    path = tmp_path / "new" / "run.lock"
    with exclusive_lock(path, refused=BUSY):
        assert is_locked(path)
    assert not is_locked(path)


def test_no_lock_file_is_left(tmp_path):
    with exclusive_lock(tmp_path / "run.lock", refused=BUSY):
        pass
    assert list(tmp_path.iterdir()) == []


def test_the_lock_ends_when_its_body_fails(tmp_path):
    path = tmp_path / "run.lock"
    with pytest.raises(ZeroDivisionError), exclusive_lock(path, refused=BUSY):
        _ = 1 / 0
    assert not is_locked(path)


def test_an_error_of_the_body_is_not_taken_for_one_of_the_lock(tmp_path):
    with pytest.raises(FileExistsError), exclusive_lock(tmp_path / "run.lock", refused=BUSY):
        tmp_path.mkdir()


def test_a_lock_ends_with_a_killed_process(tmp_path):
    path = tmp_path / "run.lock"
    with subprocess.Popen([sys.executable, "-c", HOLDER, path], cwd=REPO, stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "locked\n"
        assert is_locked(path)
        holder.kill()
        holder.wait()
    assert path.exists()  # the killed process could not remove it
    assert not is_locked(path)


def test_a_lock_file_that_its_owner_removed_meanwhile_is_made_anew(tmp_path, monkeypatch):
    """Two runs wait for the file of a third, which removes it at its end: only one of them may have the new file."""
    fcntl = pytest.importorskip("fcntl", reason="only POSIX removes open files")
    path = tmp_path / "run.lock"
    real, removed = fcntl.flock, []

    def after_the_file_is_gone(file, kind):
        if not removed:
            removed.append(path.unlink())
        real(file, kind)

    monkeypatch.setattr(fcntl, "flock", after_the_file_is_gone)
    with exclusive_lock(path, refused=BUSY):
        assert removed
        assert path.exists()
        assert is_locked(path)


def test_a_path_that_cannot_be_locked_is_named(tmp_path):
    (tmp_path / "file").write_text("no folder")
    with (
        pytest.raises(InputError, match="file' is a file"),
        exclusive_lock(tmp_path / "file" / "run.lock", refused=BUSY),
    ):
        pass
    deeper = tmp_path / "file" / "deeper" / "run.lock"
    with (
        pytest.raises(InputError, match=r"run\.lock' could not be locked: Not a dir"),
        exclusive_lock(deeper, refused=BUSY),
    ):
        pass
