"""What was done to a photo or a depth map reaches the user, whichever way the product is used."""

import warnings

import numpy as np
import pytest
from PIL import Image

from cuts3d import CutS3D, Explorer
from cuts3d.cli.main import main
from cuts3d.cli.notes import printed_notes
from cuts3d.errors import InputNote, warn_of
from cuts3d.io.photo_files import is_picture

QUICK = ["--backbone", "pixels", "--depth", "none", "--no-crf", "--quiet"]
BITS = "The photo's values were read as 12 bits (0 to 4,095)."


@pytest.fixture
def dim_photo(photo, tmp_path, pixel_backbone):
    """The photo in grey, with 12 bits in a file of 16, and its depth in millimetres with zeros."""
    grey = np.asarray(Image.fromarray(photo.image).convert("L")).astype(np.uint16)
    grey[0, 0] = 255
    Image.fromarray(grey * 16).save(tmp_path / "photo.png")
    depth = np.rint(1000 + 1000 * np.linspace(0, 1, grey.size).reshape(grey.shape)).astype(np.uint16)
    depth[:12] = 0
    Image.fromarray(depth).save(tmp_path / "depth.png")
    return tmp_path / "photo.png"


def notes_of(capsys) -> list[str]:
    return [line for line in capsys.readouterr().err.splitlines() if line.startswith("note: ")]


def test_segment_prints_notes_also_when_quiet(dim_photo, tmp_path, capsys):
    own = ["--depth-map", str(tmp_path / "depth.png")]
    assert main(["segment", str(dim_photo), "--out", str(tmp_path / "out"), *own, *QUICK]) == 0
    percentage = 100 * 12 / Image.open(dim_photo).height
    unknown = f"{percentage:.1f} % of your depth map is unknown (0) and took the nearest known value."
    assert notes_of(capsys) == [f"note: {BITS}", f"note: {unknown}"]


def test_an_ordinary_photo_has_no_notes(photo, tmp_path, pixel_backbone, capsys):
    Image.fromarray(photo.image).save(tmp_path / "photo.png")
    assert main(["segment", str(tmp_path / "photo.png"), "--out", str(tmp_path / "out"), *QUICK]) == 0
    assert capsys.readouterr().err == ""


def test_compare_depth_prints_notes(dim_photo, tmp_path, capsys):
    estimators = f"none,file:{tmp_path / 'depth.png'}"
    options = [
        "--estimators",
        estimators,
        "--out",
        str(tmp_path / "out"),
        "--backbone",
        "pixels",
        "--no-crf",
        "--quiet",
    ]
    assert main(["compare-depth", str(dim_photo), *options]) == 0
    assert notes_of(capsys)[0] == f"note: {BITS}"


def test_the_library_warns_and_the_explorer_keeps_the_notes(dim_photo, tmp_path, pixel_config):
    with pytest.warns(InputNote, match="12 bits"):
        CutS3D(pixel_config).segment(dim_photo)
    explorer = Explorer(dim_photo, pixel_config, depth=tmp_path / "depth.png")
    assert explorer.inputs.notes[0] == BITS
    assert explorer.inputs.depth is not None
    assert explorer.inputs.depth.notes == explorer.inputs.notes[1:]


def test_notes_are_printed_once_and_other_warnings_are_shown_as_usual(capsys):
    with pytest.warns(RuntimeWarning, match="something else"), printed_notes():
        warn_of(("One.", "One.", "Two."))
        warnings.warn("something else", RuntimeWarning, stacklevel=1)
    assert notes_of(capsys) == ["note: One.", "note: Two."]


def test_notes_are_printed_also_where_the_run_fails(capsys):
    with pytest.raises(ZeroDivisionError), printed_notes():
        warn_of(("One.",))
        raise ZeroDivisionError
    assert notes_of(capsys) == ["note: One."]


@pytest.mark.parametrize(
    ("content", "expected"),
    [(b"II*\0" + bytes(30), True), (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", True), (b"a.jpg\n", False), (b"", False)],
)
def test_a_picture_is_known_by_its_content(tmp_path, content, expected):
    (tmp_path / "thing").write_bytes(content)
    assert is_picture(tmp_path / "thing") == expected
