"""Sources of images: folders, lists, tar files."""

import io
import os
from pathlib import Path

import pytest
from extraction_photos import NAMES, names, tar_of

from cuts3d.errors import InputError
from cuts3d.extract.sources import entries


def test_a_folder_is_searched_to_its_end_in_the_order_of_names(folder):
    assert names(folder) == NAMES


def test_a_link_back_up_does_not_loop(folder):
    (folder / "cats" / "up").symlink_to(folder)
    assert names(folder) == NAMES


def test_a_list_names_files_relative_to_itself(folder, tmp_path):
    (folder / "list.txt").write_text("# mine\ncats/2.png\n\n" + str(folder / "a.png") + "\ngone.png\n")
    found = list(entries(folder / "list.txt"))
    assert [e.name for e in found] == ["cats/2.png", str(folder / "a.png"), "gone.png"]
    assert Path(found[0].path).samefile(folder / "cats" / "2.png")
    assert Path(found[1].path).samefile(folder / "a.png")


def test_a_tar_file_gives_what_its_files_give(folder, tmp_path):
    found = list(entries(tar_of(folder, tmp_path / "set-000.tar")))
    assert [e.name for e in found] == NAMES
    for entry in found:
        content = entry.open()
        assert isinstance(content, io.BytesIO)
        assert content.read() == (folder / entry.name).read_bytes()


def test_tar_files_of_a_folder_are_searched_too(folder, tmp_path):
    tar_of(folder, folder / "c.tar")
    assert names(folder) == [*NAMES[:2], *(f"c.tar/{n}" for n in NAMES), *NAMES[2:]]


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda p: p / "gone", "There is no folder or file"),
        (lambda p: _file(p / "x.tar", b"no tar"), "no plain tar file"),
        (lambda p: _file(p / "x.jpg", bytes(range(128, 256))), "one photo, no text file of paths"),
    ],
    ids=["missing", "broken tar", "a photo"],
)
def test_a_source_that_cannot_be_listed_says_so(tmp_path, make, says):
    with pytest.raises(InputError, match=says):
        list(entries(make(tmp_path)))


def _file(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    return path


def test_a_tar_file_that_was_cut_off_later_is_a_clear_error(folder, tmp_path):
    path = tar_of(folder, tmp_path / "set.tar")
    last = list(entries(path))[-1]
    assert last.offset is not None
    os.truncate(path, last.offset + 10)
    with pytest.raises(InputError, match="cut off"):
        last.open()
