"""The range of a photo's numbers, whatever type they are stored in; files made by tifffile and Pillow."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from cuts3d.errors import InputError
from cuts3d.io.levels import levels_of
from cuts3d.io.photos import read_image, read_photo

RAMP = np.add.outer(np.arange(40), 3 * np.arange(60)) % 256
GREY = RAMP.astype(np.uint8)
COLOUR = np.dstack([GREY, GREY[::-1], 255 - GREY])


def grey3(values: np.ndarray) -> np.ndarray:
    return np.dstack([values] * 3)


def near(found: np.ndarray, expected: np.ndarray) -> bool:
    return found.shape == expected.shape and int(np.abs(found.astype(int) - expected.astype(int)).max()) <= 1


@pytest.mark.parametrize(("bits", "white"), [(10, 1023), (12, 4095), (14, 16383), (16, 65535)])
def test_a_grey_png_of_16_bits_uses_the_bits_that_are_there(tmp_path: Path, bits: int, white: int) -> None:
    values = np.rint(GREY / 255 * white).astype(np.uint16)
    Image.fromarray(values).save(tmp_path / "p.png")
    found = read_photo(tmp_path / "p.png")
    assert near(found.pixels, grey3(GREY))
    assert any(f"{bits} bits" in note for note in found.notes) == (bits != 16)


@pytest.mark.parametrize("bits", [10, 12, 14])
def test_an_array_of_16_bits_uses_the_bits_that_are_there(bits: int) -> None:
    values = np.rint(COLOUR / 255 * ((1 << bits) - 1)).astype(np.uint16)
    assert near(read_image(values), COLOUR)


def test_all_of_16_bits_are_divided_by_257_exactly() -> None:
    values = (np.arange(40 * 60) * 27).astype(np.uint16).reshape(40, 60)
    assert np.array_equal(read_image(values), grey3(values // 257))


def test_a_highlight_does_not_make_a_float_photo_black(tmp_path: Path) -> None:
    values = GREY.astype(np.float32) / 255
    values[10:12, 10:13] = 60
    tifffile.imwrite(tmp_path / "p.tif", values)
    found = read_photo(tmp_path / "p.tif")
    expected = GREY.copy()
    expected[10:12, 10:13] = 255
    assert near(found.pixels, grey3(expected))
    assert any("became white" in note for note in found.notes)


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("top", [1, 255])
def test_floats_end_at_1_or_at_255(dtype: type, top: int) -> None:
    assert near(read_image((COLOUR / 255 * top).astype(dtype)), COLOUR)


def test_floats_from_minus_1_to_1_have_black_at_minus_1() -> None:
    found = read_photo((COLOUR / 127.5 - 1).astype(np.float32))
    assert near(found.pixels, COLOUR)
    assert any("−1 to 1" in note for note in found.notes)


def test_values_that_are_partly_negative_start_the_range() -> None:
    values = GREY.astype(np.float32) * 8 - 300
    found = read_photo(values)
    assert 0 <= int(found.pixels.min()) < 5
    assert int(found.pixels.max()) > 250
    assert np.corrcoef(found.pixels[..., 0].ravel(), GREY.ravel())[0, 1] > 0.999


@pytest.mark.parametrize("dtype", [np.int16, np.int32, np.int64, np.uint32, np.uint64, ">u2", ">i4"])
def test_integers_of_other_types_are_read_by_their_values(dtype: str) -> None:
    assert near(read_image(COLOUR.astype(dtype)), COLOUR)


def test_nan_is_black_and_said_and_a_photo_of_nan_is_refused() -> None:
    values = (GREY / 255).astype(np.float32)
    values[0, :30] = np.nan
    found = read_photo(values)
    assert found.pixels[0, :30].max() == 0
    assert any("not a number" in note for note in found.notes)
    with pytest.raises(InputError, match="no finite value"):
        levels_of(np.full((9, 9), np.nan))


@pytest.mark.parametrize("planar", ["separate", "contig"])
@pytest.mark.parametrize("dtype", ["u1", "<u2", ">u2", "f4", "f8"])
def test_a_colour_tiff_has_its_pixels_in_their_places(tmp_path: Path, planar: str, dtype: str) -> None:
    scale = {"u1": 1, "<u2": 257, ">u2": 257}.get(dtype, 1 / 255)
    values = (COLOUR * float(scale)).astype(dtype)
    stored = values.transpose(2, 0, 1).copy() if planar == "separate" else values
    order = ">" if dtype.startswith(">") else "<"
    tifffile.imwrite(tmp_path / "p.tif", stored, photometric="rgb", planarconfig=planar, byteorder=order)
    assert near(read_image(tmp_path / "p.tif"), COLOUR)


@pytest.mark.parametrize(
    "options", [{"tile": (16, 16)}, {"compression": "zlib"}, {"bigtiff": True}, {"rowsperstrip": 3}]
)
def test_a_tiff_is_read_however_it_is_stored(tmp_path: Path, options: dict) -> None:
    for planar in ("separate", "contig"):
        values = (COLOUR.astype(np.uint16) * 257).transpose(2, 0, 1).copy() if planar == "separate" else COLOUR
        tifffile.imwrite(tmp_path / "p.tif", values, photometric="rgb", planarconfig=planar, **options)
        assert near(read_image(tmp_path / "p.tif"), COLOUR)


def test_white_may_be_zero(tmp_path: Path) -> None:
    for values in (GREY, GREY.astype(np.uint16) * 257):
        tifffile.imwrite(tmp_path / "p.tif", values, photometric="miniswhite")
        assert near(read_image(tmp_path / "p.tif"), grey3(255 - GREY))


def test_bands_that_are_no_colours_are_left_out_with_a_note_or_refused(tmp_path: Path) -> None:
    infrared = np.dstack([COLOUR, GREY // 2])
    tifffile.imwrite(tmp_path / "rgbi.tif", infrared, photometric="rgb", extrasamples=["unspecified"])
    found = read_photo(tmp_path / "rgbi.tif")
    assert near(found.pixels, COLOUR)
    assert any("1 further band" in note for note in found.notes)
    for bands in (2, 5, 13):
        cube = np.dstack([GREY] * bands)
        tifffile.imwrite(tmp_path / "cube.tif", cube, photometric="minisblack", planarconfig="contig")
        with pytest.raises(InputError, match=f"{bands} bands.*not marked as colours"):
            read_image(tmp_path / "cube.tif")


def test_a_tiff_is_turned_by_its_orientation_whoever_reads_it(tmp_path: Path) -> None:
    tag = [(274, "H", 1, 6, False)]
    for values in (np.rot90(COLOUR), np.rot90(COLOUR).astype(np.uint16) * 257):
        for planar in ("contig", "separate"):
            stored = values.transpose(2, 0, 1).copy() if planar == "separate" else values.copy()
            tifffile.imwrite(tmp_path / "p.tif", stored, photometric="rgb", planarconfig=planar, extratags=tag)
            found = read_photo(tmp_path / "p.tif")
            assert near(found.pixels, COLOUR), (values.dtype, planar)
            assert (found.orientation, found.full_shape) == (6, COLOUR.shape[:2])
