"""RoIAlign by matrix products against torchvision's."""

from __future__ import annotations

import pytest
import torch
import torchvision.ops
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from cuts3d.detector.roi_align import roi_align

SCALE = 1 / 8
ODD_BOXES = [
    (40.0, 40.0, 40.0, 40.0),  # of no size
    (-90.0, -90.0, -20.0, -9.0),  # outside
    (-300.0, -300.0, 900.0, 900.0),  # around all
    (150.0, 100.0, 159.9, 111.9),  # in the last corner
    (3.0, 3.0, 3.5, 119.0),  # a line
]


def both(feature: Tensor, rois: Tensor, side: int) -> tuple[Tensor, Tensor]:
    found = roi_align(feature, rois, side, SCALE)
    return found, torchvision.ops.roi_align(feature, rois, side, SCALE, 0, aligned=True)


def upright(box: tuple[float, float, float, float]) -> tuple[float, ...]:
    (x0, x1), (y0, y1) = sorted(box[::2]), sorted(box[1::2])
    return x0, y0, x1, y1


def rois_of(boxes: list[tuple[float, ...]], photo: int = 0) -> Tensor:
    return torch.tensor([(float(photo), *box) for box in boxes], dtype=torch.float32).reshape(-1, 5)


edge = st.floats(-40, 200, width=32)


@given(
    boxes=st.lists(st.tuples(edge, edge, edge, edge), max_size=5),
    side=st.sampled_from((1, 7, 14)),
    shape=st.sampled_from(((15, 20), (1, 1), (1, 9))),
    seed=st.integers(0, 99),
)
def test_any_box_is_read_as_torchvision_reads_it(
    boxes: list[tuple[float, float, float, float]], side: int, shape: tuple[int, int], seed: int
) -> None:
    generator = torch.Generator().manual_seed(seed)
    feature = torch.randn((1, 2, *shape), generator=generator)
    found, expected = both(feature, rois_of([upright(box) for box in boxes]), side)
    assert found.shape == (len(boxes), 2, side, side)
    torch.testing.assert_close(found, expected, atol=2e-4, rtol=1e-4)


@pytest.mark.parametrize("box", ODD_BOXES)
def test_odd_boxes_are_read_as_torchvision_reads_them(box: tuple[float, ...]) -> None:
    found, expected = both(torch.randn(1, 3, 15, 20), rois_of([box]), 7)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_each_box_is_read_from_its_own_photo() -> None:
    feature = torch.arange(3.0)[:, None, None, None].expand(3, 1, 15, 20).contiguous()
    rois = torch.cat([rois_of([(10.0, 10.0, 90.0, 80.0)], photo) for photo in (2, 0, 1)])
    assert roi_align(feature, rois, 7, SCALE).mean(dim=(1, 2, 3)).tolist() == pytest.approx([2, 0, 1])


def test_the_gradient_is_that_of_torchvision() -> None:
    feature = torch.randn(2, 4, 15, 20, requires_grad=True)
    boxes = [(5.0, 9.0, 120.0, 80.0), (30.0, 2.0, 61.0, 44.0), *ODD_BOXES]
    rois = torch.cat([rois_of(boxes, photo) for photo in (0, 1)])
    found, expected = both(feature, rois, 7)
    upstream = torch.randn_like(found)
    (mine,) = torch.autograd.grad(found, feature, upstream)
    (theirs,) = torch.autograd.grad(expected, feature, upstream)
    torch.testing.assert_close(mine, theirs, atol=1e-4, rtol=1e-4)


def test_under_autocast_it_stays_in_full_precision() -> None:
    feature, rois = torch.randn(1, 3, 15, 20), rois_of([(5.0, 9.0, 120.0, 80.0)])
    with torch.autocast("cpu", torch.bfloat16):
        found = roi_align(feature, rois, 7, SCALE)
    assert found.dtype == torch.float32
    assert found.equal(roi_align(feature, rois, 7, SCALE))
