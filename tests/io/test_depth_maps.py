"""Reading depth maps of the user."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from cuts3d.depth import read_depth
from cuts3d.errors import ConfigError, InputError
from cuts3d.io.depth_maps import WORKING_SIDE
from cuts3d.types import DepthMap

RAMP = np.arange(48, dtype=np.uint8).reshape(6, 8) * 5


@pytest.mark.parametrize("kind", ["metric", "relative", "disparity"])
def test_an_8_bit_png_keeps_its_values_and_the_meaning_given(tmp_path, kind):
    Image.fromarray(RAMP).save(tmp_path / "d.png")
    depth = read_depth(tmp_path / "d.png", kind=kind, photo_shape=(60, 80))
    assert depth.kind == kind
    assert depth.values.dtype == np.float32
    np.testing.assert_array_equal(depth.values, np.where(RAMP == 0, np.nan, RAMP) if kind == "metric" else RAMP)
    assert "d.png" in depth.estimator


@pytest.mark.parametrize("suffix", ["png", "tiff"])
def test_a_16_bit_file_keeps_its_full_range(tmp_path, suffix):
    values = RAMP.astype(np.uint16) * 257
    Image.fromarray(values).save(tmp_path / f"d.{suffix}")
    assert (read_depth(str(tmp_path / f"d.{suffix}")).values == values).all()


def test_a_float_tiff_keeps_its_fractions(tmp_path):
    values = RAMP.astype(np.float32) / 7
    Image.fromarray(values).save(tmp_path / "d.tiff")
    assert (read_depth(tmp_path / "d.tiff").values == values).all()


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, np.int32, np.uint16])
def test_an_npy_file_of_any_number_type_is_read(tmp_path, dtype):
    np.save(tmp_path / "d.npy", RAMP.astype(dtype))
    assert (read_depth(tmp_path / "d.npy").values == RAMP).all()


class Harmful:
    def __init__(self, victim):
        self.victim = victim

    def __reduce__(self):
        return (open, (str(self.victim), "w"))


def test_a_pickled_npy_is_refused_and_none_of_its_code_runs(tmp_path):
    victim = tmp_path / "victim"
    np.save(tmp_path / "d.npy", np.array([Harmful(victim)], dtype=object), allow_pickle=True)
    (tmp_path / "e.npy").write_bytes(pickle.dumps(Harmful(victim)))
    for name in ("d.npy", "e.npy"):
        with pytest.raises(InputError, match=f"'{name}' is not a depth map"):
            read_depth(tmp_path / name)
    assert not victim.exists()


def test_three_equal_channels_are_one_depth(tmp_path):
    Image.fromarray(np.dstack([RAMP] * 3)).save(tmp_path / "d.png")
    assert (read_depth(tmp_path / "d.png").values == RAMP).all()


def test_an_array_with_one_channel_axis_is_one_depth():
    assert (read_depth(RAMP[..., None]).values == RAMP).all()


def test_three_equal_channels_may_have_holes():
    values = RAMP.astype(np.float32)
    values[2, 3] = np.nan
    np.testing.assert_array_equal(read_depth(np.dstack([values] * 3)).values, values)
    with pytest.raises(InputError, match="one number per pixel"):
        read_depth(np.dstack([values, values, RAMP.astype(np.float32)]))


@pytest.mark.parametrize("odd", [0, 1, 2])
def test_a_colour_picture_is_no_depth_map_whichever_channel_differs(odd):
    channels = [RAMP, RAMP, RAMP]
    channels[odd] = RAMP[::-1]
    with pytest.raises(InputError, match="one number per pixel"):
        read_depth(np.dstack(channels))


@pytest.mark.parametrize(
    "array",
    [np.zeros(5), np.zeros((2, 3, 4, 5)), np.zeros((1, 9)), np.zeros((0, 0)), np.zeros((6, 8, 0)), np.float32(1.0)],
    ids=lambda a: str(a.shape),
)
def test_arrays_of_another_shape_are_refused(array):
    with pytest.raises(InputError, match="one number per pixel"):
        read_depth(np.asarray(array))


@pytest.mark.parametrize("dtype", [bool, "U3", object, complex])
def test_arrays_of_what_is_no_real_number_are_refused(dtype):
    with pytest.raises(InputError, match="one number per pixel"):
        read_depth(np.ones((6, 8)).astype(dtype))


@pytest.mark.parametrize("photo", [(80, 60), (60, 60), (60, 90)])
def test_a_depth_map_of_another_aspect_is_refused_with_both_sizes(photo):
    with pytest.raises(InputError, match=f"8×6 and the photo {photo[1]}×{photo[0]}.*aspect"):
        read_depth(RAMP, photo_shape=photo)


def test_an_aspect_off_by_rounding_is_taken():
    assert read_depth(np.zeros((192, 256)), photo_shape=(427, 570)).values.shape == (192, 256)


@pytest.mark.filterwarnings("error")
def test_what_is_not_finite_or_beyond_float32_becomes_nan():
    values = np.ones((4, 4))
    values[0, :3] = [np.nan, np.inf, -np.inf]
    values[1, 0] = 1e300
    found = np.isnan(read_depth(values).values)
    assert found[0].tolist() == [True, True, True, False]
    assert found[1].tolist() == [True, False, False, False]


@pytest.mark.parametrize("kind", ["metres", "", None, ["metric"]])
def test_another_meaning_of_the_values_is_refused_with_the_three_there_are(kind):
    with pytest.raises(ConfigError, match="depth_kind must be one of metric, relative, disparity"):
        read_depth(RAMP, kind=kind)


@pytest.mark.parametrize("source", [7, b"depth.png", [[1.0, 2.0], [3.0, 4.0]]])
def test_what_is_neither_path_nor_array_is_refused_by_its_kind(source):
    with pytest.raises(InputError, match=f"this one is a {type(source).__name__}"):
        read_depth(source)


def test_a_name_that_no_file_can_have_is_refused():
    with pytest.raises(InputError, match="is not a depth map") as raised:
        read_depth("a" * 5000 + ".png")
    assert len(str(raised.value)) < 250


def test_a_large_map_is_reduced_by_whole_steps_without_mixing_values():
    values = np.tile([1.0, 9.0], (100, 2100))
    reduced = read_depth(values).values
    assert WORKING_SIDE <= max(reduced.shape) < 2 * WORKING_SIDE
    assert reduced.shape == (25, 1050)
    assert set(np.unique(reduced)) <= {1.0, 9.0}


def test_the_array_given_is_not_written_to():
    values = np.array([[np.inf, 1.0], [2.0, 3.0]], np.float32)
    read_depth(values)
    assert np.isinf(values[0, 0])


def test_a_depth_map_passes_through_as_it_is():
    depth = DepthMap(values=np.ones((3, 7), np.float32), kind="disparity", estimator="mine")
    assert read_depth(depth, kind="metric", photo_shape=(100, 100)) is depth


@pytest.mark.parametrize("name", ["gone.png", "gone.npy", "gone.exr"])
def test_a_missing_file_is_said_to_be_missing(tmp_path, name):
    with pytest.raises(InputError, match="There is no file"):
        read_depth(tmp_path / name)


def test_a_folder_is_not_a_file(tmp_path):
    with pytest.raises(InputError, match="There is no file"):
        read_depth(tmp_path)


@pytest.mark.parametrize("name", ["d.png", "d.npy", "d.tiff"])
@pytest.mark.parametrize("content", [b"", b"not a depth map at all"])
def test_a_file_of_something_else_is_refused_with_its_name_and_the_formats(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=f"'{name}'.*PNG, TIFF, NPY, NPZ, PFM or EXR"):
        read_depth(tmp_path / name)


def test_a_drawing_is_no_depth_map_and_no_other_program_is_asked_to_run_it(tmp_path, monkeypatch):
    monkeypatch.setattr(subprocess, "Popen", lambda *_, **__: pytest.fail("a program was started"))
    page = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 90 90\n%%EndComments\nshowpage\n%%EOF\n"
    (tmp_path / "d.png").write_bytes(page)
    with pytest.raises(InputError, match=r"'d\.png' is not a depth map"):
        read_depth(tmp_path / "d.png")


def test_an_archive_of_arrays_named_as_one_array_is_refused(tmp_path):
    with (tmp_path / "d.npy").open("wb") as file:
        np.savez(file, depth=RAMP)
    with pytest.raises(InputError, match=r"'d\.npy' is not a depth map"):
        read_depth(tmp_path / "d.npy")


def test_a_truncated_png_is_refused(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (200, 200)).astype(np.uint8)
    Image.fromarray(noise).save(tmp_path / "d.png")
    content = (tmp_path / "d.png").read_bytes()
    (tmp_path / "d.png").write_bytes(content[: len(content) // 2])
    with pytest.raises(InputError, match=r"'d\.png'"):
        read_depth(tmp_path / "d.png")


def test_exr_without_its_package_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "OpenEXR", None)
    (tmp_path / "d.exr").write_bytes(b"v/1\x01")
    with pytest.raises(InputError, match="pip install OpenEXR"):
        read_depth(tmp_path / "d.exr")


def test_a_palette_png_of_grey_levels_is_read_as_levels(tmp_path):
    Image.fromarray(RAMP).convert("P").save(tmp_path / "d.png")
    assert (read_depth(tmp_path / "d.png").values == RAMP).all()


def test_measured_depth_in_millimetres_is_read_with_its_holes(shared_folder):
    from at_defaults import normalise_depth

    paths = sorted((shared_folder / "data" / "rgbd").glob("*_depth_mm.png"))
    assert paths
    for path in paths:
        with Image.open(str(path).replace("_depth_mm", "_rgb")) as photo:
            shape = (photo.height, photo.width)
        depth = read_depth(path, kind="metric", photo_shape=shape)
        z = normalise_depth(depth)
        assert 100 < np.median(depth.values[depth.values > 0]) < 20_000
        assert np.isfinite(z).all()
        assert np.ptp(z) == 1
