"""All methods through one call: the features that they request, and the masks that they return."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any

import numpy as np
import pytest

from cuts3d.arrays import ImageArray
from cuts3d.baselines import BASELINES
from cuts3d.config import CutS3DConfig
from cuts3d.errors import ConfigError
from cuts3d.memo import Keyed, Memo
from cuts3d.run.methods import METHODS, OURS, check_method, find_masks, needed_features
from cuts3d.types import FoundMask

SMALL = CutS3DConfig().replace(image_size=224, crf=False)


class Recorder(Memo):
    """Remembers features only, and which of them were requested."""

    def __init__(self) -> None:
        super().__init__({"features": 8}, otherwise=0)
        self.requested: list[Hashable] = []

    def __call__(self, stage: str, function: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Keyed[Any]:
        if stage == "features":
            self.requested.append(args[1:])
        return super().__call__(stage, function, *args, **kwargs)


@pytest.fixture(scope="module")
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture(scope="module")
def small_photo(scene) -> ImageArray:
    return scene("two boxes").image


def find(photo: ImageArray, method: str, recorder: Recorder) -> list[FoundMask]:
    recorder.requested.clear()
    return find_masks(photo, SMALL, method=method, memo=recorder)


@pytest.mark.parametrize("method", METHODS)
def test_a_method_finds_masks_of_the_photos_size_that_score_between_0_and_1(
    method, small_photo, recorder, embedded_network
):
    found = find(small_photo, method, recorder)
    assert found
    for one in found:
        assert one.mask.dtype == one.coarse_mask.dtype == np.bool_
        assert one.mask.shape == small_photo.shape[:2]
        assert one.coarse_mask.shape == (16, 16)
        assert one.mask.any()
        assert one.coarse_mask.any()
        assert 0 <= one.score <= 1


@pytest.mark.parametrize("method", METHODS)
def test_a_method_asks_for_exactly_the_features_that_it_declares(method, small_photo, recorder, embedded_network):
    find(small_photo, method, recorder)
    needed = needed_features(method, SMALL)
    assert len(set(needed)) == len(needed)
    assert set(recorder.requested) == set(needed)


@pytest.mark.parametrize("method", METHODS)
def test_a_method_finds_the_same_masks_twice(method, small_photo, recorder, embedded_network):
    first, second = (find(small_photo, method, recorder) for _ in range(2))
    assert [one.score for one in first] == [one.score for one in second]
    for one, other in zip(first, second, strict=True):
        assert (one.mask == other.mask).all()
        assert (one.coarse_mask == other.coarse_mask).all()


@pytest.mark.parametrize("method", BASELINES)
def test_a_baselines_masks_come_best_first_and_keep_the_smallest_area(method, small_photo, recorder, embedded_network):
    found = find(small_photo, method, recorder)
    scores = [one.score for one in found]
    assert scores == sorted(scores, reverse=True)
    if method != "maskcut":  # which has a rule of its own
        assert min(one.coarse_mask.mean() for one in found) >= SMALL.masks.min_area


@pytest.mark.parametrize("method", METHODS)
def test_a_photo_of_one_colour_is_no_error(method, embedded_network):
    flat = np.full((60, 80, 3), 127, np.uint8)
    for one in find_masks(flat, SMALL, method=method):
        assert one.mask.shape == (60, 80)


def test_every_baseline_names_its_paper_and_year():
    assert list(METHODS) == [OURS, *BASELINES]
    for baseline in BASELINES.values():
        assert any(f"{year})" in baseline.title for year in range(2020, 2027)), baseline.title


@pytest.mark.parametrize("call", [check_method, lambda m: needed_features(m, SMALL)])
def test_an_unknown_method_is_refused_with_the_known_ones(call):
    with pytest.raises(ConfigError, match=r"Unknown method 'sam'; choose one of: cuts3d, maskcut"):
        call("sam")
