"""Files that a reader could take for something else: transparency, wrong suffixes, raw photos, phones, plain photos."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest
import tifffile
from helpers import REPO
from PIL import Image, ImageDraw

from cuts3d.errors import InputError
from cuts3d.io.photos import read_image, read_photo

GREY = (np.add.outer(np.arange(40), 3 * np.arange(60)) % 256).astype(np.uint8)
COLOUR = np.dstack([GREY, GREY[::-1], 255 - GREY])
HEIC = REPO.parent / "shared" / "cases" / "photo.heic"


def shape_on_nothing(level: int) -> Image.Image:
    image = Image.new("RGBA", (60, 40), (0, 0, 0, 0))
    ImageDraw.Draw(image).ellipse((15, 8, 45, 33), fill=(level, level, level, 255))
    return image


def test_a_white_shape_on_nothing_can_be_seen_and_a_note_says_how() -> None:
    found = read_photo(shape_on_nothing(255))
    assert found.pixels[20, 30].tolist() == [255, 255, 255]
    assert found.pixels[0, 0].tolist() == [128, 128, 128]
    assert any("became grey" in note for note in found.notes)


def test_a_dark_shape_on_nothing_stays_on_white_without_a_note() -> None:
    found = read_photo(shape_on_nothing(40))
    assert found.pixels[20, 30].tolist() == [40, 40, 40]
    assert found.pixels[0, 0].tolist() == [255, 255, 255]
    assert not found.notes


def test_a_photo_that_is_transparent_everywhere_is_refused() -> None:
    with pytest.raises(InputError, match="fully transparent"):
        read_image(Image.new("RGBA", (60, 40), (9, 9, 9, 0)))


@pytest.mark.parametrize("level", [0, 90, 255])
def test_a_nearly_uniform_photo_gets_a_note(level: int) -> None:
    pixels = np.full((40, 60, 3), level, np.uint8)
    pixels[3, 5] = 128
    assert any("nearly uniform" in note for note in read_photo(pixels).notes)
    assert not read_photo(COLOUR).notes


@pytest.mark.parametrize(("kind", "name"), [("PNG", "p.jpg"), ("JPEG", "p.tif"), ("TIFF", "p.png"), ("PNG", "p.heic")])
def test_the_content_counts_not_the_suffix(tmp_path: Path, kind: str, name: str) -> None:
    Image.fromarray(COLOUR).save(tmp_path / name, kind)
    difference = np.abs(read_image(tmp_path / name).astype(int) - COLOUR)
    assert difference.mean() < (8 if kind == "JPEG" else 1e-9)


def test_of_an_animation_the_first_picture_is_taken_and_said(tmp_path: Path) -> None:
    frames = [Image.fromarray(grey).convert("P") for grey in (GREY, 255 - GREY)]
    frames[0].save(tmp_path / "p.gif", save_all=True, append_images=frames[1:])
    found = read_photo(tmp_path / "p.gif")
    assert np.abs(found.pixels[..., 0].astype(int) - GREY).max() <= 1
    assert any("animation" in note for note in found.notes)


def test_raw_photos_are_refused_and_not_their_preview_taken(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "p.dng", COLOUR, photometric="rgb", extratags=[(50706, "B", 4, (1, 4, 0, 0), False)])
    (tmp_path / "renamed.tif").write_bytes((tmp_path / "p.dng").read_bytes())
    for name in ("p.dng", "renamed.tif"):
        with pytest.raises(InputError, match="raw photo"):
            read_image(tmp_path / name)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"%PDF-1.7\n", "PDF document"),
        (b"#?RADIANCE\n", "Radiance HDR"),
        (b"v/1\x01" + bytes(40), "OpenEXR"),
        (b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>', "SVG drawing"),
        (b"\x00\x00\x00\x18ftypmp42" + bytes(40), "video"),
        (b"PK\x03\x04" + bytes(40), "archive"),
    ],
)
def test_what_is_no_photo_is_named(tmp_path: Path, content: bytes, words: str) -> None:
    (tmp_path / "p.jpg").write_bytes(content)
    with pytest.raises(InputError, match=words):
        read_image(tmp_path / "p.jpg")


def test_a_photo_of_a_phone_is_read_upright() -> None:
    if not HEIC.exists():
        pytest.skip("the HEIC photo lies in ../shared/cases, which is not here")
    found = read_photo(HEIC)
    import pi_heif

    stored = pi_heif.open_heif(HEIC)
    assert found.pixels.shape == (stored.size[1], stored.size[0], 3)
    assert np.array_equal(found.pixels, np.asarray(stored.to_pillow().convert("RGB")))


def test_without_its_package_a_heic_photo_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "p.jpg").write_bytes(b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + bytes(100))
    monkeypatch.setitem(sys.modules, "pi_heif", None)
    with pytest.raises(InputError, match=r"pip install \"cuts3d\[heic\]\""):
        read_image(tmp_path / "p.jpg")


def test_avif_is_read(tmp_path: Path) -> None:
    smooth = np.add.outer(np.arange(48), 2 * np.arange(64)).astype(np.uint8)
    Image.fromarray(np.dstack([smooth] * 3)).save(tmp_path / "p.avif", quality=95)
    assert np.abs(read_image(tmp_path / "p.avif").astype(int) - smooth[..., None]).mean() < 4


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("kind", ["PNG", "WEBP", "JPEG", "TIFF"])
def test_the_exif_orientation_is_applied_in_every_format(tmp_path: Path, kind: str, orientation: int) -> None:
    smooth = np.add.outer(np.arange(40), 3 * np.arange(60)).astype(np.uint8)
    exif = Image.Exif()
    exif[274] = orientation
    options = {"lossless": True} if kind == "WEBP" else {}
    Image.fromarray(np.dstack([smooth] * 3)).save(tmp_path / "p", kind, exif=exif, **options)
    turned = {
        1: smooth,
        2: smooth[:, ::-1],
        3: smooth[::-1, ::-1],
        4: smooth[::-1],
        5: smooth.T,
        6: np.rot90(smooth, -1),
        7: np.rot90(smooth, 2).T,
        8: np.rot90(smooth),
    }[orientation]
    found = read_photo(tmp_path / "p")
    assert found.full_shape == turned.shape
    assert np.abs(found.pixels[..., 0].astype(int) - turned).mean() < 2


def test_channels_that_come_first_are_refused_with_what_to_do() -> None:
    with pytest.raises(InputError, match=r"transpose\(1, 2, 0\)"):
        read_image(COLOUR.transpose(2, 0, 1))
