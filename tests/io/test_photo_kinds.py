"""Photos that need care: HEIC, 16 bits of colour, transparency, animations, suffixes, and files that are no photo."""

import io
import struct
import sys
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cuts3d.errors import InputError
from cuts3d.io.photos import read_image, read_photo

ROWS, COLUMNS = np.mgrid[:40, :60]
GREY = (COLUMNS * 4).astype(np.uint8)
COLOUR = np.dstack([GREY, ROWS * 6, (ROWS + COLUMNS) * 2]).astype(np.uint8)


def png(values: np.ndarray, colour_type: int, chunks: bytes = b"") -> bytes:
    """A PNG of 16 bits per channel, which Pillow does not write in colour."""
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    header = struct.pack(">IIBBBBB", values.shape[1], values.shape[0], 16, colour_type, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunks + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


# ---- 16 bits of colour


def test_16_bits_of_colour_keep_their_upper_byte(tmp_path):
    values = np.random.default_rng(0).integers(0, 65536, (40, 60, 3)).astype(np.uint16)
    (tmp_path / "p.png").write_bytes(png(values, 2))
    assert (read_image(tmp_path / "p.png") == values >> 8).all()


@pytest.mark.parametrize("colour_type", [2, 6, 4])
def test_12_bits_of_colour_in_16_are_not_black(tmp_path, colour_type):
    alpha = np.full(GREY.shape, 65535, np.uint16)
    colours = (COLOUR if colour_type != 4 else GREY).astype(np.uint16) * 16
    values = colours if colour_type == 2 else np.dstack([colours, alpha])
    exif = Image.Exif()
    exif[0x0112] = 6
    (tmp_path / "p.png").write_bytes(png(values, colour_type, chunk(b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0"))))
    found = read_photo(tmp_path / "p.png")
    expected = np.dstack([GREY] * 3) if colour_type == 4 else COLOUR
    assert np.abs(found.pixels.astype(int) - np.rot90(expected, -1)).max() <= 1
    assert "12 bits" in found.notes[0]


# ---- HEIC


def test_a_photo_of_a_phone_is_read_whatever_its_suffix(tmp_path, shared_folder):
    source = shared_folder / "cases" / "photo.heic"
    if not source.is_file():
        pytest.skip("there is no HEIC file; none can be written here")
    (tmp_path / "photo.jpg").write_bytes(source.read_bytes())
    found = read_photo(tmp_path / "photo.jpg")
    assert found.pixels.shape == (214, 320, 3)
    assert found.pixels.std() > 20
    assert (found.orientation, found.notes) == (1, ())
    assert (read_image(io.BytesIO(source.read_bytes())) == found.pixels).all()


@pytest.mark.parametrize("brand", [b"heic", b"heix", b"mif1", b"msf1"])
def test_without_its_package_a_heic_photo_says_what_to_install(tmp_path, monkeypatch, brand):
    monkeypatch.setitem(sys.modules, "pi_heif", None)
    (tmp_path / "photo.jpg").write_bytes(struct.pack(">I", 24) + b"ftyp" + brand + b"\0\0\0\0mif1heic" + bytes(80))
    with pytest.raises(InputError, match=r"'photo\.jpg' is a HEIC photo.*pip install \"cuts3d\[heic\]\""):
        read_image(tmp_path / "photo.jpg")


@pytest.mark.parametrize("content", [bytes(500), b"\xff" * 500])
def test_a_damaged_heic_photo_is_refused(tmp_path, content):
    (tmp_path / "p.heic").write_bytes(struct.pack(">I", 24) + b"ftypheic\0\0\0\0mif1heic" + content)
    with pytest.raises(InputError, match=r"'p\.heic' is not an image|damaged"):
        read_image(tmp_path / "p.heic")


@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_avif_is_read_upright(tmp_path, orientation):
    stored = {1: COLOUR, 3: COLOUR[::-1, ::-1], 6: np.rot90(COLOUR, 1)}[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(np.ascontiguousarray(stored)).save(tmp_path / "p.avif", quality=95, exif=exif)
    assert np.abs(read_image(tmp_path / "p.avif").astype(int) - COLOUR).mean() < 4


# ---- transparency


def test_a_white_shape_on_nothing_stays_visible(tmp_path):
    shape = (ROWS - 20) ** 2 + (COLUMNS - 30) ** 2 < 200
    Image.fromarray(np.dstack([np.full((40, 60, 3), 255), shape * 255]).astype(np.uint8)).save(tmp_path / "p.png")
    found = read_photo(tmp_path / "p.png")
    assert (found.pixels == np.where(shape, 255, 128)[..., None]).all()
    assert found.notes == ("On white the photo would be blank, so its transparent pixels became grey.",)


def test_any_other_transparent_photo_lies_on_white_as_before(tmp_path):
    clear = COLUMNS < 20
    Image.fromarray(np.dstack([COLOUR, ~clear * 255]).astype(np.uint8)).save(tmp_path / "p.png")
    found = read_photo(tmp_path / "p.png")
    assert (found.pixels == np.where(clear[..., None], 255, COLOUR)).all()
    assert found.notes == ()


def test_a_palette_with_a_transparent_white_shape_stays_visible(tmp_path):
    image = Image.fromarray((COLUMNS < 30).astype(np.uint8)).convert("P")
    image.putpalette([255, 255, 255, 253, 253, 253] + [0] * 762)
    image.save(tmp_path / "p.png", transparency=0)
    assert "became grey" in read_photo(tmp_path / "p.png").notes[0]


def test_a_fully_transparent_photo_is_refused():
    with pytest.raises(InputError, match="Every pixel of the photo is fully transparent"):
        read_image(np.dstack([COLOUR, np.zeros_like(GREY)]))


# ---- frames and suffixes


@pytest.mark.parametrize("suffix", ["gif", "webp", "png"])
def test_of_an_animation_the_first_frame_is_taken_and_said(tmp_path, suffix):
    frames = [Image.fromarray(np.roll(COLOUR, shift, axis=1)).quantize(64).convert("RGB") for shift in (0, 20)]
    lossless: dict[str, Any] = {"lossless": True} if suffix == "webp" else {}
    frames[0].save(tmp_path / f"p.{suffix}", save_all=True, append_images=frames[1:], **lossless)
    found = read_photo(tmp_path / f"p.{suffix}")
    assert np.abs(found.pixels.astype(int) - np.asarray(frames[0])).max() <= 4
    assert found.notes == ("The file is an animation; the first picture was taken.",)


def test_of_a_stereo_photo_the_first_picture_is_taken(tmp_path):
    first, second = (Image.fromarray(values) for values in (COLOUR, 255 - COLOUR))
    first.save(tmp_path / "p.jpg", "MPO", save_all=True, append_images=[second], quality=95)
    assert np.abs(read_image(tmp_path / "p.jpg").astype(int) - COLOUR).mean() < 12


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP", "GIF", "BMP", "PPM"])
def test_the_content_counts_and_not_the_suffix(tmp_path, kind):
    lossless: dict[str, Any] = {"lossless": True} if kind == "WEBP" else {}
    Image.fromarray(GREY).save(tmp_path / "p.jpg", kind, **lossless)
    assert np.abs(read_image(tmp_path / "p.jpg").astype(int) - GREY[..., None]).max() <= 1


def test_a_portable_map_of_12_bits_is_scaled_by_its_header(tmp_path):
    (tmp_path / "p.pgm").write_bytes(b"P5 60 40 4095\n" + (GREY.astype(np.uint16) * 16).astype(">u2").tobytes())
    assert np.abs(read_image(tmp_path / "p.pgm").astype(int) - GREY[..., None]).max() <= 1


def test_a_float_map_is_read_upright(tmp_path):
    slope = (ROWS * 6 / 255).astype("<f4")
    (tmp_path / "p.pfm").write_bytes(b"Pf\n60 40\n-1.0\n" + slope[::-1].tobytes())
    assert (read_image(tmp_path / "p.pfm") == (ROWS * 6)[..., None]).all()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"%PDF-1.7\n", "a PDF document"),
        (b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg">', "an SVG drawing"),
        (b"<svg/>", "an SVG drawing"),
        (b"v/1\x01" + bytes(40), "an OpenEXR picture"),
        (b"#?RADIANCE\n", "a Radiance HDR picture"),
        (b"\xff\x0a" + bytes(40), "a JPEG XL picture"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "a JPEG XL picture"),
        (b"\0\0\0\x18ftypcrx isom", "a raw photo"),
        (b"FUJIFILMCCD-RAW 0201", "a raw photo"),
        (b"II*\0\x10\0\0\0CR\x02\0" + bytes(40), "a raw photo"),
        (b"IIU\0" + bytes(40), "a raw photo"),
        (b"IIRO" + bytes(40), "a raw photo"),
        (bytes(128) + b"DICM", "a DICOM file"),
        (b"SIMPLE  =                    T", "a FITS file"),
        (b"\x93NUMPY\x01\0", "give the array itself"),
        (b"\0\0\0\x18ftypmp42", "a video"),
    ],
)
def test_a_file_of_another_kind_is_refused_by_what_it_is(tmp_path, content, words):
    (tmp_path / "photo.jpg").write_bytes(content)
    with pytest.raises(InputError, match=rf"'photo\.jpg' .*{words}"):
        read_image(tmp_path / "photo.jpg")


def test_the_size_before_the_photo_was_reduced_is_kept(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (900, 600), "red").save(tmp_path / "p.jpg", exif=exif)
    found = read_photo(tmp_path / "p.jpg", max_side=300)
    assert (found.pixels.shape, found.full_shape, found.orientation) == ((300, 200, 3), (900, 600), 6)
