"""The still picture of the point cloud: any size, centred, near points in front."""

from __future__ import annotations

import numpy as np
import pytest

from cuts3d.io.overlays import instance_colour
from ui.draw.cloud_picture import cloud_picture
from ui.draw.render import to_html


def drawn(h: int, w: int, *, flat: bool = False, cut: bool = True, **changes):
    rng = np.random.default_rng(h * 1000 + w)
    image = rng.integers(0, 256, (h, w, 3), dtype=np.uint8)
    z = np.full((h, w), 0.5, np.float32) if flat else rng.random((h, w), dtype=np.float32)
    mask = np.zeros((4, 5), dtype=bool)
    mask[1:3, 1:3] = True
    region = np.ones_like(mask)
    region[0] = False
    given = {"mask": mask if cut else None, "region": region if cut else None, **changes}
    return cloud_picture(image, z, given["mask"], given["region"], instance_colour(0))


SIZES = [(120, 160), (160, 120), (8, 8), (8, 1600), (1600, 8), (1, 300), (300, 1), (1, 1), (1600, 1200), (40, 1600)]


@pytest.mark.parametrize("flat", [True, False], ids=["flat", "deep"])
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_a_cloud_of_any_size_is_drawn_and_can_be_sent(size, flat):
    picture = drawn(*size, flat=flat)
    assert picture.pixels is not None
    h, w, channels = picture.pixels.shape
    assert channels == 4
    assert max(h, w) <= 1440, "larger than anything that the page shows"
    assert set(np.unique(picture.pixels[..., 3])) <= {0, 255}
    assert (picture.pixels[..., 3] == 255).any()
    assert "data:image/" in to_html(picture, size)


@pytest.mark.parametrize("size", [(120, 160), (160, 120), (90, 90)])
def test_the_cloud_s_picture_has_the_photo_s_proportions_and_lies_in_its_middle(size):
    picture = drawn(*size)
    assert picture.pixels is not None
    h, w = picture.pixels.shape[:2]
    assert h / w == pytest.approx(size[0] / size[1], rel=0.02)
    rows, columns = (np.flatnonzero((picture.pixels[..., 3] > 0).any(axis=axis)) for axis in (1, 0))
    assert (rows[0] + rows[-1]) / 2 == pytest.approx(h / 2, abs=0.03 * h)
    assert (columns[0] + columns[-1]) / 2 == pytest.approx(w / 2, abs=0.03 * w)


def test_the_same_cloud_gives_the_same_picture():
    np.testing.assert_array_equal(drawn(60, 80).pixels, drawn(60, 80).pixels)


def test_a_cut_colours_its_points_and_dims_what_is_outside_b():
    plain, coloured = drawn(60, 80, flat=True, cut=False), drawn(60, 80, flat=True)
    assert plain.pixels is not None
    assert coloured.pixels is not None
    np.testing.assert_array_equal(plain.pixels[..., 3], coloured.pixels[..., 3])
    changed = (plain.pixels != coloured.pixels).any(axis=2)
    shown = plain.pixels[..., 3] > 0
    fraction = changed.sum() / shown.sum()
    assert 0.3 < fraction < 0.6  # a quarter of the rows is dimmed, a fifth of the patches is in colour


def test_near_points_hide_far_ones():
    image = np.zeros((150, 150, 3), dtype=np.uint8)
    image[:, ::2], image[:, 1::2] = (255, 0, 0), (0, 0, 255)
    far_blue = np.tile(np.array([0.0, 0.2], dtype=np.float32), (150, 75))

    def reds(z: np.ndarray) -> float:
        pixels = cloud_picture(image, z, None, None, instance_colour(0)).pixels
        assert pixels is not None
        seen = pixels[pixels[..., 3] > 0]
        return float((seen[:, 0] > seen[:, 2]).mean())

    assert reds(far_blue) > reds(1 - far_blue) + 0.05
