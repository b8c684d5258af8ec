"""Missing depth is missing: zeros, marks at the end of a type, NaN; and files of every number type."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from cuts3d.errors import InputError
from cuts3d.io.depth_maps import read_depth

FLOOR = (2000 + 4 * (80 - np.mgrid[:80, :120][0])).astype(np.float64)
FLOOR[20:60, 40:80] = 900  # millimetres: a box before a floor
HOLES = np.zeros(FLOOR.shape, bool)
HOLES[:, :8] = HOLES[10:16] = True
SHARE = f"{100 * HOLES.mean():.1f} %"


def with_holes(value: float, dtype: type | str = np.uint16) -> np.ndarray:
    return np.where(HOLES, value, FLOOR).astype(dtype)


def check_holes(depth, expected: np.ndarray = FLOOR) -> None:
    """Exactly the holes are unknown, the rest is as it was, and one line says the fraction."""
    np.testing.assert_array_equal(np.isnan(depth.values), HOLES)
    np.testing.assert_allclose(depth.values[~HOLES], expected[~HOLES], rtol=1e-3)
    (line,) = depth.notes
    assert SHARE in line
    assert "unknown" in line
    assert "nearest known value" in line


@pytest.mark.parametrize("kind", ["metric", "relative"])
@pytest.mark.parametrize("value", [0, 65535])
def test_holes_of_a_png_in_millimetres_are_unknown(tmp_path: Path, value: int, kind) -> None:
    Image.fromarray(with_holes(value)).save(tmp_path / "d.png")
    check_holes(read_depth(tmp_path / "d.png", kind=kind, photo_shape=FLOOR.shape))


@pytest.mark.parametrize("kind", ["metric", "relative"])
@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        (np.nan, np.float32),
        (np.inf, np.float64),
        (-np.inf, np.float32),
        (-1, np.float32),
        (-1, np.int16),
        (0, np.float32),
        (32767, np.int16),
        (2**31 - 1, np.int32),
        (2**32 - 1, np.uint32),
        (np.finfo(np.float32).max, np.float64),
        (np.finfo(np.float64).max, np.float64),
        (1e10, np.float64),
        (65504, np.float16),
    ],
)
def test_marks_of_missing_values_are_unknown(value: float, dtype: type, kind) -> None:
    check_holes(read_depth(with_holes(value, dtype), kind=kind))


def test_a_normalised_picture_keeps_its_zeros() -> None:
    picture = np.tile(np.linspace(0, 255, 120).astype(np.uint8), (80, 1))
    for kind in ("relative", "disparity"):
        depth = read_depth(picture, kind=kind)
        assert not np.isnan(depth.values).any()
        assert not depth.notes


def test_disparity_of_0_apart_from_all_others_is_unknown() -> None:
    disparity = np.where(HOLES, 0, 200000 / FLOOR).astype(np.float32)
    check_holes(read_depth(disparity, kind="disparity"), 200000 / FLOOR)


def test_a_map_that_is_unknown_everywhere_is_refused() -> None:
    for values in (np.zeros((40, 60), np.uint16), np.full((40, 60), np.nan)):
        with pytest.raises(InputError, match="no known depth"):
            read_depth(values, kind="metric")


@pytest.mark.parametrize("dtype", ["f2", "f4", "f8", "u1", "u2", ">u2", "i2", "u4", "i4", ">f8"])
@pytest.mark.parametrize("options", [{}, {"tile": (16, 16)}, {"compression": "zlib"}])
def test_every_number_type_of_tiff_is_read(tmp_path: Path, dtype: str, options: dict) -> None:
    scale = 1 / 40 if dtype == "u1" else 1
    values = (FLOOR * scale).astype(dtype)
    order = ">" if dtype.startswith(">") else "<"
    tifffile.imwrite(tmp_path / "d.tif", values, photometric="minisblack", byteorder=order, **options)
    depth = read_depth(tmp_path / "d.tif", kind="metric")
    np.testing.assert_allclose(depth.values, values.astype(np.float32))
    assert not depth.notes


def test_one_array_of_an_npz_is_read_and_the_one_of_depth_is_found(tmp_path: Path) -> None:
    np.savez(tmp_path / "one.npz", anything=FLOOR / 1000)
    np.savez(tmp_path / "two.npz", image=np.zeros((80, 120, 3)), depth=FLOOR / 1000, mask=HOLES)
    np.savez(tmp_path / "unclear.npz", first=FLOOR, second=FLOOR)
    for name in ("one.npz", "two.npz"):
        np.testing.assert_allclose(read_depth(tmp_path / name, kind="metric").values, FLOOR / 1000, rtol=1e-6)
    with pytest.raises(InputError, match="first, second"):
        read_depth(tmp_path / "unclear.npz")


def test_a_pfm_is_read_with_its_first_row_on_top(tmp_path: Path) -> None:
    rows = np.ascontiguousarray(FLOOR[::-1].astype("<f4"))
    (tmp_path / "d.pfm").write_bytes(b"Pf\n120 80\n-1.0\n" + rows.tobytes())
    np.testing.assert_allclose(read_depth(tmp_path / "d.pfm", kind="metric").values, FLOOR)


def test_an_exr_is_read(tmp_path: Path) -> None:
    exr = pytest.importorskip("OpenEXR", reason="the package OpenEXR is not installed")
    header = {"compression": exr.ZIP_COMPRESSION, "type": exr.scanlineimage}
    with exr.File(header, {"Z": FLOOR.astype(np.float32)}) as file:
        file.write(str(tmp_path / "d.exr"))
    np.testing.assert_allclose(read_depth(tmp_path / "d.exr", kind="metric").values, FLOOR)


def test_a_colour_picture_of_depth_is_refused_with_the_reason(tmp_path: Path) -> None:
    colours = np.dstack([FLOOR % 256, FLOOR // 10 % 256, FLOOR // 100]).astype(np.uint8)
    Image.fromarray(colours).save(tmp_path / "d.png")
    with pytest.raises(InputError, match=r"channels differ.*colours cannot be turned back"):
        read_depth(tmp_path / "d.png")


@pytest.mark.parametrize(("orientation", "stored"), [(5, FLOOR.T), (6, np.rot90(FLOOR)), (8, np.rot90(FLOOR, -1))])
def test_a_depth_map_of_the_stored_frame_is_turned_like_the_photo(orientation: int, stored: np.ndarray) -> None:
    depth = read_depth(stored, kind="metric", photo_shape=FLOOR.shape, orientation=orientation)
    np.testing.assert_allclose(depth.values, FLOOR)
    assert any("EXIF orientation" in note for note in depth.notes)


def test_a_depth_map_of_another_frame_is_refused_and_the_turn_named() -> None:
    with pytest.raises(InputError, match="turned by 90°"):
        read_depth(np.rot90(FLOOR), photo_shape=FLOOR.shape)
