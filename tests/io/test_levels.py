"""Which number is black and which is white, for every type and range of a photo's values."""

import numpy as np
import pytest
from PIL import Image

from cuts3d.errors import InputError
from cuts3d.io.photos import read_image, read_photo

GREY = np.tile(np.linspace(0, 255, 64).astype(np.uint8), (48, 1))
COLOUR = np.dstack([GREY, GREY[:, ::-1], np.full_like(GREY, 90)])


def off(found: np.ndarray, expected: np.ndarray) -> int:
    expected = expected if expected.ndim == 3 else np.dstack([expected] * 3)
    return int(np.abs(found.astype(int) - expected).max())


@pytest.mark.parametrize("bits", [10, 12, 14])
@pytest.mark.parametrize("form", ["file", "array", "colour"])
def test_fewer_bits_in_16_are_read_at_their_own_range(tmp_path, bits, form):
    values = np.rint((COLOUR if form == "colour" else GREY) / 255 * (2**bits - 1)).astype(np.uint16)
    if form == "file":
        Image.fromarray(values).save(tmp_path / "p.png")
    found = read_photo(tmp_path / "p.png" if form == "file" else values)
    assert off(found.pixels, COLOUR if form == "colour" else GREY) <= 1
    assert found.notes == (f"The photo's values were read as {bits} bits (0 to {2**bits - 1:,}).",)


@pytest.mark.parametrize("form", ["file", "array"])
def test_all_16_bits_are_divided_by_257_without_a_note(tmp_path, form):
    values = np.random.default_rng(0).integers(0, 65536, (40, 60)).astype(np.uint16)
    Image.fromarray(values).save(tmp_path / "p.png")
    found = read_photo(tmp_path / "p.png" if form == "file" else values)
    assert (found.pixels == (values // 257)[..., None]).all()
    assert found.notes == ()


def test_a_hot_pixel_does_not_make_12_bits_black():
    values = GREY.astype(np.uint16) * 16
    values[3, 3] = 65535
    found = read_photo(values)
    assert np.abs(found.pixels[..., 0].astype(int) - GREY)[values < 65535].max() <= 1
    assert "the few above it became white" in found.notes[0]


@pytest.mark.parametrize(
    "dtype", [np.uint8, np.int16, np.uint16, np.int32, np.uint32, np.int64, np.float32, np.float64]
)
def test_values_from_0_to_255_are_taken_as_they_are_in_every_type(dtype):
    assert (read_image(COLOUR.astype(dtype)) == COLOUR).all()


@pytest.mark.parametrize(
    ("dtype", "top"),
    [(np.uint32, 2**32 - 1), (np.int32, 2**31 - 1), (np.int16, 2**15 - 1), (np.int8, 127), ("u8", 2**64 - 1)],
)
def test_a_type_that_is_used_to_its_end_is_scaled_by_its_end(dtype, top):
    values = (GREY.astype(np.float64) / 255 * (top - top / 1e6)).astype(dtype)
    assert off(read_image(values), GREY) <= (2 if dtype == np.int8 else 1)


def test_big_endian_arrays_are_read_by_value():
    assert off(read_image((GREY.astype(np.uint16) * 257).astype(">u2")), GREY) == 0
    assert off(read_image((GREY / 255).astype(">f8")), GREY) == 0


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize(("scale", "shift"), [(1 / 255, 0), (2 / 255, -1), (1 / 255 / 100, 0), (25.3, 0), (0.02, -2.2)])
def test_floats_of_every_range_show_the_same_photo(dtype, scale, shift):
    values = (COLOUR * np.float64(scale) + shift).astype(dtype)
    assert off(read_image(values), COLOUR) <= 3


def test_floats_from_0_to_255_that_are_not_whole_are_not_white():
    found = read_photo(COLOUR.astype(np.float32) * 0.97 + 0.3)
    assert off(found.pixels, np.rint(COLOUR * 0.97 + 0.3)) <= 1
    assert found.notes == ("The photo's values were read as 0 to 255.",)


def test_a_bright_highlight_leaves_the_rest_of_a_float_photo(tmp_path):
    values = GREY.astype(np.float32) / 255
    values[10:12, 10:12] = 60
    Image.fromarray(values).save(tmp_path / "p.tif")
    found = read_photo(tmp_path / "p.tif")
    assert (found.pixels[values <= 1] == GREY[values <= 1][:, None]).all()
    assert (found.pixels[values > 1] == 255).all()
    assert "became white" in found.notes[0]


def test_an_overshoot_below_0_is_black_and_does_not_move_the_range():
    values = GREY / 255
    values[:, :8] = -0.01
    assert off(read_image(values)[:, 8:], GREY[:, 8:]) == 0


def test_values_that_are_unknown_become_black_and_are_counted():
    values = GREY / 255
    values[0] = np.nan
    found = read_photo(values)
    assert not found.pixels[0].any()
    assert found.notes == ("2.1 % of the photo is not a number and became black.",)
    masked = read_photo(np.ma.masked_array(GREY, mask=GREY > 250))
    assert not masked.pixels[GREY > 250].any()
    assert "masked" in masked.notes[0]
    with pytest.raises(InputError, match="no finite value"):
        read_image(np.full((20, 20), np.nan))


def test_alpha_has_a_range_of_its_own():
    opaque = np.dstack([COLOUR.astype(np.uint16) * 16, np.full(GREY.shape, 65535, np.uint16)])
    assert off(read_image(opaque), COLOUR) <= 1


@pytest.mark.parametrize("shape", [(3, 48, 64), (4, 48, 64), (1, 48, 64)])
def test_channels_that_come_first_are_refused_with_the_cure(shape):
    with pytest.raises(InputError, match=r"channels come first: give array\.transpose\(1, 2, 0\)"):
        read_image(np.zeros(shape, np.uint8))


def test_a_tensor_and_a_batch_are_refused_with_the_cure():
    import torch

    with pytest.raises(InputError, match=r"a Tensor.*permute\(1, 2, 0\)\.cpu\(\)\.numpy\(\)"):
        read_image(torch.zeros(3, 48, 64))  # pyright: ignore[reportArgumentType]
    with pytest.raises(InputError, match=r"give array\[0\]"):
        read_image(np.zeros((1, 48, 64, 3), np.uint8))


@pytest.mark.parametrize("pixels", [np.full((40, 60), 77, np.uint8), np.eye(200, dtype=np.uint8) * 255])
def test_a_nearly_uniform_photo_gets_a_hint(pixels):
    assert any("nearly uniform" in note for note in read_photo(pixels).notes)
    assert read_photo(COLOUR).notes == ()


@pytest.mark.parametrize(("dark", "bright"), [(0.0, 1.7e308), (-1.7e308, 1.7e308), (0.0, 5e9), (-3e38, 3e38)])
def test_floats_of_any_size_are_stretched(dark, bright):
    values = np.where(np.arange(64 * 64).reshape(64, 64) % 2 == 0, dark, bright)
    found = read_photo(values)
    assert set(np.unique(found.pixels[::, ::2])) == {0} and set(np.unique(found.pixels[::, 1::2])) == {255}
    assert found.notes
