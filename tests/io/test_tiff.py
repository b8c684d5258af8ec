"""TIFF files of every layout: the values that were written are the values that are read, or there is a reason."""

import io
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from cuts3d.depth import read_depth
from cuts3d.errors import InputError
from cuts3d.io.photos import read_image, read_photo

ROWS, COLUMNS = np.mgrid[:40, :60]
GREY = (COLUMNS * 4).astype(np.uint8)
COLOUR = np.dstack([GREY, ROWS * 6, (ROWS + COLUMNS) * 2]).astype(np.uint8)
ALPHA = np.where(COLUMNS < 30, 255, 128).astype(np.uint8)
PLANES = {"planarconfig": "separate", "photometric": "rgb"}


def written(path, values: np.ndarray, **options: Any):
    tifffile.imwrite(path, values, **options)
    return path


def planes(values: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(values.transpose(2, 0, 1))


def over_white(colour: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    a = alpha[..., None] / 255
    return colour * a + 255 * (1 - a)


def off(found: np.ndarray, expected: np.ndarray) -> float:
    expected = expected if expected.ndim == 3 else np.dstack([expected] * 3)
    return float(np.abs(found.astype(float) - expected).max())


@pytest.mark.parametrize("bits", [8, 16])
@pytest.mark.parametrize(
    "options",
    [{}, {"rowsperstrip": 7}, {"compression": "zlib"}, {"tile": (16, 16)}, {"byteorder": ">"}, {"bigtiff": True}],
    ids=str,
)
@pytest.mark.parametrize("planar", [True, False])
def test_colours_are_read_however_they_lie_in_the_file(tmp_path, bits, options, planar):
    values = COLOUR if bits == 8 else COLOUR.astype(np.uint16) * 257
    layout = {**options, **(PLANES if planar else {"photometric": "rgb"})}
    assert off(read_image(written(tmp_path / "p.tif", planes(values) if planar else values, **layout)), COLOUR) == 0


@pytest.mark.parametrize("planar", [True, False])
def test_12_bits_of_colour_in_16_are_not_black(tmp_path, planar):
    values = COLOUR.astype(np.uint16) * 16
    path = written(
        tmp_path / "p.tif", planes(values) if planar else values, **(PLANES if planar else {"photometric": "rgb"})
    )
    found = read_photo(path)
    assert off(found.pixels, COLOUR) <= 1
    assert "12 bits" in found.notes[0]


@pytest.mark.parametrize("dtype", ["u1", "u2", "u4", "i2", "i4", "f2", "f4", "f8"])
@pytest.mark.parametrize("options", [{}, {"byteorder": ">"}, {"byteorder": ">", "compression": "zlib"}], ids=str)
def test_grey_of_every_type_and_byte_order_is_read(tmp_path, dtype, options):
    top = 1 if dtype[0] == "f" else np.iinfo(dtype).max
    path = written(tmp_path / "p.tif", (GREY / 255 * top).astype(dtype), photometric="minisblack", **options)
    assert off(read_image(path), GREY) <= 1
    values = read_depth(path).values
    np.testing.assert_array_equal(values, (GREY / 255 * top).astype(dtype).astype(np.float32))


@pytest.mark.parametrize("dtype", ["u1", "u2"])
def test_white_that_is_zero_is_not_black(tmp_path, dtype):
    top = np.iinfo(dtype).max
    inverted = (top - GREY.astype(dtype) * (top // 255)).astype(dtype)
    assert off(read_image(written(tmp_path / "p.tif", inverted, photometric="miniswhite")), GREY) == 0


def test_one_bit_of_white_that_is_zero(tmp_path):
    content = io.BytesIO()
    Image.fromarray(GREY > 127).save(content, "TIFF", tiffinfo={262: 0})
    (tmp_path / "p.tif").write_bytes(content.getvalue())
    with Image.open(tmp_path / "p.tif") as image:
        expected = np.asarray(image.convert("L"))
    assert off(read_image(tmp_path / "p.tif"), expected) == 0


@pytest.mark.parametrize("planar", [True, False])
@pytest.mark.parametrize(("extra", "expected"), [("unassalpha", over_white(COLOUR, ALPHA)), ("unspecified", COLOUR)])
def test_the_fourth_band_is_transparency_only_where_the_file_says_so(tmp_path, extra, expected, planar):
    values = np.dstack([COLOUR, ALPHA])
    options = PLANES if planar else {"photometric": "rgb"}
    path = written(tmp_path / "p.tif", planes(values) if planar else values, extrasamples=[extra], **options)
    found = read_photo(path)
    assert off(found.pixels, expected) <= 1
    assert found.notes == (() if extra == "unassalpha" else ("1 further band of the photo was left out.",))


def test_premultiplied_transparency_is_not_multiplied_twice(tmp_path):
    premultiplied = np.rint(COLOUR * (ALPHA[..., None] / 255)).astype(np.uint8)
    for options, values in (({"photometric": "rgb"}, lambda a: a), (PLANES, planes)):
        path = written(
            tmp_path / "p.tif", values(np.dstack([premultiplied, ALPHA])), extrasamples=["assocalpha"], **options
        )
        assert off(read_image(path), over_white(COLOUR, ALPHA)) <= 2


@pytest.mark.parametrize("dtype", ["u1", "u2"])
@pytest.mark.parametrize("planar", [True, False])
def test_grey_with_transparency_is_read(tmp_path, dtype, planar):
    values = np.dstack([GREY, ALPHA]).astype(dtype) * (np.iinfo(dtype).max // 255)
    options = {
        "photometric": "minisblack",
        "extrasamples": ["unassalpha"],
        "planarconfig": "separate" if planar else "contig",
    }
    path = written(tmp_path / "p.tif", planes(values) if planar else values.astype(dtype), **options)
    assert off(read_image(path), over_white(np.dstack([GREY] * 3), ALPHA)) <= 1


@pytest.mark.parametrize("dtype", ["u1", "u2"])
@pytest.mark.parametrize("planar", [True, False])
def test_inks_become_colours(tmp_path, dtype, planar):
    inks = np.dstack([255 - COLOUR, np.zeros_like(GREY)]).astype(dtype) * (np.iinfo(dtype).max // 255)
    inks = inks.astype(dtype)
    options = {"photometric": "separated", "planarconfig": "separate" if planar else "contig"}
    assert off(read_image(written(tmp_path / "p.tif", planes(inks) if planar else inks, **options)), COLOUR) <= 1


def test_lab_becomes_rgb(tmp_path):
    red = np.tile(np.array([136, 80, 67], np.uint8), (20, 30, 1))  # L* 53, a* 80, b* 67
    found = read_image(written(tmp_path / "p.tif", red, photometric="cielab"))
    assert off(found, np.tile([255, 0, 0], (20, 30, 1))) < 16


def test_a_palette_gives_its_colours(tmp_path):
    table = np.random.default_rng(0).integers(0, 256, (3, 256))
    path = written(tmp_path / "p.tif", GREY, photometric="palette", colormap=(table * 257).astype(np.uint16))
    assert off(read_image(path), table.T[GREY]) == 0


@pytest.mark.parametrize("planar", [True, False])
@pytest.mark.parametrize("bands", [2, 3, 4, 5, 8])
def test_bands_that_are_not_marked_as_colours_are_refused_with_their_number(tmp_path, bands, planar):
    values = np.dstack([COLOUR] * 3)[..., :bands].astype(np.uint16)
    options = {"photometric": "minisblack", "planarconfig": "separate" if planar else "contig"}
    path = written(tmp_path / "p.tif", planes(values) if planar else values, **options)
    with pytest.raises(InputError, match=f"{bands} bands of uint16 that are not marked as colours"):
        read_image(path)
    with pytest.raises(InputError, match="one number per pixel"):
        read_depth(path)


@pytest.mark.parametrize("orientation", [3, 6])
def test_the_orientation_of_a_planar_file_is_applied(tmp_path, orientation):
    values = planes(COLOUR.astype(np.uint16) * 257)
    path = written(tmp_path / "p.tif", values, extratags=[(274, "H", 1, orientation, True)], **PLANES)
    found = read_photo(path)
    assert off(found.pixels, COLOUR[::-1, ::-1] if orientation == 3 else np.rot90(COLOUR, -1)) == 0
    assert found.orientation == orientation


@pytest.mark.parametrize("orientation", [3, 5, 6, 7, 8])
@pytest.mark.parametrize("mode", ["L", "I;16", "F", "P", "RGB", "RGBA", "CMYK"])
@pytest.mark.parametrize("opened", [False, True], ids=["path", "image"])
def test_a_turned_file_is_not_scrambled_whatever_its_mode(tmp_path, orientation, mode, opened):
    grey = {"I;16": GREY.astype(np.uint16) * 257, "F": (GREY / 255).astype(np.float32)}.get(mode, GREY)
    whole = Image.fromarray(grey if mode in ("I;16", "F") else COLOUR).convert(mode)
    expected = read_image(whole)
    turns = {3: 3, 5: 5, 6: 2, 7: 6, 8: 4}  # of Pillow, to lie in the file
    exif = Image.Exif()
    exif[0x0112] = orientation
    whole.transpose(Image.Transpose(turns[orientation])).save(tmp_path / "p.tif", exif=exif)
    if not opened:
        assert off(read_image(tmp_path / "p.tif"), expected) == 0
        return
    with Image.open(tmp_path / "p.tif") as image:
        assert off(read_image(image), expected) == 0


def test_a_file_of_several_pages_gives_its_first_and_says_so(tmp_path):
    with tifffile.TiffWriter(tmp_path / "p.tif") as file:
        for values in (COLOUR, 255 - COLOUR):
            file.write(values, photometric="rgb")
    found = read_photo(tmp_path / "p.tif")
    assert off(found.pixels, COLOUR) == 0
    assert found.notes == ("The file has several pages; the first page was taken.",)


@pytest.mark.parametrize("options", [{}, {"compression": "zlib"}, {"rowsperstrip": 5}, {"tile": (16, 16)}], ids=str)
def test_half_a_planar_file_is_refused(tmp_path, options):
    noise = np.random.default_rng(0).integers(0, 65536, (3, 64, 64)).astype(np.uint16)
    content = written(tmp_path / "p.tif", noise, **options, **PLANES).read_bytes()
    (tmp_path / "p.tif").write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match=r"could not be decoded|not an image"):
        read_image(tmp_path / "p.tif")


def test_a_missing_strip_is_not_taken_for_black(tmp_path, capfd):
    path = written(
        tmp_path / "p.tif", planes(COLOUR.astype(np.uint16) * 257), rowsperstrip=20, compression="zlib", **PLANES
    )
    with tifffile.TiffFile(path, mode="r+") as file:
        offsets = list(file.pages.first.dataoffsets)  # pyright: ignore[reportAttributeAccessIssue]
        file.pages.first.tags[273].overwrite([0, *offsets[1:]])  # pyright: ignore[reportAttributeAccessIssue]
    with pytest.raises(InputError, match="could not be decoded"):
        read_image(path)
    assert capfd.readouterr().err == ""


def test_a_volume_is_no_photo(tmp_path):
    with pytest.raises(InputError, match="no single picture"):
        read_image(written(tmp_path / "p.tif", np.stack([GREY] * 4), volumetric=True, photometric="minisblack"))


def test_a_compression_that_needs_another_package_is_named(tmp_path, monkeypatch):
    path = written(tmp_path / "p.tif", planes(COLOUR.astype(np.uint16)), **PLANES)
    message = "<COMPRESSION.LZW: 5> requires the 'imagecodecs' package"

    def refuse(*_: Any, **__: Any) -> None:
        raise ValueError(message)

    monkeypatch.setattr(tifffile.TiffPage, "asarray", refuse)
    with pytest.raises(InputError, match=r"compression of 'p\.tif'.*pip install imagecodecs"):
        read_image(path)


def test_an_image_that_pillow_would_misread_is_read_from_its_file_or_refused(tmp_path):
    path = written(tmp_path / "p.tif", planes(COLOUR.astype(np.uint16) * 257), **PLANES)
    with Image.open(path) as image:
        assert off(read_image(image), COLOUR) == 0
    with Image.open(io.BytesIO(path.read_bytes())) as image, pytest.raises(InputError, match="give the path"):
        read_image(image)


def test_bytes_of_a_file_are_read_as_the_file(tmp_path):
    path = written(tmp_path / "p.tif", planes(COLOUR.astype(np.uint16) * 257), **PLANES)
    assert off(read_image(io.BytesIO(path.read_bytes())), COLOUR) == 0


@pytest.mark.parametrize(
    ("name", "tags"),
    [
        ("p.dng", []),
        ("p.tif", [(50706, "B", 4, (1, 4, 0, 0), True)]),
        ("p.tiff", [(271, "s", 0, "NIKON", True), (254, "I", 1, 1, True)]),
    ],
)
def test_the_preview_of_a_raw_photo_is_not_taken_for_the_photo(tmp_path, name, tags):
    options: dict[str, Any] = {"subfiletype": 1} if any(tag[0] == 254 for tag in tags) else {}
    path = written(tmp_path / name, COLOUR, photometric="rgb", extratags=[t for t in tags if t[0] != 254], **options)
    with pytest.raises(InputError, match="raw photo of a camera"):
        read_photo(path)
