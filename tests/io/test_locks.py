"""One run in one folder."""

import fcntl
import os
import signal

import pytest

from cuts3d.errors import InputError
from cuts3d.io.locks import held

BUSY = "Somebody works here."


def test_a_lock_is_refused_to_a_second_one_and_free_afterwards(tmp_path):
    path = tmp_path / "new" / "run.lock"
    with held(path, refused=BUSY):
        for shared in (False, True):
            with pytest.raises(InputError, match=BUSY), held(path, refused=BUSY, shared=shared):
                pass
    with held(path, refused=BUSY):
        pass


def test_those_who_share_a_lock_keep_out_those_who_do_not(tmp_path):
    path = tmp_path / "run.lock"
    one, other = (held(path, refused=BUSY, shared=True) for _ in range(2))
    with one, other, pytest.raises(InputError, match=BUSY), held(path, refused=BUSY):
        pass


def test_a_lock_ends_with_a_killed_process(tmp_path):
    path = tmp_path / "run.lock"
    ready, told = os.pipe()
    child = os.fork()
    if not child:
        with held(path, refused=BUSY):
            os.write(told, b"!")
            signal.pause()
    os.read(ready, 1)
    with pytest.raises(InputError, match=BUSY), held(path, refused=BUSY):
        pass
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with held(path, refused=BUSY):
        pass


def test_a_lock_whose_file_was_removed_by_its_holder_is_not_taken_for_the_new_one(tmp_path, monkeypatch):
    """Two wait at the file of a run that removes its folder when it ends: only one may have the new file."""
    path = tmp_path / "run.lock"
    real, removed = fcntl.flock, []

    def after_the_file_is_gone(file, kind):
        if not removed:
            removed.append(path.unlink())
        real(file, kind)

    monkeypatch.setattr(fcntl, "flock", after_the_file_is_gone)
    with held(path, refused=BUSY):
        assert path.exists()
        with pytest.raises(InputError, match=BUSY), held(path, refused=BUSY):
            pass


def test_a_place_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("no folder")
    with pytest.raises(InputError, match="file' is a file"), held(tmp_path / "file" / "run.lock", refused=BUSY):
        pass
    deeper = tmp_path / "file" / "deeper" / "run.lock"
    with pytest.raises(InputError, match=r"run\.lock' could not be locked: Not a dir"), held(deeper, refused=BUSY):
        pass
