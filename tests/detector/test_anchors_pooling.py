"""Anchors and pooled features against plain loops."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torchvision.models.detection.image_list import ImageList

from cuts3d.detector.anchors import Anchors
from cuts3d.detector.pooling import Pooler

SIZES, STRIDES = (16, 32, 64), (8, 16, 32)
CANONICAL = 160


def images(count: int = 1) -> ImageList:
    return ImageList(torch.zeros(count, 3, 8, 8), [(8, 8)] * count)


def plain_anchors(shapes: list[tuple[int, int]]) -> list[list[float]]:
    """Level by level, row by row, ratio by ratio: centred on multiples of the stride, of one area a level."""
    found = []
    for size, stride, (h, w) in zip(SIZES, STRIDES, shapes, strict=True):
        for row in range(h):
            for column in range(w):
                for ratio in (0.5, 1.0, 2.0):
                    wide, high = math.sqrt(size**2 / ratio), math.sqrt(size**2 * ratio)
                    x, y = column * stride, row * stride
                    found.append([x - wide / 2, y - high / 2, x + wide / 2, y + high / 2])
    return found


@pytest.mark.parametrize("shapes", [[(8, 12), (4, 6), (2, 3)], [(5, 9), (3, 5), (2, 3)], [(1, 1), (1, 1), (1, 1)]])
def test_anchors_are_those_of_the_loop(shapes: list[tuple[int, int]]) -> None:
    found = Anchors(SIZES, STRIDES)(images(2), [torch.zeros(2, 4, *shape) for shape in shapes])
    assert len(found) == 2
    for anchors in found:
        assert anchors.dtype == torch.float32
        torch.testing.assert_close(anchors, torch.tensor(plain_anchors(shapes)))


def test_anchors_lie_as_the_proposal_network_counts_them() -> None:
    assert Anchors(SIZES, STRIDES).num_anchors_per_location() == [3, 3, 3]


def test_a_level_without_a_size_is_an_error() -> None:
    with pytest.raises(ValueError, match="zip"):
        Anchors(SIZES, STRIDES)(images(), [torch.zeros(1, 4, 8, 8)] * 2)


# pooling


def features(seed: int, count: int = 2, side: int = 256) -> list[Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.rand(count, 3, side // stride, side // stride, generator=generator) for stride in STRIDES]


def level_of(box: list[float], canonical: int) -> int:
    """k = ⌊4 + log₂(√(wh) / canonical)⌋ of stride 2^k, within the levels there are (FPN, Eq. 1)."""
    side = math.sqrt(max((box[2] - box[0]) * (box[3] - box[1]), 1e-12))
    k = math.floor(4 + math.log2(side / canonical) + 1e-6)
    return min(max(k, 3), 5) - 3


def bilinear(map_: np.ndarray, y: float, x: float) -> np.ndarray:
    """Value [C] between pixels' centres; 0 further than one pixel outside."""
    h, w = map_.shape[1:]
    if not (-1 <= y <= h and -1 <= x <= w):
        return np.zeros(map_.shape[0])
    y, x = min(max(y, 0), h - 1), min(max(x, 0), w - 1)
    top, left = min(int(y), h - 1), min(int(x), w - 1)
    low, right = min(top + 1, h - 1), min(left + 1, w - 1)
    dy, dx = y - top, x - left
    above = map_[:, top, left] * (1 - dx) + map_[:, top, right] * dx
    below = map_[:, low, left] * (1 - dx) + map_[:, low, right] * dx
    return above * (1 - dy) + below * dy


def plain_pool(map_: np.ndarray, box: list[float], stride: int, side: int) -> np.ndarray:
    """RoIAlign (Mask R-CNN) with the half-pixel shift: pixel i of a map has its centre at (i + ½)·stride."""
    x0, y0, x1, y1 = (value / stride - 0.5 for value in box)
    across, down = (x1 - x0) / side, (y1 - y0) / side
    columns, rows = math.ceil(across), math.ceil(down)
    found = np.zeros((map_.shape[0], side, side))
    for i in range(side):
        for j in range(side):
            for a in range(rows):
                for b in range(columns):
                    y, x = y0 + (i + (a + 0.5) / rows) * down, x0 + (j + (b + 0.5) / columns) * across
                    found[:, i, j] += bilinear(map_, y, x) / (rows * columns)
    return found


BOXES = (
    [[10.0, 20, 30, 50], [0, 0, 256, 256], [100, 50, 260, 210], [3.7, 90.2, 170.1, 130.9]],
    [[5.5, 5.5, 85.5, 85.5], [200, 200, 256, 256]],
)


@pytest.mark.parametrize("side", [7, 14])
def test_pooled_features_are_those_of_the_loop(side: int) -> None:
    maps = features(0)
    found = Pooler(side, STRIDES, CANONICAL)(maps, [torch.tensor(boxes) for boxes in BOXES])
    place = 0
    for n, boxes in enumerate(BOXES):
        for box in boxes:
            level = level_of(box, CANONICAL)
            wanted = plain_pool(maps[level][n].numpy(), box, STRIDES[level], side)
            np.testing.assert_allclose(found[place].numpy(), wanted, atol=1e-5)
            place += 1
    assert len(found) == place


def test_a_plane_is_read_without_a_shift() -> None:
    """On a map that rises with x, a cell holds the place of its own centre."""
    stride, side = 8, 7
    ramp = ((torch.arange(32.0) + 0.5) * stride).expand(1, 1, 32, 32)
    box = [40.0, 60, 96, 116]
    found = Pooler(side, (stride,), CANONICAL)([ramp], [torch.tensor([box])])
    centres = 40 + (torch.arange(7) + 0.5) * 8
    torch.testing.assert_close(found[0, 0], centres.expand(7, 7))


@pytest.mark.parametrize("canonical", [64, 160, 224])
@pytest.mark.parametrize(("factor", "level"), [(0.2, 0), (0.99, 0), (1.0, 1), (1.99, 1), (2.0, 2), (9.0, 2)])
def test_a_box_of_the_canonical_side_is_read_at_stride_16(canonical: int, factor: float, level: int) -> None:
    side = canonical * factor
    found = Pooler(7, STRIDES, canonical)._levels(torch.tensor([[1.0, 2, 1 + side, 2 + side]]))
    assert found.tolist() == [level]


@given(st.lists(st.tuples(*[st.floats(0, 500, width=32)] * 4), min_size=1, max_size=10))
def test_levels_follow_the_formula(boxes: list[tuple[float, float, float, float]]) -> None:
    made = [[x, y, x + w, y + h] for x, y, w, h in boxes]
    found = Pooler(7, STRIDES, CANONICAL)._levels(torch.tensor(made))
    for level, (_, _, w, h) in zip(found.tolist(), boxes, strict=True):
        near = {level_of([0, 0, w * f, h * f], CANONICAL) for f in (0.999, 1.0, 1.001)}
        assert level in near


def test_boxes_that_are_empty_or_outside_give_finite_features() -> None:
    boxes = torch.tensor([[5.0, 5, 5, 5], [9, 9, 3, 3], [-90, -90, -50, -50], [900, 900, 950, 950]])
    found = Pooler(7, STRIDES, CANONICAL)(features(1, 1), [boxes])
    assert found.shape == (4, 3, 7, 7)
    assert found.isfinite().all()


def test_photos_without_boxes_give_nothing_and_keep_the_gradient_alive() -> None:
    maps = [m.requires_grad_() for m in features(2)]
    found = Pooler(7, STRIDES, CANONICAL)(maps, [torch.zeros(0, 4)] * 2)
    assert found.shape == (0, 3, 7, 7)
    found.sum().backward()
    assert all(m.grad is not None and not m.grad.any() for m in maps)


def test_a_coarser_level_than_boxes_are_read_from_is_left_alone() -> None:
    maps = features(3, 1)
    boxes = [torch.tensor(BOXES[0])]
    pooler = Pooler(7, STRIDES, CANONICAL)
    assert torch.equal(pooler([*maps, torch.full((1, 3, 2, 2), torch.nan)], boxes), pooler(maps, boxes))
