"""Nothing of a folder or a tar file is lost without a word, and nothing is taken twice."""

import io
import os
import tarfile
from pathlib import Path

import pytest
from extraction_photos import NAMES, names, save_photo, tar_of

from cuts3d.errors import InputError
from cuts3d.extract.omitted import Omitted, sentences
from cuts3d.extract.sources import entries, read_entry
from cuts3d.io.photo_names import is_photo_name


def listed(source: Path) -> tuple[list[str], dict]:
    omitted = Omitted()
    return [entry.name for entry in entries(source, omitted)], omitted.to_dict()


@pytest.mark.parametrize(
    "name", ["a.JPG", "a.jfif", "a.jpe", "a.jp2", "a.mpo", "a.avif", "a.heic", "a.HEIF", "a.hif", "a.tga", "a.webp"]
)
def test_what_pillow_reads_is_a_photo_and_so_are_heic_and_avif(name):
    assert is_photo_name(name)


@pytest.mark.parametrize("name", ["a.eps", "a.pdf", "a.svg", "a.mpg", "a.ico", "a.pfm", "a.dng", "a.txt", "a", ""])
def test_drawings_films_and_documents_are_none(name):
    assert not is_photo_name(name)


def test_what_is_skipped_is_counted_by_suffix(folder):
    for name in ("b.txt", "movie.MP4", "README", "set.tar.gz", "cats/x.txt", ".hidden"):
        (folder / name).write_text("")
    found, omitted = listed(folder)
    assert found == NAMES
    assert omitted == {"files": {".mp4": 1, ".tar.gz": 1, ".txt": 3, "without a suffix": 1}}
    (sentence,) = sentences(omitted)
    assert sentence == "6 files are no photos by name: 3 .txt, 1 .mp4, 1 .tar.gz, 1 without a suffix."


def test_a_linked_sibling_is_taken_once_at_its_own_place(folder):
    (folder / "a_link").symlink_to(folder / "cats")
    (folder / "cats" / "again.png").symlink_to(folder / "a.png")
    found, omitted = listed(folder)
    assert found == NAMES
    assert omitted["duplicates"] == {"count": 2, "first": ["a_link", "cats/again.png"]}


def test_of_two_links_to_one_folder_elsewhere_the_first_is_followed(folder, tmp_path):
    save_photo(tmp_path / "other" / "deep" / "x.png")
    for name, target in (("l1", "other/deep"), ("l2", "other"), ("l3.png", "other/deep/x.png")):
        (folder / name).symlink_to(tmp_path / target)
    found, omitted = listed(folder)
    assert found == [*NAMES, "l1/x.png", "l3.png"]
    assert omitted["duplicates"]["first"] == ["l2/deep"]


def test_a_folder_that_cannot_be_listed_is_named(folder, monkeypatch):
    scandir = os.scandir

    def denied(path):
        if str(path).endswith("deep"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", denied)
    found, omitted = listed(folder)
    assert found == NAMES[:-1]
    assert omitted["unreadable"] == {"count": 1, "first": ["cats/deep"]}


def test_more_than_a_thousand_nested_folders_are_searched(tmp_path):
    path = tmp_path / "photos"
    path.mkdir()
    before = Path.cwd()
    try:
        os.chdir(path)
        for _ in range(1200):
            os.mkdir("d")
            os.chdir("d")
    finally:
        os.chdir(before)
    save_photo(path / "d" / "x.png")
    assert listed(path)[0] == ["d/x.png"]
    os.system(f"rm -rf '{path}'")


def test_a_folder_without_photos_says_what_it_holds(tmp_path):
    (tmp_path / "photo").write_text("")
    (tmp_path / "a.dng").write_text("")
    with pytest.raises(InputError, match=r"no image in .* 1 \.dng, 1 without a suffix.*list|text file"):
        from cuts3d.detector.predict import predict

        predict(tmp_path, "light", tmp_path / "found.json")


# ---- tar files


def made_tar(path: Path, *members: tuple[str, bytes | str], kind: bytes = tarfile.REGTYPE) -> Path:
    """A tar file; a text is the target of a link."""
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as archive:
        for name, content in members:
            member = tarfile.TarInfo(name)
            if isinstance(content, str):
                member.type, member.linkname = kind, content
                archive.addfile(member)
            else:
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    return path


@pytest.fixture
def png(tmp_path) -> bytes:
    save_photo(tmp_path / "one.png")
    return (tmp_path / "one.png").read_bytes()


def test_a_tar_file_counts_what_it_skips_and_reads_long_names(tmp_path, png):
    long = "d/" * 80 + "\u00e9" * 60 + ".png"
    found, omitted = listed(made_tar(tmp_path / "x.tar", (long, png), ("a.cls", b"1"), ("._b.png", b""), ("c", b"")))
    assert found == [long]
    assert omitted == {"files": {".cls": 1, "without a suffix": 1}}
    (entry,) = entries(tmp_path / "x.tar")
    assert read_entry(entry).shape == (48, 64, 3)


def test_a_name_that_is_stored_twice_is_its_last_content(tmp_path, png):
    path = made_tar(tmp_path / "x.tar", ("a.png", b"old"), ("b.png", png), ("./a.png", png))
    found, omitted = listed(path)
    assert found == ["b.png", "./a.png"]
    assert omitted["duplicates"]["first"] == ["a.png"]


def test_hard_links_in_a_tar_file_are_photos_and_symbolic_ones_are_taken_once(tmp_path, png):
    path = made_tar(tmp_path / "x.tar", ("d/a.png", png), ("b.png", "d/a.png"), kind=tarfile.LNKTYPE)
    assert [read_entry(entry).shape for entry in entries(path)] == [(48, 64, 3)] * 2
    path = made_tar(tmp_path / "y.tar", ("d/a.png", png), ("d/b.png", "a.png"), kind=tarfile.SYMTYPE)
    found, omitted = listed(path)
    assert found == ["d/a.png"]
    assert omitted["duplicates"]["first"] == ["d/b.png"]


@pytest.mark.parametrize("damage", ["header", "second"])
def test_a_tar_file_that_is_damaged_in_its_middle_is_refused_not_cut_short(tmp_path, png, damage):
    path = made_tar(tmp_path / "x.tar", ("a.png", png), ("b.png", png))
    content = bytearray(path.read_bytes())
    if damage == "header":
        second = list(entries(path))[1].offset
        assert second is not None
        content[second - 512 : second - 500] = b"x" * 12
    path.write_bytes(content + (content if damage == "second" else b""))
    with pytest.raises(InputError, match=r"after '.\.png'"):
        list(entries(path))


def test_in_a_folder_a_damaged_tar_file_is_one_failure(folder):
    (folder / "c.tar").write_bytes(b"no tar")
    found = list(entries(folder))
    assert [entry.name for entry in found] == [*NAMES[:2], "c.tar", *NAMES[2:]]
    with pytest.raises(InputError, match="no plain tar file"):
        read_entry(found[2])


def test_a_tar_file_is_known_by_its_content(folder, tmp_path):
    tar_of(folder, tmp_path / "set.wds")
    assert names(tmp_path / "set.wds") == NAMES


def test_a_tar_file_that_was_replaced_gives_no_photo_of_another(folder, tmp_path, png):
    path = tar_of(folder, tmp_path / "x.tar")
    first = next(iter(entries(path)))
    made_tar(path, ("z.png", png * 3))
    with pytest.raises(InputError, match=r"no longer where it was|cut off"):
        read_entry(first)
