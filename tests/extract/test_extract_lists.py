"""Lists of photos as any system writes them."""

from pathlib import Path

import pytest
from extraction_photos import save_photo

from cuts3d.errors import InputError
from cuts3d.extract.omitted import Omitted, sentences
from cuts3d.extract.sources import entries

TWO = ["a.png", "img/b b.png"]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for name in TWO:
        save_photo(tmp_path / name)
    return tmp_path


def listed(folder: Path, content: bytes | str) -> tuple[list[str], list[bool], Omitted]:
    """Names, whether each is a file, and what was left out."""
    path, omitted = folder / "list.txt", Omitted()
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    found = list(entries(path, omitted))
    return [entry.name for entry in found], [Path(entry.path).is_file() for entry in found], omitted


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("slash", ["/", "\\"])
def test_every_system_s_lists_are_read(photos, encoding, end, slash):
    text = end.join(["a.png", f"img{slash}b b.png", ""])
    assert listed(photos, text.encode(encoding))[:2] == (TWO, [True, True])


@pytest.mark.parametrize("mark,encoding", [(b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be")])
def test_both_byte_orders_are_read(photos, mark, encoding):
    assert listed(photos, mark + "a.png\r\nimg\\b b.png".encode(encoding))[0] == TWO


@pytest.mark.parametrize("line", ["{} 0", "{}\t17", "{},cat", "{};1;2", '"{}",3', "'{}'", " {} ", '"{}"'])
def test_the_path_is_the_longest_beginning_that_is_a_file(photos, line):
    names, there, omitted = listed(photos, "\n".join(line.format(name) for name in TWO))
    assert (names, there) == (TWO, [True, True])
    assert omitted.texts.count == (0 if line.strip("\"' ") == "{}" else 2)


def test_text_behind_a_path_is_said_in_one_sentence(photos):
    omitted = listed(photos, "a.png 0\nimg/b b.png 1\n")[2]
    assert sentences(omitted.to_dict()) == ["2 lines have text behind the path, which is not used: '0', '1'."]


def test_a_line_of_column_names_is_said_and_is_no_photo(photos):
    names, _, omitted = listed(photos, "path,label\na.png,0\n")
    assert names == ["a.png"]
    assert "'path,label'" in sentences(omitted.to_dict())[-1]


def test_urls_of_files_and_the_home_folder_are_paths(photos, monkeypatch):
    monkeypatch.setenv("HOME", str(photos))
    spaced = f"file://{photos}/img/b%20b.png"
    assert listed(photos, f"{spaced}\nfile://localhost{photos}/a.png")[1] == [True, True]
    names, there, _ = listed(photos, "~/a.png\n")
    assert (names, there) == ([str(photos / "a.png")], [True])


def test_a_file_is_taken_as_it_is_named_before_anything_is_guessed(photos):
    odd = ["#1.png", "a.png 0", "img\\c.png", ' "q".png', "~.png"]
    for name in odd:
        (photos / name).write_bytes(b"")
    assert listed(photos, "\n".join(odd))[0] == odd


def test_an_accent_that_is_composed_in_another_way_finds_its_file(photos):
    save_photo(photos / "caf\u00e9.png")
    assert listed(photos, "cafe\u0301.png\n")[1] == [True]


@pytest.mark.parametrize("line", ["gone.png", "gone.png 0", '"gone.png",1', ".\\gone.png"])
def test_a_missing_photo_stays_in_the_list_under_the_name_that_it_will_have(photos, line):
    before = listed(photos, f"{line}\na.png\n")
    assert before[1] == [False, True]
    save_photo(photos / "gone.png")
    assert listed(photos, f"{line}\na.png\n")[0] == before[0]


def test_one_file_under_several_names_is_taken_once_and_named(photos):
    (photos / "link.png").symlink_to("a.png")
    lines = ["a.png", "./a.png", "a.png", str(photos / "a.png"), "img/../a.png", "link.png", "img/b b.png"]
    names, _, omitted = listed(photos, "\n".join(lines))
    assert names == TWO
    assert omitted.duplicates.first == lines[1:-1]


def test_hard_links_are_photos_of_their_own(photos):
    (photos / "c.png").hardlink_to(photos / "a.png")
    assert listed(photos, "a.png\nc.png\n")[0] == ["a.png", "c.png"]


def test_another_encoding_is_a_sentence_with_its_line(photos):
    with pytest.raises(InputError, match=r"Line 2 .*save it as UTF-8"):
        listed(photos, "a.png\ncaf\u00e9.png\n".encode("latin-1"))


def test_a_file_whose_name_is_in_another_encoding_is_found(photos):
    (photos / "\udce9.png").write_bytes((photos / "a.png").read_bytes())
    assert listed(photos, b"\xe9.png\n")[1] == [True]


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("x.tar.gz", b"\x1f\x8b\x08", "compressed with gzip: unpack it"),
        ("x.zip", b"PK\x03\x04", "a zip file: unpack it"),
        ("x.txt", b"a\0b", "no text file of paths"),
        ("x.json", b"{}", "no text file of paths"),
        ("x.jpg", b"", "one photo.*cuts3d segment"),
    ],
)
def test_what_is_no_list_says_what_to_do(tmp_path, name, content, says):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=says):
        list(entries(tmp_path / name))


def test_a_photo_without_a_suffix_is_no_list(photos):
    photo = (photos / "a.png").rename(photos / "a")
    with pytest.raises(InputError, match="one photo"):
        list(entries(photo))
