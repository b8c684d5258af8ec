"""Reading photos: every mode and orientation, whole and damaged."""

import os
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps, features

from cuts3d.errors import InputError
from cuts3d.io.limits import MAX_PIXELS
from cuts3d.io.photos import WORKING_SIDE, read_image

GREY = np.tile(np.linspace(0, 255, 16).astype(np.uint8), (12, 1))
COLOUR = np.dstack([GREY, GREY[:, ::-1], np.full_like(GREY, 90)])
HALF = np.full_like(GREY, 128)


def palette_with_transparency() -> Image.Image:
    image = Image.fromarray(np.tile(np.repeat([0, 1], 8), (12, 1)).astype(np.uint8)).convert("L").convert("P")
    image.putpalette([10, 20, 30, 200, 100, 50] + [0] * 756)
    image.info["transparency"] = 0
    return image


def keyed_rgb() -> Image.Image:
    image = Image.fromarray(np.dstack([GREY, GREY, GREY]))
    image.info["transparency"] = (0, 0, 0)
    return image


def over_white(rgb: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    a = alpha[..., None] / 255
    return rgb * a + 255 * (1 - a)


def grey3(values: np.ndarray) -> np.ndarray:
    return np.dstack([values] * 3)


MODES = {
    "L": (lambda: Image.fromarray(GREY), grey3(GREY)),
    "1": (lambda: Image.fromarray(GREY > 127), grey3((GREY > 127) * 255)),
    "LA": (
        lambda: Image.merge("LA", (Image.fromarray(GREY), Image.fromarray(HALF))),
        over_white(grey3(GREY), HALF),
    ),
    "P": (
        lambda: Image.fromarray(GREY).convert("P"),
        grey3(GREY),
    ),
    "P with transparency": (
        palette_with_transparency,
        np.where((np.arange(16) < 8)[None, :, None], [255, 255, 255], np.full((12, 16, 3), [200, 100, 50])),
    ),
    "RGB": (lambda: Image.fromarray(COLOUR), COLOUR),
    "RGB with a transparent colour": (keyed_rgb, grey3(np.where(GREY == 0, 255, GREY))),
    "RGBA": (lambda: Image.fromarray(np.dstack([COLOUR, HALF])), over_white(COLOUR, HALF)),
    "CMYK": (lambda: Image.fromarray(COLOUR).convert("CMYK"), COLOUR),
    "YCbCr": (lambda: Image.fromarray(COLOUR).convert("YCbCr"), COLOUR),
    "HSV": (lambda: Image.fromarray(COLOUR).convert("HSV"), COLOUR),
    "I;16": (lambda: Image.fromarray(GREY.astype(np.uint16) * 257), grey3(GREY)),
    "I": (lambda: Image.fromarray(GREY.astype(np.int32) * 257), grey3(GREY)),
    "F": (lambda: Image.fromarray(GREY.astype(np.float32) / 255), grey3(GREY)),
}


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_becomes_honest_rgb(mode):
    build, expected = MODES[mode]
    found = read_image(build())
    assert found.dtype == np.uint8
    assert found.shape == (12, 16, 3)
    assert np.abs(found.astype(int) - expected).max() <= (8 if mode == "HSV" else 4)


@pytest.mark.parametrize(
    ("mode", "suffix"),
    [
        ("L", "png"), ("1", "png"), ("LA", "png"), ("P with transparency", "png"), ("RGB", "png"), ("RGBA", "png"),
        ("I;16", "png"), ("I;16", "tiff"), ("F", "tiff"), ("CMYK", "tiff"), ("RGB", "bmp"), ("RGB", "webp"),
        ("RGBA", "tiff"), ("P", "gif"),
    ],
)  # fmt: skip
def test_every_mode_survives_its_file(tmp_path, mode, suffix):
    build, expected = MODES[mode]
    build().save(tmp_path / f"p.{suffix}", **({"lossless": True} if suffix == "webp" else {}))
    found = read_image(str(tmp_path / f"p.{suffix}"))
    assert np.abs(found.astype(int) - expected).max() <= 4


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_can_be_reduced(mode):
    found = read_image(MODES[mode][0]().resize((160, 120), Image.Resampling.NEAREST), max_side=40)
    assert found.shape == (30, 40, 3)
    expected = MODES[mode][1]
    assert np.abs(found.mean(axis=(0, 1)) - expected.mean(axis=(0, 1))).max() <= 8


def test_a_palette_with_alpha_can_be_reduced():
    image = Image.fromarray(np.dstack([COLOUR, HALF])).resize((160, 120)).convert("PA")
    assert read_image(image, max_side=40).shape == (30, 40, 3)


UPRIGHT = np.zeros((24, 40, 3), np.uint8)
UPRIGHT[:12, :20], UPRIGHT[:12, 20:] = (250, 0, 0), (0, 250, 0)
UPRIGHT[12:, :20], UPRIGHT[12:, 20:] = (0, 0, 250), (250, 250, 0)
TURNS = {  # EXIF orientation -> how an upright picture lies in the file
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.transpose(1, 0, 2),
    6: lambda a: np.rot90(a, 1),
    7: lambda a: a[::-1, ::-1].transpose(1, 0, 2),
    8: lambda a: np.rot90(a, -1),
}


@pytest.mark.parametrize("orientation", TURNS)
@pytest.mark.parametrize("suffix", ["png", "jpg", "tiff", "webp"])
def test_exif_orientation_is_applied(tmp_path, orientation, suffix):
    stored = Image.fromarray(np.ascontiguousarray(TURNS[orientation](UPRIGHT)))
    exif = Image.Exif()
    exif[0x0112] = orientation
    lossless: dict[str, Any] = (
        {"lossless": True} if suffix == "webp" else {"quality": 95, "subsampling": 0} if suffix == "jpg" else {}
    )
    stored.save(tmp_path / f"p.{suffix}", exif=exif, **lossless)
    found = read_image(tmp_path / f"p.{suffix}")
    assert found.shape == UPRIGHT.shape
    for row, column in ((6, 10), (6, 30), (18, 10), (18, 30)):
        assert np.abs(found[row, column].astype(int) - UPRIGHT[row, column]).max() < 12


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp"])
def test_damaged_exif_costs_the_orientation_and_not_the_photo(tmp_path, suffix):
    Image.fromarray(UPRIGHT).save(tmp_path / f"p.{suffix}", exif=b"Exif\0\0no orientation at all")
    assert read_image(tmp_path / f"p.{suffix}").shape == UPRIGHT.shape


def test_orientation_is_applied_before_a_photo_is_reduced(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.ascontiguousarray(np.rot90(UPRIGHT, 1))).resize((240, 400)).save(tmp_path / "p.jpg", exif=exif)
    assert read_image(tmp_path / "p.jpg", max_side=100).shape == (60, 100, 3)


@pytest.mark.parametrize(
    "array",
    [
        COLOUR,
        COLOUR.astype(np.uint16) * 257,
        (COLOUR / 255).astype(np.float16),
        (COLOUR / 255).astype(np.float32),
        COLOUR / 255,
    ],
    ids=lambda a: str(a.dtype),
)
def test_arrays_of_every_type_taken_give_the_same_photo(array):
    assert np.abs(read_image(array).astype(int) - COLOUR).max() <= 1


def test_grey_single_channel_boolean_and_transparent_arrays_are_taken():
    assert (read_image(GREY) == grey3(GREY)).all()
    assert (read_image(GREY[..., None]) == grey3(GREY)).all()
    assert (read_image(GREY > 127) == grey3((GREY > 127) * 255)).all()
    assert np.abs(read_image(np.dstack([COLOUR, HALF])) - over_white(COLOUR, HALF)).max() <= 1


def test_floats_out_of_range_are_clipped_and_nan_is_black():
    array = np.full((9, 9), 0.5)
    array[0, :4] = [np.nan, -3.0, 7.0, np.inf]
    assert read_image(array)[0, :5, 0].tolist() == [0, 0, 255, 255, 128]


@pytest.mark.parametrize("dtype", [complex, object, "U1"])
def test_arrays_of_other_types_are_refused_by_name(dtype):
    with pytest.raises(InputError, match="integers, floats or booleans"):
        read_image(np.ones((9, 9)).astype(dtype))


@pytest.mark.parametrize("shape", [(9,), (9, 9, 2), (9, 9, 5), (0, 9), (9, 9, 0), (2, 9, 9, 3)])
def test_arrays_of_other_shapes_are_refused_with_their_shape(shape):
    with pytest.raises(InputError, match="must be"):
        read_image(np.zeros(shape, np.uint8))


def test_an_array_that_is_not_contiguous_or_writable_is_taken():
    array = COLOUR[::-1, ::-1]
    array.flags.writeable = False
    assert (read_image(array) == array).all()


def test_the_photo_returned_is_a_writable_copy():
    array = COLOUR.copy()
    found = read_image(array)
    found[:] = 0
    assert array.any()


def test_an_image_given_is_not_changed():
    image = Image.fromarray(np.dstack([COLOUR, HALF]))
    read_image(image, max_side=10)
    assert (image.mode, image.size) == ("RGBA", (16, 12))


def test_the_first_frame_of_an_animation_is_taken(tmp_path):
    frames = [Image.new("RGB", (20, 10), c) for c in ("red", "lime", "blue")]
    frames[0].save(tmp_path / "p.gif", save_all=True, append_images=frames[1:])
    found = read_image(tmp_path / "p.gif")
    assert found.shape == (10, 20, 3)
    assert (found == (255, 0, 0)).all()


def test_a_photo_of_24_megapixels_is_reduced_to_the_working_side(tmp_path):
    image = Image.new("RGB", (6000, 4000), (180, 60, 20))
    image.paste((20, 60, 180), (3000, 0, 6000, 4000))
    image.save(tmp_path / "p.jpg", quality=60)
    found = read_image(tmp_path / "p.jpg")
    assert found.shape == (1365, WORKING_SIDE, 3)
    assert np.abs(found[700, 300].astype(int) - (180, 60, 20)).max() < 8
    assert np.abs(found[700, 1800].astype(int) - (20, 60, 180)).max() < 8


def test_the_size_is_kept_on_request_and_small_photos_are_never_enlarged():
    array = np.zeros((10, 2100, 3), np.uint8)
    assert read_image(array, max_side=None).shape == (10, 2100, 3)
    assert read_image(COLOUR).shape == (12, 16, 3)


@pytest.mark.parametrize("size", [(1, 1), (7, 100), (100, 7)])
def test_a_photo_too_small_to_cut_is_refused_with_its_size(size):
    with pytest.raises(InputError, match=f"{size[0]}×{size[1]} pixels; at least 8×8"):
        read_image(Image.new("RGB", size))


def test_a_missing_file_is_said_to_be_missing(tmp_path):
    with pytest.raises(InputError, match=r"There is no file '.*gone\.jpg'"):
        read_image(tmp_path / "gone.jpg")


def test_a_folder_is_said_to_be_a_folder(tmp_path):
    with pytest.raises(InputError, match="is a folder"):
        read_image(tmp_path)


@pytest.mark.parametrize(
    "content", [b"", b"I am a text that calls itself a photo.\n" * 20, b"\xff\xd8\xff", b"\0" * 99]
)
def test_what_is_no_photo_is_refused_by_name(tmp_path, content):
    (tmp_path / "photo.jpg").write_bytes(content)
    with pytest.raises(InputError, match=r"'photo\.jpg' is not an image"):
        read_image(tmp_path / "photo.jpg")


def claimed_png(width: int, height: int) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 64)) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("size", [(12_000, 11_000), (30_000, 30_000), (1_000_000, 1_000_000)])
def test_a_file_that_claims_a_huge_size_is_refused_before_it_is_decoded(tmp_path, size):
    assert size[0] * size[1] > MAX_PIXELS
    (tmp_path / "bomb.png").write_bytes(claimed_png(*size))
    with pytest.raises(InputError, match=r"'bomb\.png'.*the limit is 120 megapixels"):
        read_image(tmp_path / "bomb.png")


@pytest.mark.parametrize("source", [None, b"photo.jpg", 7, ["photo.jpg"]])
def test_what_is_neither_path_nor_picture_is_refused_by_its_kind(source):
    with pytest.raises(InputError, match=f"a path, a PIL image or an array; this one is a {type(source).__name__}"):
        read_image(source)


@pytest.mark.parametrize("name", ["a" * 5000, "a\0b.jpg"])
def test_a_name_that_no_file_can_have_is_refused(name):
    with pytest.raises(InputError, match="is not an image") as raised:
        read_image(name)
    assert len(str(raised.value)) < 250


def test_a_pipe_is_refused_before_it_is_waited_for(tmp_path):
    os.mkfifo(tmp_path / "photo.jpg")
    with pytest.raises(InputError, match=r"'photo\.jpg' is a pipe"):
        read_image(tmp_path / "photo.jpg")


def test_a_name_of_two_lines_leaves_one_sentence(tmp_path):
    (tmp_path / "two\nlines.jpg").write_bytes(b"no photo")
    with pytest.raises(InputError, match=r"^'two\\nlines\.jpg' is not an image"):
        read_image(tmp_path / "two\nlines.jpg")


def test_a_drawing_that_another_program_would_have_to_run_is_refused(tmp_path):
    page = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\n%%EndComments\nshowpage\n%%EOF\n"
    (tmp_path / "photo.jpg").write_bytes(page)
    with pytest.raises(InputError, match=r"'photo\.jpg' is a drawing \(EPS\)"):
        read_image(tmp_path / "photo.jpg")


def test_an_image_opened_elsewhere_is_held_to_the_same_limit(tmp_path):
    (tmp_path / "bomb.png").write_bytes(claimed_png(12_000, 11_000))
    with (
        pytest.warns(Image.DecompressionBombWarning),
        Image.open(tmp_path / "bomb.png") as image,
        pytest.raises(InputError, match="The photo has 12000×11000 pixels; the limit is 120 megapixels"),
    ):
        read_image(image)


def test_a_strip_keeps_eight_pixels_of_its_shorter_side():
    assert read_image(np.zeros((8, 20_000, 3), np.uint8)).shape == (8, WORKING_SIDE, 3)
    assert read_image(np.zeros((20_000, 9, 3), np.uint8)).shape == (WORKING_SIDE, 8, 3)


@pytest.mark.parametrize("suffix", ["gif", "tiff", "webp", "png"])
def test_no_file_stays_open(tmp_path, suffix):
    frames = [Image.new("RGB", (20, 10), c) for c in ("red", "lime")]
    frames[0].save(tmp_path / f"p.{suffix}", save_all=True, append_images=frames[1:])
    (tmp_path / f"bad.{suffix}").write_bytes((tmp_path / f"p.{suffix}").read_bytes()[:-20])
    before = len(os.listdir("/proc/self/fd"))
    kept = []  # an error keeps what its frames hold
    for name in ("p", "bad"):
        try:
            kept.append(read_image(tmp_path / f"{name}.{suffix}"))
        except InputError as error:
            kept.append(error)
    assert len(os.listdir("/proc/self/fd")) == before
    assert len(kept) == 2


AVIF = ["avif"] if features.check("avif") else []
NOISE = Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 60, 3)).astype(np.uint8))


@pytest.fixture(scope="module")
def photo_files(tmp_path_factory) -> dict[str, bytes]:
    folder = tmp_path_factory.mktemp("photos")
    files = {}
    for suffix in ("png", "jpg", "gif", "tiff", "bmp", "webp", *AVIF):
        ImageOps.posterize(NOISE, 3).save(folder / f"p.{suffix}")
        files[suffix] = (folder / f"p.{suffix}").read_bytes()
    return files


@given(st.data())
def test_a_truncated_or_damaged_file_is_either_read_or_refused_clearly(photo_files, tmp_path_factory, data):
    suffix = data.draw(st.sampled_from(sorted(photo_files)))
    content = bytearray(photo_files[suffix])
    if data.draw(st.booleans()):
        content = content[: data.draw(st.integers(0, len(content) - 1))]
    else:
        for position in data.draw(st.lists(st.integers(0, min(400, len(content)) - 1), max_size=6)):
            content[position] = data.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / f"damaged.{suffix}"
    path.write_bytes(content)
    try:
        found = read_image(path)
    except InputError as error:
        assert "\n" not in str(error)
    else:
        assert found.ndim == 3
        assert found.dtype == np.uint8


@pytest.mark.parametrize("suffix", ["png", "jpg", "webp", "tiff", *AVIF])
def test_half_a_file_is_refused_as_damaged(photo_files, tmp_path, suffix):
    content = photo_files[suffix]
    (tmp_path / f"p.{suffix}").write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match=r"damaged|not an image"):
        read_image(tmp_path / f"p.{suffix}")


@pytest.mark.parametrize("error", [RuntimeError, EOFError])
def test_whatever_a_decoder_raises_becomes_a_clear_refusal(error):
    """Pillow's AVIF decoder raises RuntimeError on damaged files, others raise other errors."""

    class Broken(Image.Image):
        def load(self):
            raise error("decoding failed")

    broken = Broken()
    broken._mode, broken._size = "RGB", (20, 20)
    with pytest.raises(InputError, match="damaged or incomplete"):
        read_image(broken)
