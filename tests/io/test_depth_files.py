"""Depth maps from NPZ, PFM, EXR and deep PNG, transparency, and the frame of a photo with an EXIF orientation."""

import struct
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cuts3d.depth import read_depth
from cuts3d.errors import InputError
from cuts3d.io.photos import read_photo
from cuts3d.run.inputs import read_inputs

DEPTH = np.linspace(1, 5, 40 * 60, dtype=np.float32).reshape(40, 60)
OTHER = np.ones((7, 9), np.float32)


@pytest.mark.parametrize("name", ["depth", "disparity", "arr_0", "anything"])
@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_the_only_array_of_an_npz_is_read_whatever_its_name(tmp_path, name, save):
    save(tmp_path / "d.npz", **{name: DEPTH})
    np.testing.assert_array_equal(read_depth(tmp_path / "d.npz").values, DEPTH)


@pytest.mark.parametrize("name", ["depth", "disparity", "arr_0"])
def test_of_several_arrays_the_one_named_after_depth_is_read(tmp_path, name):
    arrays: dict[str, Any] = {"zzz": OTHER, name: DEPTH, "intrinsics": np.eye(3), "label": np.array("a photo")}
    np.savez(tmp_path / "d.npz", **arrays)
    depth = read_depth(tmp_path / "d.npz")
    np.testing.assert_array_equal(depth.values, DEPTH)
    assert any("disparity" in note for note in depth.notes) == (name == "disparity")
    assert read_depth(tmp_path / "d.npz", kind="disparity").notes == ()


def test_several_arrays_without_such_a_name_are_listed(tmp_path):
    np.savez(tmp_path / "d.npz", left=DEPTH, right=DEPTH)
    with pytest.raises(InputError, match=r"several arrays \('left, right'\)"):
        read_depth(tmp_path / "d.npz")


def test_an_npz_without_a_map_or_with_objects_is_refused(tmp_path):
    np.savez(tmp_path / "d.npz", words=np.array(["a"]), things=np.array([{}], dtype=object))
    with pytest.raises(InputError, match=r"no array \[H, W\] of numbers; it has 'words, things'"):
        read_depth(tmp_path / "d.npz")


def test_an_array_that_claims_a_huge_shape_is_refused_before_it_is_read(tmp_path):
    header = "{'descr': '<f4', 'fortran_order': False, 'shape': (1000000, 1000000)}".ljust(117) + "\n"
    (tmp_path / "d.npy").write_bytes(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header.encode())
    with pytest.raises(InputError, match=r"'d\.npy' is too large"):
        read_depth(tmp_path / "d.npy")


def test_one_map_with_a_leading_axis_is_one_map(tmp_path):
    np.save(tmp_path / "d.npy", DEPTH[None])
    np.testing.assert_array_equal(read_depth(tmp_path / "d.npy").values, DEPTH)


@pytest.mark.parametrize(("order", "scale"), [("<f4", b"-1.0"), (">f4", b"1.0")])
def test_a_pfm_is_read_upright_with_its_infinite_values_unknown(tmp_path, order, scale):
    values = DEPTH.copy()
    values[3, 4] = np.inf
    (tmp_path / "d.pfm").write_bytes(b"Pf\n60 40\n" + scale + b"\n" + values[::-1].astype(order).tobytes())
    np.testing.assert_array_equal(read_depth(tmp_path / "d.pfm").values, np.where(np.isinf(values), np.nan, values))


# ---- EXR


@pytest.fixture
def exr(tmp_path):
    openexr = pytest.importorskip("OpenEXR")

    def write(channels: dict[str, np.ndarray]):
        header = {"compression": openexr.ZIP_COMPRESSION, "type": openexr.scanlineimage}
        openexr.File(header, {name: np.ascontiguousarray(a) for name, a in channels.items()}).write(
            str(tmp_path / "d.exr")
        )
        return tmp_path / "d.exr"

    return write


@pytest.mark.parametrize("dtype", [np.float16, np.float32])
@pytest.mark.parametrize("name", ["Z", "Y", "R", "ViewLayer.Depth.Z", "depth.V"])
def test_an_exr_gives_its_channel_of_depth(exr, dtype, name):
    np.testing.assert_array_equal(read_depth(exr({name: DEPTH.astype(dtype)})).values, DEPTH.astype(dtype))


def test_depth_stands_before_colours_in_an_exr(exr):
    colours = {letter: DEPTH * scale for letter, scale in zip("RGB", (2, 3, 4), strict=True)}
    np.testing.assert_array_equal(read_depth(exr({**colours, "Z": DEPTH})).values, DEPTH)
    with pytest.raises(InputError, match="its channels differ"):
        read_depth(exr(colours))
    np.testing.assert_array_equal(read_depth(exr(dict.fromkeys("RGB", DEPTH))).values, DEPTH)


def test_an_exr_without_depth_lists_its_channels(exr):
    with pytest.raises(InputError, match=r"no channel Z of depth; it has 'U, W'"):
        read_depth(exr({"U": DEPTH, "W": DEPTH}))


def test_the_end_of_half_floats_is_unknown(exr):
    values = DEPTH.astype(np.float16)
    values[:5] = 65504
    assert np.isnan(read_depth(exr({"Z": values})).values[:5]).all()


# ---- pictures of several channels


def deep_png(values: np.ndarray, colour_type: int) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    header = struct.pack(">IIBBBBB", values.shape[1], values.shape[0], 16, colour_type, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


@pytest.mark.parametrize(("colour_type", "channels"), [(2, 3), (4, 1), (6, 3)])
def test_millimetres_in_a_colour_png_keep_all_16_bits(tmp_path, colour_type, channels):
    millimetres = (DEPTH * 1000).astype(np.uint16)
    opaque = [np.full_like(millimetres, 65535)] if colour_type > 2 else []
    (tmp_path / "d.png").write_bytes(deep_png(np.dstack([millimetres] * channels + opaque), colour_type))
    np.testing.assert_array_equal(read_depth(tmp_path / "d.png").values, millimetres)


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_fully_transparent_pixels_are_unknown(tmp_path, mode):
    levels, clear = (DEPTH * 50).astype(np.uint8), np.zeros((40, 60), bool)
    clear[5:9, 10:20] = True
    alpha = np.where(clear, 0, 255).astype(np.uint8)
    Image.merge(mode, [Image.fromarray(a) for a in [*[levels] * (len(mode) - 1), alpha]]).save(tmp_path / "d.png")
    depth = read_depth(tmp_path / "d.png")
    np.testing.assert_array_equal(depth.values, np.where(clear, np.nan, levels))
    assert "transparent" in depth.notes[0]


def test_an_opaque_picture_of_equal_channels_is_depth_without_a_note(tmp_path):
    levels = (DEPTH * 50).astype(np.uint8)
    Image.fromarray(np.dstack([levels] * 3 + [np.full_like(levels, 255)])).save(tmp_path / "d.png")
    depth = read_depth(tmp_path / "d.png")
    np.testing.assert_array_equal(depth.values, levels)
    assert depth.notes == ()


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P"])
def test_a_coloured_picture_of_depth_is_refused_with_the_reason(tmp_path, mode):
    colours = np.dstack(
        [(DEPTH * 50).astype(np.uint8), (255 - DEPTH * 50).astype(np.uint8), np.full((40, 60), 9, np.uint8)]
    )
    Image.fromarray(colours).convert(mode).save(tmp_path / "d.png")
    with pytest.raises(InputError, match="colours cannot be turned back into depth"):
        read_depth(tmp_path / "d.png")


def test_a_tensor_is_refused_with_the_cure():
    import torch

    with pytest.raises(InputError, match=r"tensor\.cpu\(\)\.numpy\(\)"):
        read_depth(torch.ones(4, 5))  # pyright: ignore[reportArgumentType]


# ---- the frame of the photo

TURNS = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.T,
    6: lambda a: np.rot90(a, 1),
    7: lambda a: a[::-1, ::-1].T,
    8: lambda a: np.rot90(a, -1),
}  # EXIF orientation -> how an upright map lies in the file


def photo(path, orientation: int):
    exif = Image.Exif()
    exif[0x0112] = orientation
    upright = np.dstack([(DEPTH * 50).astype(np.uint8)] * 3)
    stored = np.dstack([TURNS[orientation](upright[..., c]) for c in range(3)])
    Image.fromarray(stored).save(path, exif=exif)
    return path


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_a_depth_map_of_the_stored_frame_is_turned_with_the_photo(tmp_path, orientation):
    path = photo(tmp_path / "p.png", orientation)
    given = read_inputs(path, np.ascontiguousarray(TURNS[orientation](DEPTH)), depth_kind="metric")
    assert given.depth is not None
    np.testing.assert_array_equal(given.depth.values, DEPTH)
    assert f"turned like the photo, by EXIF orientation {orientation}" in given.notes[0]
    assert (given.photo.pixels[..., 0] == (DEPTH * 50).astype(np.uint8)).all()


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_a_depth_map_of_the_seen_frame_is_left_as_it_is(tmp_path, orientation):
    given = read_inputs(photo(tmp_path / "p.png", orientation), DEPTH, depth_kind="metric")
    assert given.depth is not None
    np.testing.assert_array_equal(given.depth.values, DEPTH)
    assert given.notes == ()


@pytest.mark.parametrize("orientation", [2, 3, 4])
def test_where_the_frame_cannot_be_known_the_seen_one_is_taken_and_said(tmp_path, orientation):
    given = read_inputs(photo(tmp_path / "p.png", orientation), DEPTH, depth_kind="metric")
    assert given.depth is not None
    np.testing.assert_array_equal(given.depth.values, DEPTH)
    assert f"EXIF orientation ({orientation})" in given.notes[0]


def test_holes_turn_with_their_map(tmp_path):
    stored = np.ma.masked_less(np.ascontiguousarray(TURNS[6](DEPTH)), 2)
    given = read_inputs(photo(tmp_path / "p.png", 6), stored, depth_kind="relative")
    assert given.depth is not None
    np.testing.assert_array_equal(given.depth.values, np.where(DEPTH < 2, np.nan, DEPTH))


def test_a_sideways_map_of_a_photo_without_orientation_is_refused_with_a_hint():
    with pytest.raises(InputError, match="would fit if it were turned by 90°"):
        read_depth(DEPTH.T, photo_shape=(40, 60))


@pytest.mark.parametrize("suffix", ["png", "tiff"])
@pytest.mark.parametrize("orientation", [3, 6])
def test_the_orientation_of_a_depth_file_is_applied(tmp_path, suffix, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    levels = (DEPTH * 10_000).astype(np.uint16)
    Image.fromarray(np.ascontiguousarray(TURNS[orientation](levels))).save(tmp_path / f"d.{suffix}", exif=exif)
    np.testing.assert_array_equal(read_depth(tmp_path / f"d.{suffix}").values, levels)


def test_the_photo_s_record_has_the_orientation_that_depth_follows(tmp_path):
    assert read_photo(photo(tmp_path / "p.png", 8)).orientation == 8
