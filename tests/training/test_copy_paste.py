"""Copy-paste by confidence: the formula, and what it may cover."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from made_samples import FIELDS, assert_same, assert_valid, empty_sample, made_sample

from training.data.augment import LEAST_PIXELS, areas
from training.data.copy_paste import copy_paste, stack
from training.data.samples import Sample, boxes_of

sides = st.integers(40, 100)
shapes = st.tuples(sides, sides)
seeds = st.integers(0, 10_000)


def generator(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def paste(target: Sample, source: Sample, seed: int = 0, above: float | None = None, *, blend: bool = True) -> Sample:
    return copy_paste(target, source, generator(seed), select_above=above, blend=blend)


def square(place: int, side: int, size: int = 64) -> Sample:
    """A photo with one square from (place, place) on, of confidence 0.75, on black; the square is white."""
    mask = torch.zeros(1, size, size, dtype=torch.bool)
    mask[0, place : place + side, place : place + side] = True
    return Sample(
        image=mask.float().expand(3, -1, -1).contiguous(),
        masks=mask,
        confidence=torch.where(mask, 0.75, 1.0),
        scores=torch.ones(1),
        mean_confidence=torch.tensor([0.75]),
    )


def plain_stack(below: torch.Tensor, above: torch.Tensor) -> list[torch.Tensor]:
    """The same on whole masks, one pair after the other."""
    layers, whole = list(below), [int(mask.sum()) for mask in below]
    for mask in above:
        left = [layer & ~mask for layer in layers]
        if int(mask.sum()) >= LEAST_PIXELS and all(2 * int(m.sum()) > n for m, n in zip(left, whole, strict=True)):
            layers, whole = [*left, mask], [*whole, int(mask.sum())]
    return layers


@given(seeds, shapes, st.integers(0, 5), st.integers(1, 8))
def test_masks_are_stacked_as_the_plain_reference_does(seed, size, lower, upper):
    below, above = (made_sample(s, size, 8).masks[:n] for s, n in ((seed, lower), (seed + 1, upper)))
    layers, left, pasted = stack(below, areas(below), above, boxes_of(above).long().tolist())
    expected = plain_stack(below, above)
    assert torch.equal(layers, torch.stack(expected) if expected else below)
    assert left.tolist() == [int(mask.sum()) for mask in expected]
    assert len(pasted) == len(expected) - lower


@given(seeds, shapes, shapes, st.booleans())
def test_the_result_keeps_the_promises_of_a_sample(seed, size, other, blend):
    target, source = made_sample(seed, size), made_sample(seed + 1, other)
    before = [getattr(target, name).clone() for name in FIELDS]
    result = paste(target, source, seed, blend=blend)
    assert_valid(result)
    assert areas(result.masks).min() >= LEAST_PIXELS
    assert result.name == target.name
    for name, old in zip(FIELDS, before, strict=True):
        assert torch.equal(getattr(target, name), old), f"the target's {name} changed"


@given(seeds, shapes)
def test_pasted_masks_share_no_pixel_with_what_they_cover_and_leave_more_than_half_of_it(seed, size):
    target, source = made_sample(seed, size, 2), made_sample(seed + 1, size, 3)
    # a label of the target or of the source is known by its score
    target = dataclasses.replace(target, scores=torch.tensor([0.1, 0.2]))
    source = dataclasses.replace(source, scores=torch.tensor([0.7, 0.8, 0.9]))
    result = paste(target, source, seed)
    old = [i for i, score in enumerate(result.scores.tolist()) if score < 0.5]
    new = [i for i, score in enumerate(result.scores.tolist()) if score > 0.5]
    for place, top in enumerate(new):
        for below in [*old, *new[:place]]:
            assert not (result.masks[top] & result.masks[below]).any()
    for i in old:
        was = target.masks[round(10 * float(result.scores[i])) - 1]
        assert not (result.masks[i] & ~was).any()
        assert 2 * int(result.masks[i].sum()) > int(was.sum())


@given(seeds, shapes)
def test_outside_the_pasted_masks_the_photo_is_untouched(seed, size):
    target, source = made_sample(seed, size, 1), made_sample(seed + 1, size, 2)
    result = paste(target, source, seed)
    pasted = result.masks[result.scores.unsqueeze(1).ne(target.scores).all(dim=1)].any(dim=0)
    assert torch.equal(result.image[:, ~pasted], target.image[:, ~pasted])


@pytest.mark.parametrize("blend", [True, False])
def test_the_blend_is_the_formula(blend):
    source = square(8, 48)
    target = dataclasses.replace(empty_sample((64, 64)), image=torch.full((3, 64, 64), 0.2))
    for seed in range(5):
        result = paste(target, source, seed, blend=blend)
        mask, sc = result.masks[0], result.confidence[0] if blend else torch.ones(64, 64)
        expected = torch.where(mask, sc * 1.0 + (1 - sc) * 0.2, torch.tensor(0.2))
        torch.testing.assert_close(result.image, expected.expand(3, -1, -1))
        assert float(result.confidence[0][mask].min()) == pytest.approx(0.75)


def test_the_source_is_scaled_to_0_3_to_1_of_the_target_with_its_aspect_ratio_kept():
    source, target = square(0, 64), empty_sample((96, 128))
    widths = []
    for seed in range(200):
        x0, y0, x1, y1 = paste(target, source, seed).boxes[0].tolist()
        assert x1 - x0 == y1 - y0
        widths.append(x1 - x0)
    assert 0.3 * 96 - 1 <= min(widths) < 0.35 * 96
    assert 0.95 * 96 < max(widths) <= 96


def test_what_is_pasted_comes_to_every_part_of_the_target():
    source, target = square(20, 24), empty_sample((64, 64))
    boxes = torch.cat([paste(target, source, seed).boxes for seed in range(200)])
    assert float(boxes[:, :2].min()) == 0
    assert float(boxes[:, 2:].max()) == 64
    seen = torch.stack([paste(target, source, seed).masks[0] for seed in range(200)]).any(dim=0)
    assert float(seen.float().mean()) > 0.95


def test_an_object_that_would_cover_half_of_a_label_is_not_pasted():
    target = square(24, 16)
    results = [paste(target, square(0, 64), seed) for seed in range(100)]
    refused = [result for result in results if len(result.masks) == 1]
    assert 0 < len(refused) < 100
    for result in refused:
        assert_same(result, target)
    assert all(2 * areas(result.masks)[0] > 256 for result in results)


def test_covered_parts_are_cut_and_no_longer_have_a_confidence_of_their_own():
    target, source = square(4, 40), square(8, 48)
    cut = [r for r in (paste(target, source, seed) for seed in range(100)) if areas(r.masks)[0] < 1600]
    assert cut
    for result in cut:
        below, top = result.masks
        assert (result.confidence[0][top] == 1).all()
        assert (result.confidence[0][below] == 0.75).all()
        assert areas(below[None]) + areas((target.masks[0] & top)[None]) == 1600


def test_only_labels_as_confident_as_asked_are_pasted():
    target, source = empty_sample(), made_sample(5, count=4)
    source = dataclasses.replace(source, mean_confidence=torch.tensor([0.9, 0.6, 0.7, 0.5]))
    for seed in range(20):
        result = paste(target, source, seed, 0.7)
        assert 1 <= len(result.masks) <= 2
        assert {round(mean, 3) for mean in result.mean_confidence.tolist()} <= {0.9, 0.7}
    assert paste(target, source, above=0.95) is target


def test_photos_without_labels_go_through():
    target = made_sample(6)
    assert paste(target, empty_sample()) is target
    assert len(paste(empty_sample(), target).masks)
    assert_valid(paste(empty_sample(), empty_sample()))


def test_the_same_generator_pastes_the_same():
    target, source = made_sample(7), made_sample(8)
    assert_same(paste(target, source, 3), paste(target, source, 3))
    assert any(not torch.equal(paste(target, source, 3).image, paste(target, source, s).image) for s in range(4, 8))
